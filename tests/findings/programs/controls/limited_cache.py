"""Keeps the latest of what it worked out, and lets the oldest go: a cache as it should be.

expects: hot-loop in divisors: numbers are tried one by one
allows: one-core in answer: the divisors of a number do not depend on those before
"""

import collections
import random


class Latest:
    def __init__(self, limit):
        self.limit = limit
        self.kept = collections.OrderedDict()

    def get(self, key):
        if key in self.kept:
            self.kept.move_to_end(key)
            return self.kept[key]
        return None

    def put(self, key, value):
        self.kept[key] = value
        if len(self.kept) > self.limit:
            self.kept.popitem(last=False)


def divisors(number):
    found = []
    for candidate in range(1, int(number**0.5) + 1):
        if number % candidate == 0:
            found += [candidate, number // candidate]
    return sorted(set(found))


def asked(count):
    """Some numbers come back soon, most never do."""
    made, recent = random.Random(3), collections.deque([60], maxlen=50)
    for _ in range(count):
        number = made.choice(recent) if made.random() < 0.4 else made.randrange(10**5, 10**6)
        recent.append(number)
        yield number


def answer(count):
    cache, total = Latest(400), 0
    for number in asked(count):
        found = cache.get(number)
        if found is None:
            found = divisors(number)
            cache.put(number, found)
        total += len(found)
    return total


if __name__ == "__main__":
    print(answer(90_000))
