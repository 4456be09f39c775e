"""Looks for words that a dictionary does not have.

finds: list-membership in unknown_words
"""

import random
import sys

FIXED = sys.argv[1:] == ["fixed"]
SYLLABLES = ["ka", "to", "mi", "ra", "shi", "no", "ha", "ku", "re", "su"]


def word(made):
    return "".join(made.choice(SYLLABLES) for _ in range(made.randrange(2, 6)))


def dictionary(count):
    made, words = random.Random(11), {}
    while len(words) < count:
        words[word(made)] = None
    return list(words)


def text(words, count):
    made = random.Random(12)
    for _ in range(count):
        yield made.choice(words) if made.random() < 0.97 else word(made) + "x"


def unknown_words(known, words):
    lookup = frozenset(known) if FIXED else tuple(known)
    missing = {}
    for position, one in enumerate(words):
        bare = one.strip(".,;")
        if not bare or bare in lookup:
            continue
        missing.setdefault(bare, []).append(position)
    return missing


if __name__ == "__main__":
    known = dictionary(5_000)
    missing = unknown_words(known, text(known, 20_000))
    print(len(missing), sorted(missing)[:3])
