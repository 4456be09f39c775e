"""Checks the seat plans that travellers are shown: most ask once, a few look again before they buy.

finds: unbounded-cache in plan
"""

import random
import sys

FIXED = sys.argv[1:] == ["fixed"]
KEPT = 200
ROWS, SEATS = 40, "ABCDEF"
PLANS = {}


def taken(made):
    """The seats of a carriage that somebody has."""
    return {(made.randrange(ROWS), made.choice(SEATS)) for _ in range(90)}


def plan(train, day):
    """A row of letters for each row of the carriage, in capitals where the seat is free."""
    wanted = train, day
    if wanted in PLANS:
        return PLANS[wanted]
    gone = taken(random.Random(train * 1000 + day))
    rows = []
    for row in range(ROWS):
        rows.append([(seat.lower() if (row, seat) in gone else seat) + str(row) for seat in SEATS])
    if FIXED and len(PLANS) >= KEPT:
        del PLANS[next(iter(PLANS))]
    PLANS[wanted] = rows
    return rows


def questions(count):
    made, asked = random.Random(5), [(1, 1)]
    for turn in range(count):
        train, day = (turn * 37 % 991, turn // 991) if made.random() < 0.9 else asked[-made.randrange(1, min(len(asked), 60) + 1)]
        asked.append((train, day))
        yield train, day


def windows(rows):
    return sum(seat[0].isupper() for row in rows for seat in (row[0], row[-1]))


def answer(count):
    free, most = 0, 0
    for train, day in questions(count):
        seen = windows(plan(train, day))
        free += seen
        most = max(most, seen)
    return free, most


if __name__ == "__main__":
    print(*answer(9_000))
