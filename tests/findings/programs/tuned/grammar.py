"""Makes sentences from a grammar as trees and keeps them all for a game of questions.

finds: gc-pressure in grow
"""

import gc
import random
import sys

FIXED = sys.argv[1:] == ["fixed"]
RULES = {
    "sentence": [("subject", "verb", "object")],
    "subject": [("article", "noun"), ("article", "adjective", "noun")],
    "object": [("article", "noun"), ("article", "adjective", "noun"), ("subject",)],
}
WORDS = {
    "article": ["a", "the", "one"],
    "noun": ["heron", "ladder", "river", "clock"],
    "adjective": ["grey", "slow", "tall"],
    "verb": ["finds", "keeps", "follows"],
}


def grow(kind, made):
    if kind in WORDS:
        return {"kind": kind, "word": made.choice(WORDS[kind])}
    parts = [grow(part, made) for part in made.choice(RULES[kind])]
    return {"kind": kind, "parts": parts}


def words(tree):
    if "word" in tree:
        yield tree["word"]
    for part in tree.get("parts", ()):
        yield from words(part)


def book(count):
    made = random.Random(33)
    return [grow("sentence", made) for _ in range(count)]


if __name__ == "__main__":
    if FIXED:
        gc.disable()
    trees = book(50_000)
    print(" ".join(words(trees[-1])), len(trees))
