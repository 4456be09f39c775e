"""Keeps the ranking of a tournament while results come in, and tells each player's place at once.

finds: growth in enter at `board = sorted(board + [entry])`
"""

import bisect
import random
import sys

FIXED = sys.argv[1:] == ["fixed"]


def results(count):
    made = random.Random(17)
    for number in range(count):
        yield made.randrange(1_000_000), number


def place_of(board, entry):
    return len(board) - bisect.bisect_right(board, entry) + 1


def enter(arriving):
    """Places at the time of entry, by tens."""
    board, places = [], [0] * 10
    for score, player in arriving:
        entry = score, player
        if FIXED:
            bisect.insort(board, entry)
        else:
            board = sorted(board + [entry])
        place = place_of(board, entry)
        tenth = (place - 1) * 10 // len(board)
        places[tenth] += 1
    return board, places


def podium(board):
    return [player for _, player in reversed(board[-3:])]


if __name__ == "__main__":
    board, places = enter(results(14_000))
    print("podium", podium(board))
    print("entered in the tenth", places)
