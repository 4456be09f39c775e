"""Compares portraits with one another in processes: each task gets the whole album.

runs: once
finds: pickle-transfer in survey
fixed: hot-loop in make_album: each point is worked out by itself in Python, once in each process
"""

import concurrent.futures
import sys
import zlib

FIXED = sys.argv[1:] == ["fixed"]
ALBUM = []


def make_album(count, size):
    return [[(number * 31 + at * 7) % 256 for at in range(size)] for number in range(count)]


def keep(count, size):
    ALBUM.extend(make_album(count, size))


def nearest(album, number):
    """The portrait with most of its first points alike."""
    mine, best = album[number], (-1, 0)
    for other, portrait in enumerate(album):
        if other != number:
            alike = sum(map(int.__eq__, mine[:40], portrait[:40]))
            best = max(best, (alike, other))
    return best


def nearest_with(album, number):
    return nearest(album, number)


def nearest_here(number):
    return nearest(ALBUM, number)


def survey(count, size):
    numbers = range(0, count, 3)
    if FIXED:
        with concurrent.futures.ProcessPoolExecutor(2, initializer=keep, initargs=(count, size)) as pool:
            return list(pool.map(nearest_here, numbers))
    album = make_album(count, size)
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        tasks = [pool.submit(nearest_with, album, number) for number in numbers]
        return [task.result() for task in tasks]


if __name__ == "__main__":
    found = survey(120, 15_000)
    print(len(found), zlib.crc32(repr(found).encode()))
