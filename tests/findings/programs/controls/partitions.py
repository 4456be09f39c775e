"""Counts in how many ways numbers can be written as sums, and keeps each count: they are all needed again.

expects: hot-loop in ways: calls that add two numbers; Cython, untyped, is 1.3 times faster
"""

import functools
import sys

sys.setrecursionlimit(10_000)


@functools.lru_cache(maxsize=None)
def ways(number, largest):
    """Sums that make the number, of parts that are no larger."""
    if number == 0:
        return 1
    if number < 0 or largest == 0:
        return 0
    return ways(number - largest, largest) + ways(number, largest - 1)


def table(sizes):
    rows = []
    for size in sizes:
        rows.append((size, ways(size, size)))
    return rows


def growing(rows):
    return all(before[1] < after[1] for before, after in zip(rows, rows[1:]))


if __name__ == "__main__":
    rows = table(range(10, 1_100, 10))
    print(len(rows), growing(rows), len(str(rows[-1][1])))
