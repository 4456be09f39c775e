"""Finds for many places the nearest of a list of depots, in processes.

finds: pickle-transfer in assign at `found = list(pool.imap(nearest, tasks))`
fixed: hot-loop in nearest: the loop over the depots stays, and works on numbers
runs: once
"""

import multiprocessing
import random
import sys

FIXED = sys.argv[1:] == ["fixed"]
KEPT = []


def depots(count):
    made = random.Random(21)
    return [(made.random(), made.random(), f"depot {number}") for number in range(count)]


def keep(table):
    KEPT.extend(table)


def nearest(task):
    table, x, y = task
    table = KEPT if table is None else table
    best, least = None, 9.0
    for px, py, name in table[:: max(1, len(table) // 400)]:
        far = (px - x) ** 2 + (py - y) ** 2
        if far < least:
            best, least = name, far
    return best


def places(count):
    made = random.Random(22)
    return [(made.random(), made.random()) for _ in range(count)]


def assign(table, wanted):
    with multiprocessing.Pool(2, initializer=keep, initargs=(table,)) as pool:
        tasks = [(None if FIXED else table, x, y) for x, y in wanted]
        found = list(pool.imap(nearest, tasks))
    return found


if __name__ == "__main__":
    found = assign(depots(60_000), places(120))
    print(len(found), found[:3])
