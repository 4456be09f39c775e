"""Writes letters from templates: each page that was made is kept, should it be asked for again.

finds: unbounded-cache in page
"""

import random
import string
import sys

FIXED = sys.argv[1:] == ["fixed"]
LIMIT = 200
TEMPLATES = {
    "reminder": "Dear $name, your book $book was due on $day. " * 12,
    "welcome": "Dear $name, welcome. Your number is $number, and $book waits for you. " * 9,
    "notice": "To $name: we are closed on $day. Number $number is kept. " * 10,
}
PARSED = {kind: string.Template(text) for kind, text in TEMPLATES.items()}


class Letters:
    def __init__(self):
        self.pages = {}
        self.made = 0

    def page(self, kind, name, book, day):
        key = kind, name, book, day
        if key in self.pages:
            return self.pages[key]
        text = PARSED[kind].substitute(name=name, book=book, day=day, number=len(name) * 37)
        self.made += 1
        self.keep(key, text)
        return text

    def keep(self, key, text):
        if FIXED and len(self.pages) >= LIMIT:
            self.pages.pop(next(iter(self.pages)))
        self.pages[key] = text


class Unlimited(Letters):
    def page(self, kind, name, book, day):
        key = kind, name, book, day
        if key in self.pages:
            return self.pages[key]
        self.made += 1
        text = PARSED[kind].substitute(name=name, book=book, day=day, number=len(name) * 37)
        self.pages[key] = text
        return text


def requests(count):
    made = random.Random(44)
    kinds = sorted(TEMPLATES)
    for number in range(count):
        yield made.choice(kinds), f"reader {number}", f"book {made.randrange(900)}", f"{1 + number % 28} May"


def write(letters, count):
    length = 0
    last = None
    for request in requests(count):
        length += len(letters.page(*request))
        if last is not None and length % 3 == 0:
            length += len(letters.page(*last))  # once more, for the shelf
        last = request
    return length, letters.made


if __name__ == "__main__":
    print(*write(Letters() if FIXED else Unlimited(), 100_000))
