"""Goes through a maze with a deque, a set and compiled patterns: nothing in it wants to be another.

expects: nothing
allows: hot-loop in flood: native code keeps cells and coordinates as numbers; what is sure of it is 1.2 times, here and there less
"""

import collections
import random
import re

WALL = re.compile("#")


def maze(width, height):
    made = random.Random(4)
    rows = ["".join("#" if made.random() < 0.28 else "." for _ in range(width)) for _ in range(height)]
    rows[0] = "." + rows[0][1:]
    return rows


def open_cells(rows):
    return sum(len(row) - len(WALL.findall(row)) for row in rows)


def flood(rows, start):
    width, height = len(rows[0]), len(rows)
    queue, seen = collections.deque([(start, 0)]), {start}
    farthest = 0
    while queue:
        (x, y), steps = queue.popleft()
        farthest = steps
        for near in ((x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)):
            if 0 <= near[0] < width and 0 <= near[1] < height and near not in seen and rows[near[1]][near[0]] == ".":
                seen.add(near)
                queue.append((near, steps + 1))
    return len(seen), farthest


if __name__ == "__main__":
    rows = maze(1_100, 800)
    print(open_cells(rows), flood(rows, (0, 0)))
