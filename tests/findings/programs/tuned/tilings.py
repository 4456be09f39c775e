"""How many ways there are to lay a floor of tiles, and to climb a staircase, for a table of sizes.

finds: repeated-work in ways at `return ways(length - 1, width) + ways(length - 2, width)`
"""

import sys

FIXED = sys.argv[1:] == ["fixed"]
KEPT = {}


def ways(length, width):
    """Single tiles and double ones; the last width is a border."""
    if length < width:
        return 1
    return ways(length - 1, width) + ways(length - 2, width)


def ways_kept(length, width):
    key = length, width
    if key not in KEPT:
        if length < width:
            KEPT[key] = 1
        else:
            KEPT[key] = ways_kept(length - 1, width) + ways_kept(length - 2, width)
    return KEPT[key]


def row(width, lengths):
    count = ways_kept if FIXED else ways
    return [count(length, width) for length in lengths]


def table(widths, lengths):
    lines = ["width " + " ".join(f"{length:9d}" for length in lengths)]
    for width in widths:
        lines.append(f"{width:5d} " + " ".join(f"{number:9d}" for number in row(width, lengths)))
    return "\n".join(lines)


def check(lines):
    digits = sum(int(letter) for letter in lines if letter.isdigit())
    return digits % 97


if __name__ == "__main__":
    text = table((2, 3, 5), (10, 20, 28, 32, 33))
    print(text)
    print("check", check(text))
