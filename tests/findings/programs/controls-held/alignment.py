"""How much two sequences have in common: a table of which two rows are kept, each cell made of three before it.

expects: hot-loop in score: a table of numbers, cell by cell
"""

import random

MATCH, MISS, GAP = 2, -1, -2


def sequence(length, seed):
    made = random.Random(seed)
    return "".join(made.choices("ACGT", k=length))


def changed(source, part, seed):
    """A copy with letters replaced, dropped and doubled."""
    made = random.Random(seed)
    letters = []
    for letter in source:
        luck = made.random()
        if luck < part:
            letters.append(made.choice("ACGT"))
        elif luck < 1.5 * part:
            continue
        elif luck < 2 * part:
            letters.append(letter + made.choice("ACGT"))
        else:
            letters.append(letter)
    return "".join(letters)


def score(first, second):
    """Of the best local alignment, and where it ends."""
    above = [0] * (len(second) + 1)
    best, place = 0, (0, 0)
    for row, a in enumerate(first, 1):
        current, left, corner = [0], 0, 0
        for column, b in enumerate(second, 1):
            over = above[column]
            value = corner + (MATCH if a == b else MISS)
            if over + GAP > value:
                value = over + GAP
            if left + GAP > value:
                value = left + GAP
            if value < 0:
                value = 0
            elif value > best:
                best, place = value, (row, column)
            corner, left = over, value
            current.append(value)
        above = current
    return best, place


if __name__ == "__main__":
    source = sequence(3_400, 1)
    copy = changed(source, 0.08, 2)
    found, place = score(source, copy)
    print(len(source), len(copy), found, place)
