"""Reads the formulas of a sheet and sums up which words, numbers and signs stand in them.

finds: call-overhead in words
"""

import collections
import random
import sys

FIXED = sys.argv[1:] == ["fixed"]
SIGNS = "+-*/(),;"


class Text:
    """A text that is read from left to right."""

    def __init__(self, text):
        self.text = text
        self.place = 0
        self.length = len(text)

    def at_end(self):
        return self.place >= self.length

    def peek(self):
        return self.text[self.place]

    def step(self):
        self.place += 1


def words(text):
    """Names, numbers and signs, in the order in which they stand there."""
    found = []
    while not text.at_end():
        start = text.place
        if text.peek() in SIGNS:
            text.step()
        elif text.peek().isdigit():
            while not text.at_end() and text.peek().isdigit():
                text.step()
        elif text.peek().isalpha():
            while not text.at_end() and text.peek().isalpha():
                text.step()
        else:
            text.step()
            continue
        found.append(text.text[start : text.place])
    return found


def words_at_once(text):
    """The same, with the place in a variable."""
    found, line, place, length = [], text.text, 0, text.length
    while place < length:
        start, sign = place, line[place]
        place += 1
        if sign.isdigit():
            while place < length and line[place].isdigit():
                place += 1
        elif sign.isalpha():
            while place < length and line[place].isalpha():
                place += 1
        elif sign not in SIGNS:
            continue
        found.append(line[start:place])
    return found


def formulas(count):
    made = random.Random(12)
    columns = ["price", "tax", "hours", "discount", "customers", "distance"]
    for _ in range(count):
        parts = []
        for _ in range(made.randrange(3, 9)):
            parts += [made.choice(columns), str(made.randrange(100_000)), made.choice(SIGNS)]
        yield " ".join(parts)


def read(lines):
    counted = collections.Counter()
    for line in lines:
        counted.update(words_at_once(Text(line)) if FIXED else words(Text(line)))
    return counted


if __name__ == "__main__":
    counted = read(formulas(90_000))
    print(len(counted), sum(counted.values()), counted.most_common(3))
