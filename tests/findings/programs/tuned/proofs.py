"""Proofreads the chapters of a book in processes: each of them learns the dictionary before its first chapter.

runs: once
finds: oversubscribed in proofread
"""

import concurrent.futures
import multiprocessing
import os
import random
import sys

FIXED = sys.argv[1:] == ["fixed"]
CHAPTERS = 48
LETTERS = "aeiounrstlm"
KNOWN = set()


def word(made):
    return "".join(made.choices(LETTERS, k=made.randrange(3, 6)))


def learn(seed):
    """The dictionary, with the endings that its words may have."""
    made = random.Random(seed)
    for _ in range(45_000):
        stem = word(made)
        KNOWN.add(stem)
        KNOWN.update(stem + ending for ending in ("s", "en", "ion"))


def chapter(number):
    made = random.Random(number)
    return [word(made) for _ in range(9_000)]


def unknown(number):
    found = {}
    for position, one in enumerate(chapter(number)):
        if one not in KNOWN and one.lower() not in KNOWN:
            found.setdefault(one, []).append(position)
    return number, len(found)


def workers():
    return len(os.sched_getaffinity(0)) if FIXED else CHAPTERS // 2


def proofread():
    context = multiprocessing.get_context("fork")
    pool = concurrent.futures.ProcessPoolExecutor(workers(), mp_context=context, initializer=learn, initargs=(7,))
    with pool:
        waiting = [pool.submit(unknown, number) for number in range(CHAPTERS)]
        return dict(future.result() for future in concurrent.futures.as_completed(waiting))


def report(found):
    worst = max(found, key=lambda number: (found[number], number))
    return f"{sum(found.values())} unknown words, most in chapter {worst}"


if __name__ == "__main__":
    print(report(proofread()))
