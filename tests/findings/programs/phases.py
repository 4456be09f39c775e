"""flat: twelve phases one after the other, each with its own little loop; nothing stands out and nothing comes back."""

import time


def phase_source(number):
    return f"""
def phase_{number}(end):
    total = 0
    while clock() < end:
        for value in range({number + 3}):
            total += value * {number}
            total ^= value
    return total
"""


space = {"clock": time.monotonic}
for number in range(12):
    exec(phase_source(number), space)


def main():
    start = time.monotonic()
    for_phase = 0.15
    space["phase_0"](start + 1 * for_phase)
    space["phase_1"](start + 2 * for_phase)
    space["phase_2"](start + 3 * for_phase)
    space["phase_3"](start + 4 * for_phase)
    space["phase_4"](start + 5 * for_phase)
    space["phase_5"](start + 6 * for_phase)
    space["phase_6"](start + 7 * for_phase)
    space["phase_7"](start + 8 * for_phase)
    space["phase_8"](start + 9 * for_phase)
    space["phase_9"](start + 10 * for_phase)
    space["phase_10"](start + 11 * for_phase)
    space["phase_11"](start + 12 * for_phase)


main()
