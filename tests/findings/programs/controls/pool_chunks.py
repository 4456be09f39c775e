"""Work for a pool, in pieces that are large enough.

runs: once
expects: hot-loop in steps: numbers, step by step; all cores are at work already
"""

import multiprocessing


def steps(number):
    count = 0
    while number != 1:
        number = number * 3 + 1 if number % 2 else number // 2
        count += 1
    return count


def longest(first, last):
    return max((steps(number), number) for number in range(first, last))


def survey(limit, piece):
    pieces = [(first, first + piece) for first in range(1, limit, piece)]
    with multiprocessing.Pool() as pool:
        return max(pool.starmap(longest, pieces, chunksize=1))


if __name__ == "__main__":
    print(survey(110_000, 5_000))
