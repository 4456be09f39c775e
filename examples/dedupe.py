#!/usr/bin/env python3
"""Finds which words of a long text come up for the first time, and in which order.

What is wrong with it: `first_words` asks a list that grows whether it has the word already. Twice the words cost four
times the time. No compiler helps: a set or a dict does the same in a thousandth of it.

    ./keisoku run examples/dedupe.py [WORDS]

finds: list-membership in first_words
"""

import random
import sys


def make_text(count):
    chance = random.Random(3)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(chance.choices(letters, k=6)) for _ in range(count // 2)]
    return [chance.choice(words) for _ in range(count)]


def first_words(text):
    found = []
    for word in text:
        if word not in found:
            found.append(word)
    return found


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 45_000
    found = first_words(make_text(count))
    print(f"{count} words, {len(found)} different, the last new one is {found[-1]}")


if __name__ == "__main__":
    main()
