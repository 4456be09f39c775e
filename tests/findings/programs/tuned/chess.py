"""Plays a simple game against itself, many times over, and keeps a record of each move as it is made.

finds: tiny-writes in record at `print(number, player, taken, file=out, flush=True)`
"""

import os
import random
import sys
import tempfile
import zlib

FIXED = sys.argv[1:] == ["fixed"]
ROWS = (7, 9, 11, 13)


def best_move(rows):
    """Nim: leave a sum of zero if that can be done, else take one."""
    whole = 0
    for row in rows:
        whole ^= row
    for place, row in enumerate(rows):
        if row ^ whole < row:
            return place, row - (row ^ whole)
    return max(range(len(rows)), key=rows.__getitem__), 1


def play(made, clever):
    """Moves of one game: whose it is, and what was taken."""
    rows, player = list(ROWS), 0
    while any(rows):
        if player == clever:
            place, taken = best_move(rows)
        else:
            place = made.choice([at for at, row in enumerate(rows) if row])
            taken = made.randint(1, rows[place])
        rows[place] -= taken
        yield player, taken
        player = 1 - player


def record(out, moves):
    number = 0
    for number, (player, taken) in enumerate(moves, 1):
        if FIXED:
            print(number, player, taken, file=out)
        else:
            print(number, player, taken, file=out, flush=True)
    return number


def championship(path, games):
    made, longest = random.Random(64), 0
    with open(path, "w") as out:
        for game in range(games):
            longest = max(longest, record(out, play(made, game % 2)))
    return longest


def winners(path):
    """Who made the last move, in each game."""
    counts, last = [0, 0], None
    with open(path) as kept:
        for line in kept:
            number, player, _ = map(int, line.split())
            if number == 1 and last is not None:
                counts[last] += 1
            last = player
    counts[last] += 1
    return counts


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "moves")
        print(championship(path, 9_000), winners(path))
        with open(path, "rb") as kept:
            print(zlib.crc32(kept.read()))
