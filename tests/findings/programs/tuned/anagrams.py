"""Sorts the letters of each word of a list, in processes, so that anagrams fall together.

runs: once
finds: small-tasks in keys
fixed: import-time in <module>: without a pool nothing of multiprocessing runs
"""

import collections
import multiprocessing
import os
import random
import sys

FIXED = sys.argv[1:] == ["fixed"]
LETTERS = "abdeiklnorst"


def key(word):
    return "".join(sorted(word))


def words(count):
    made = random.Random(26)
    return ["".join(made.choices(LETTERS, k=made.randrange(3, 6))) for _ in range(count)]


def keys(listed):
    if FIXED:
        return [key(word) for word in listed]
    with multiprocessing.Pool(len(os.sched_getaffinity(0))) as pool:
        return list(pool.imap(key, listed))


def families(listed):
    found = collections.defaultdict(set)
    for word, same in zip(listed, keys(listed)):
        found[same].add(word)
    return sorted((group for group in found.values() if len(group) > 1), key=lambda group: (-len(group), min(group)))


if __name__ == "__main__":
    groups = families(words(12_000))
    print(len(groups), len(groups[0]), min(groups[0]))
