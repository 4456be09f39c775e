"""Converts a list of readings and writes them to a file, line by line.

finds: tiny-writes in convert at `out.flush()`
"""

import os
import random
import sys
import tempfile

FIXED = sys.argv[1:] == ["fixed"]


def readings(count):
    made = random.Random(6)
    for number in range(count):
        yield number, made.randrange(-400, 1200)


def fahrenheit(tenths):
    return tenths / 10 * 9 / 5 + 32


def convert(rows, path):
    lowest = highest = None
    with open(path, "w") as out:
        for number, tenths in rows:
            value = fahrenheit(tenths)
            out.write(f"{number};{value:.2f}\n")
            if not FIXED:
                out.flush()
            lowest = value if lowest is None else min(lowest, value)
            highest = value if highest is None else max(highest, value)
    return lowest, highest


def checksum(path):
    with open(path, "rb") as written:
        return sum(len(line) for line in written), os.path.getsize(path)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        target = os.path.join(folder, "readings.csv")
        print(convert(readings(500_000), target), checksum(target))
