"""Compares the essays of a class with one another, to see who copied from whom; threads, because there are many.

runs: once
finds: gil-contention in likeness
fixed: hot-loop in likeness: a table of numbers, cell by cell, now in processes
"""

import multiprocessing
import queue
import random
import sys
import threading

FIXED = sys.argv[1:] == ["fixed"]
ESSAYS, LENGTH = 60, 170


def essays():
    made = random.Random(50)
    words = [f"word{number}" for number in range(160)]
    found = [[made.choice(words) for _ in range(LENGTH)] for _ in range(ESSAYS)]
    found[7][20:70] = found[3][30:80]  # one that copied
    return found


WRITTEN = essays()


def likeness(pair):
    """The longest part that both have, word by word."""
    one, other = WRITTEN[pair[0]], WRITTEN[pair[1]]
    longest, before = 0, [0] * (len(other) + 1)
    for word in one:
        row = [0]
        for place, same in enumerate(other):
            length = before[place] + 1 if word == same else 0
            row.append(length)
            if length > longest:
                longest = length
        before = row
    return longest, pair


def pairs():
    return [(one, other) for one in range(ESSAYS) for other in range(one)]


def compare(waiting, found):
    while True:
        pair = waiting.get()
        if pair is None:
            return
        found.append(likeness(pair))


def in_threads(count):
    waiting, found = queue.Queue(), []
    threads = [threading.Thread(target=compare, args=(waiting, found)) for _ in range(count)]
    for thread in threads:
        thread.start()
    for pair in pairs():
        waiting.put(pair)
    for _ in threads:
        waiting.put(None)
    for thread in threads:
        thread.join()
    return found


def in_processes(count):
    with multiprocessing.get_context("fork").Pool(count) as pool:
        return pool.map(likeness, pairs(), chunksize=20)


if __name__ == "__main__":
    found = in_processes(2) if FIXED else in_threads(3)
    print(len(found), sorted(found, reverse=True)[:2])
