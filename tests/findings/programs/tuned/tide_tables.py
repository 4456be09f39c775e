"""Works out tide tables for many harbours, with a process for each harbour.

runs: once
finds: oversubscribed in tables
fixed: hot-loop in height: a sum over numbers, for each hour in Python
"""

import math
import multiprocessing
import os
import sys

FIXED = sys.argv[1:] == ["fixed"]
HARBOURS = 40
PARTS = ((1.9, 12.42), (0.7, 12.0), (0.35, 23.93), (0.3, 25.82), (0.2, 12.66))
MOON = {}


def prepare():
    """What each process needs first: the moon's place for each hour of some years."""
    for hour in range(90_000):
        MOON[hour] = math.sin(hour * 0.0096) * (1 + 0.05 * math.cos(hour * 0.00023))


def height(harbour, hour):
    level = 0.1 * MOON[hour]
    for swing, period in PARTS:
        level += swing * math.cos(2 * math.pi * (hour + harbour * 0.37) / period)
    return level


def highest(harbour):
    return max((round(height(harbour, hour), 4), hour) for hour in range(12_000))


def workers():
    return os.cpu_count() if FIXED else HARBOURS


def tables():
    with multiprocessing.get_context("fork").Pool(workers(), initializer=prepare) as pool:
        return pool.map(highest, range(HARBOURS), chunksize=1)


def report(found):
    best = max(range(HARBOURS), key=lambda harbour: found[harbour])
    return f"harbour {best}: {found[best][0]} m in hour {found[best][1]}"


if __name__ == "__main__":
    print(report(tables()))
