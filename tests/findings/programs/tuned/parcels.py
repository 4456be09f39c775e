"""Draws the bar codes on the labels of parcels; a label that was torn is printed again soon after.

finds: unbounded-cache in bars
"""

import collections
import random
import sys

FIXED = sys.argv[1:] == ["fixed"]
KEPT = 300
HEIGHT = 3
NARROW = {digit: format(0b101 + 37 * digit & 0x7F, "07b") for digit in range(10)}


class Drawer:
    """Turns the number of a parcel into lines of black and white."""

    def __init__(self):
        self.drawn = collections.OrderedDict()
        self.again = 0

    def check_digit(self, number):
        total = 0
        for place, digit in enumerate(reversed(number)):
            total += int(digit) * (3 if place % 2 == 0 else 1)
        return -total % 10

    def bars(self, number):
        found = self.drawn.get(number)
        if found is not None:
            self.again += 1
            return found
        digits = number + str(self.check_digit(number))
        line = "101" + "0".join(NARROW[int(digit)] for digit in digits) + "101"
        picture = [list(line.replace("1", "#").replace("0", " ")) for _ in range(HEIGHT)]
        picture.append(list(digits.center(len(line))))
        self.drawn[number] = picture
        if FIXED and len(self.drawn) > KEPT:
            self.drawn.popitem(last=False)
        return picture


def belt(count):
    """Numbers of parcels as they come by; a few come by again."""
    made, latest = random.Random(77), []
    for turn in range(count):
        number = f"{4_000_000_000_000 + turn * 7_919:013d}"
        yield number
        latest = [*latest[-40:], number]
        if made.random() < 0.06:
            yield made.choice(latest)


def blackness(picture):
    return sum(row.count("#") for row in picture)


def label(drawer, number):
    picture = drawer.bars(number)
    return blackness(picture), "".join(picture[-1]).strip()


def print_labels(count):
    drawer, ink, last = Drawer(), 0, ""
    for number in belt(count):
        black, last = label(drawer, number)
        ink += black
    return ink, last, drawer.again


if __name__ == "__main__":
    print(*print_labels(60_000))
