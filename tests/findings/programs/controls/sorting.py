"""Sorts many numbers and finds the middle of each part: the sort is compiled and as good as it gets.

expects: nothing
"""

import random


def parts(count, size):
    made = random.Random(23)
    for _ in range(count):
        yield [made.random() for _ in range(1_000)] * (size // 1_000)


def shuffle(values, step):
    size = len(values)
    return [values[at * step % size] for at in range(0, size, 97)]


def middle(values):
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def middles(stream):
    for number, values in enumerate(stream):
        values = values[number % 1000 :] + values[: number % 1000]
        yield middle(values) + middle(shuffle(values, 7919))


if __name__ == "__main__":
    print(round(sum(middles(parts(12, 700_000))), 6))
