"""Keeps the appointments of a surgery: a wish is granted if nobody has the time already.

finds: growth in clash
"""

import bisect
import random
import sys

FIXED = sys.argv[1:] == ["fixed"]
MINUTES = 900 * 480  # of a year or so


class Book:
    """All that was granted, in the order in which it was."""

    def __init__(self):
        self.granted = []

    def clash(self, begin, end):
        for other, until, _ in self.granted:
            if begin < until and other < end:
                return True
        return False

    def ask(self, begin, end, who):
        if self.clash(begin, end):
            return False
        self.granted.append((begin, end, who))
        return True

    def hours(self):
        return sum(end - begin for begin, end, _ in self.granted) // 60


class Sorted(Book):
    """The same, by time."""

    def __init__(self):
        self.granted = []

    def clash(self, begin, end):
        place = bisect.bisect_left(self.granted, (begin, end, 0))
        before = place and self.granted[place - 1][1] > begin
        return bool(before or (place < len(self.granted) and self.granted[place][0] < end))

    def ask(self, begin, end, who):
        if self.clash(begin, end):
            return False
        bisect.insort(self.granted, (begin, end, who))
        return True


def wishes(count):
    made = random.Random(19)
    for who in range(count):
        begin = made.randrange(MINUTES // 5) * 5
        yield begin, begin + made.choice((10, 10, 15, 20)), who


def plan(book, count):
    refused = []
    for begin, end, who in wishes(count):
        if not book.ask(begin, end, who):
            refused.append(who)
    return refused


if __name__ == "__main__":
    book = Sorted() if FIXED else Book()
    refused = plan(book, 17_000)
    print(len(book.granted), book.hours(), len(refused), refused[:4])
