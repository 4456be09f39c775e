#!/usr/bin/env python3
"""Steps of a small heat plate, cell by cell.

What is wrong with it: nothing about the method. Every cell costs a few dozen instructions of the interpreter for five
additions, in plain arithmetic on floats: work for compiled code (an array library, a compiler for Python, or C).

    ./keisoku run examples/hot_loop.py [STEPS]

finds: hot-loop in step
"""

import sys

SIDE = 120


def step(plate):
    side = len(plate)
    result = [row[:] for row in plate]
    for y in range(1, side - 1):
        above, here, below, out = plate[y - 1], plate[y], plate[y + 1], result[y]
        for x in range(1, side - 1):
            around = above[x] + below[x] + here[x - 1] + here[x + 1]
            out[x] = here[x] + 0.2 * (around - 4.0 * here[x])
    return result


def main():
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 2400
    plate = [[0.0] * SIDE for _ in range(SIDE)]
    plate[SIDE // 2][SIDE // 2] = 1000.0
    for _ in range(steps):
        plate = step(plate)
    print(f"{steps} steps, centre {plate[SIDE // 2][SIDE // 2]:.6f}")


if __name__ == "__main__":
    main()
