"""Finds the shortest ways between towns, a start for each thread.

runs: once
finds: gil-contention in distances
fixed: hot-loop in distances: lengths are added and compared one by one in Python, now in processes
"""

import concurrent.futures
import random
import sys

FIXED = sys.argv[1:] == ["fixed"]
TOWNS = 1_800


def roads(towns):
    made = random.Random(28)
    return {town: [(made.randrange(towns), made.randrange(1, 60)) for _ in range(5)] for town in range(towns)}


NETWORK = roads(TOWNS)


def distances(start):
    """Bellman and Ford, with a queue of those that changed."""
    best = [10**9] * TOWNS
    best[start] = 0
    waiting = [start]
    while waiting:
        following = []
        for town in waiting:
            here = best[town]
            for other, length in NETWORK[town]:
                if here + length < best[other]:
                    best[other] = here + length
                    following.append(other)
        waiting = following
    return max(best)


def widest(starts):
    kind = concurrent.futures.ProcessPoolExecutor if FIXED else concurrent.futures.ThreadPoolExecutor
    with kind(2) as pool:
        return max(pool.map(distances, starts, chunksize=50))


if __name__ == "__main__":
    print(widest(range(0, TOWNS, 2)))
