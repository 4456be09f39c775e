"""Thirty pictures a second, each worked out in a few milliseconds: the rest is waiting for the next.

expects: nothing
"""

import math
import time

FRAME = 1 / 30


def picture(clock, width=40, height=12):
    rows = []
    for y in range(height):
        row = [math.sin(x / 5 + clock) * math.cos(y / 3 - clock) for x in range(width)]
        rows.append("".join("#" if value > 0.3 else "." for value in row))
    return rows


def lit(rows):
    return sum(row.count("#") for row in rows)


def play(frames):
    shown, following = 0, time.monotonic()
    for number in range(frames):
        shown += lit(picture(number * FRAME))
        following += FRAME
        rest = following - time.monotonic()
        if rest > 0:
            time.sleep(rest)
    return shown


if __name__ == "__main__":
    print(play(75))
