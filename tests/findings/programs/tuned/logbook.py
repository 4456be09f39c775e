"""A ship's log as a page to read from: what was written last stands first.

finds: quadratic-concat in newest_first at `page = entry + page`
"""

import random
import sys

FIXED = sys.argv[1:] == ["fixed"]
WINDS = "n nne ne ene e ese se sse s ssw sw wsw w wnw nw nnw".split()
SEAS = ("calm", "smooth", "slight", "moderate", "rough", "very rough")
SEEN = ("a sail", "two gulls", "land", "nothing", "a whale", "ice", "a light", "weed")


def watches(days):
    """What the mate wrote down, a line for each half hour."""
    made = random.Random(7)
    wind, sea, log = 8, 2, 0.0
    for day in range(days):
        for half in range(48):
            wind = (wind + made.choice((-1, 0, 0, 0, 1))) % len(WINDS)
            sea = min(max(sea + made.choice((-1, 0, 0, 0, 1)), 0), len(SEAS) - 1)
            log += made.uniform(1.5, 6.0)
            yield day, half, WINDS[wind], SEAS[sea], log, made.choice(SEEN)


def told(day, half, wind, sea, log, seen):
    return f"day {day:3} {half // 2:02}:{half % 2 * 30:02}  wind {wind:3}  sea {sea}, {log:.1f} miles by the log; saw {seen}\n"


def newest_first(entries):
    if FIXED:
        return "".join(reversed(list(entries)))
    page = ""
    for entry in entries:
        page = entry + page
    return page


def storms(page):
    """How many lines in a row the sea was at its worst, at most."""
    most = now = 0
    for line in page.splitlines():
        now = now + 1 if "sea very rough" in line else 0
        most = max(most, now)
    return most


def main():
    page = newest_first(told(*watch) for watch in watches(190))
    lines = page.splitlines()
    print(lines[0])
    print(lines[-1])
    print(f"{len(lines)} lines, {storms(page)} of them in one storm")


if __name__ == "__main__":
    main()
