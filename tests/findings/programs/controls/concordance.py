"""Makes the index of a library, which is what it is for: memory grows from the first book to the last.

expects: nothing
"""

import random

SHELVES = 40


def books(count):
    made = random.Random(55)
    for number in range(count):
        yield number, [made.randrange(60_000) for _ in range(120)]


class Concordance:
    def __init__(self):
        self.places = {}
        self.books = []

    def add(self, number, words):
        self.books.append((number % SHELVES, len(words)))
        for at, word in enumerate(words):
            if word not in self.places:
                self.places[word] = []
            self.places[word].append((number, at))

    def most(self):
        return max(self.places, key=lambda word: (len(self.places[word]), word))


if __name__ == "__main__":
    index = Concordance()
    for number, words in books(9_000):
        index.add(number, words)
    word = index.most()
    print(len(index.places), word, len(index.places[word]))
