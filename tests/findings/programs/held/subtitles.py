"""Finds which lines of a film's subtitles were changed in a new edition.

finds: repeated-work in common
"""

import functools
import sys

FIXED = sys.argv[1:] == ["fixed"]
BEFORE = "we never meant to stay so long in the old house by the cold sea in that".split()
AFTER = "we never wanted to stay long at the old red house near our warm sea one".split()


def common(i, j):
    """How many words the two have in common, in this order, from the i-th and the j-th on."""
    if i == len(BEFORE) or j == len(AFTER):
        return 0
    if BEFORE[i] == AFTER[j]:
        return 1 + common(i + 1, j + 1)
    return max(common(i + 1, j), common(i, j + 1))


@functools.lru_cache(maxsize=None)
def common_once(i, j):
    if i == len(BEFORE) or j == len(AFTER):
        return 0
    if BEFORE[i] == AFTER[j]:
        return 1 + common_once(i + 1, j + 1)
    return max(common_once(i + 1, j), common_once(i, j + 1))


def changed(length):
    """Words that stay, go and come."""
    i = j = 0
    marks = []
    while i < len(BEFORE) and j < len(AFTER):
        if BEFORE[i] == AFTER[j]:
            marks.append(f" {BEFORE[i]}")
            i, j = i + 1, j + 1
        elif length(i + 1, j) >= length(i, j + 1):
            marks.append(f"-{BEFORE[i]}")
            i += 1
        else:
            marks.append(f"+{AFTER[j]}")
            j += 1
    return marks + [f"-{word}" for word in BEFORE[i:]] + [f"+{word}" for word in AFTER[j:]]


if __name__ == "__main__":
    marks = changed(common_once if FIXED else common)
    print(sum(mark.startswith(" ") for mark in marks), "stay:", *marks)
