"""Walks over a map of heights and sums up how steep the ways are.

finds: call-overhead in climb
fixed: hot-loop in climb: the loop over a row's cells stays, and works on numbers
fixed: one-core in easiest: no row depends on the one before
"""

import random
import sys

FIXED = sys.argv[1:] == ["fixed"]
WIDTH, DEPTH = 600, 400


def heights(seed):
    made = random.Random(seed)
    level, cells = 200, []
    for _ in range(WIDTH * DEPTH):
        level += made.choice((-2, -1, 0, 1, 2))
        cells.append(level)
    return cells


def index(x, y):
    return y * WIDTH + x


def rise(low, high):
    return high - low if high > low else low - high


def effort(step, bias):
    return step * 3 + bias


def climb(cells, row, bias):
    total = 0
    if FIXED:
        start = row * WIDTH
        for at in range(start, start + WIDTH - 1):
            low, high = cells[at], cells[at + 1]
            total += (high - low if high > low else low - high) * 3 + bias
        return total
    for x in range(WIDTH - 1):
        total += effort(rise(cells[index(x, row)], cells[index(x + 1, row)]), bias)
    return total


def easiest(cells, biases):
    best = None
    for bias in biases:
        for row in range(DEPTH):
            found = climb(cells, row, bias), row, bias
            if best is None or found < best:
                best = found
    return best


if __name__ == "__main__":
    ground = heights(11)
    total, row, bias = easiest(ground, range(24))
    print(f"row {row}: {total} with bias {bias}")
