"""Finds the shortest way through a maze, and how far each place is.

finds: list-shift in distances at `row, column = border.pop(0)`
fixed: hot-loop in distances: places are looked at one by one; native code keeps them as numbers (Cython, untyped: 1.3 times)
"""

import random
import sys
from collections import deque

FIXED = sys.argv[1:] == ["fixed"]


def maze(size):
    made = random.Random(6)
    return [[made.random() < 0.08 for _ in range(size)] for _ in range(size)]


def neighbours(row, column, size):
    if row > 0:
        yield row - 1, column
    if row + 1 < size:
        yield row + 1, column
    if column > 0:
        yield row, column - 1
    if column + 1 < size:
        yield row, column + 1


def distances(walls):
    size, start = len(walls), [(0, column) for column in range(len(walls))]
    far = dict.fromkeys(start, 0)
    border = deque(start) if FIXED else start
    for number in range(60_000):  # visitors that wait for a lift of their own, behind everybody
        border.append((0, number % size))
    while border:
        if FIXED:
            row, column = border.popleft()
        else:
            row, column = border.pop(0)
        for place in neighbours(row, column, size):
            if place not in far and not walls[place[0]][place[1]]:
                far[place] = far[row, column] + 1
                border.append(place)
        if len(far) > 14_000:
            break
    return far


if __name__ == "__main__":
    far = distances(maze(260))
    print(len(far), max(far.values()))
