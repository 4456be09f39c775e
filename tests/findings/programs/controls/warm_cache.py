"""Keeps every word's stem in a cache without a limit; but there are only so many words, and memory soon stays as it is.

expects: nothing
"""

import functools
import random

ENDINGS = ("ingly", "ness", "ment", "ings", "ing", "ed", "es", "ly", "s")
VOWELS = "aeiou"


def words(count):
    made = random.Random(77)
    return [
        "".join(made.choice("bcdfglmnprst") + made.choice(VOWELS) for _ in range(3)) + made.choice(ENDINGS)
        for _ in range(count)
    ]


@functools.lru_cache(maxsize=None)
def stem(word):
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) > len(ending) + 3:
            return word[: -len(ending)]
    return word


class Index:
    def __init__(self):
        self.counts = {}

    def add(self, text):
        for word in text:
            root = stem(word)
            self.counts[root] = self.counts.get(root, 0) + 1


def texts(known, count, length):
    made = random.Random(78)
    for _ in range(count):
        yield made.choices(known, k=length)


if __name__ == "__main__":
    index = Index()
    for text in texts(words(60_000), 300, 8_000):
        index.add(text)
    print(len(index.counts), max(index.counts.values()))
