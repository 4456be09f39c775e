"""Finds which navigation satellites are in the sky, and how far their codes have come, in a millisecond of noise.

finds: hot-loop in agreement
"""

import random
import sys

FIXED = sys.argv[1:] == ["fixed"]
CHIPS = 1023
MASK = (1 << CHIPS) - 1
ENOUGH = 600  # places that agree; by chance it is half of them

# Which two cells of the second register make each satellite's code.
TAPS = """
2-6 3-7 4-8 5-9 1-9 2-10 1-8 2-9 3-10 2-3 3-4 5-6 6-7 7-8 8-9 9-10
1-4 2-5 3-6 4-7 5-8 6-9 1-3 4-6 5-7 6-8 7-9 8-10 1-6 2-7 3-8 4-9
"""


def pairs():
    for number, pair in enumerate(TAPS.split(), start=1):
        one, other = pair.split("-")
        yield number, int(one) - 1, int(other) - 1


def chips(one, other):
    """A satellite's code: two shift registers, of which the second is tapped."""
    first, second, made = [1] * 10, [1] * 10, []
    for _ in range(CHIPS):
        made.append(first[9] ^ second[one] ^ second[other])
        back = first[2] ^ first[9]
        first = [back, *first[:9]]
        back = second[1] ^ second[2] ^ second[5] ^ second[7] ^ second[8] ^ second[9]
        second = [back, *second[:9]]
    return made


def sky(codes, visible, noise):
    """What a receiver with one bit hears of all of them together: 1 where the sum is below nought."""
    made = random.Random(31)
    heard = []
    for place in range(CHIPS):
        total = made.gauss(0, noise)
        for number, shift in visible.items():
            total += 1 - 2 * codes[number][(place + shift) % CHIPS]
        heard.append(1 if total < 0 else 0)
    return heard


def agreement(heard, code, shift):
    """At how many places the code, come so far, is what was heard."""
    same, place = 0, shift
    for chip in heard:
        if chip == code[place]:
            same += 1
        place += 1
        if place == CHIPS:
            place = 0
    return same


def packed(code):
    return int("".join(map(str, code)), 2)


def agreement_packed(heard, twice, shift):
    """The same of numbers that have a bit for each place, the code twice in a row."""
    return CHIPS - bin((twice >> (CHIPS - shift)) & MASK ^ heard).count("1")


def search(heard, code):
    """The best shift of one code, and how well it fits."""
    best, most = 0, 0
    if FIXED:
        heard, code, fit = packed(heard), packed(code + code), agreement_packed
    else:
        fit = agreement
    for shift in range(CHIPS):
        same = fit(heard, code, shift)
        if same > most:
            best, most = shift, same
    return best, most


def acquire(heard, codes):
    found = {}
    for number, code in codes.items():
        shift, same = search(heard, code)
        if same >= ENOUGH:
            found[number] = shift, same
    return found


if __name__ == "__main__":
    codes = {number: chips(one, other) for number, one, other in pairs()}
    heard = sky(codes, {3: 17, 11: 700, 19: 333, 22: 1001, 30: 512}, 0.8)
    for number, (shift, same) in acquire(heard, codes).items():
        print(f"satellite {number:2}: {shift:4} chips, {same} of {CHIPS} agree")
