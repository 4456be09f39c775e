"""Builds pages of text with `+=` on a str, which CPython extends in place: folklore calls it slow.

expects: nothing
"""

import random

WORDS = ("a river", "one ladder", "the heron", "some clocks", "grey stones", "tall grass")


def sentence(made):
    return f"{made.choice(WORDS)} and {made.choice(WORDS)}"


def page(made, sentences):
    text = ""
    for number in range(sentences):
        text += sentence(made)
        text += ".\n" if number % 9 == 8 else "; "
    return text


def book(pages, sentences):
    made = random.Random(15)
    return [page(made, sentences) for _ in range(pages)]


if __name__ == "__main__":
    pages = book(6, 110_000)
    print(len(pages), sum(map(len, pages)), pages[0][:40])
