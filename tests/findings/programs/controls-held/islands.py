"""A network of pipes at least cost: edges sorted once, then joined by a forest that remembers all joins before.

expects: nothing
"""

import random


class Forest:
    def __init__(self, size):
        self.parent = list(range(size))
        self.sizes = [1] * size

    def root(self, node):
        parent = self.parent
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    def join(self, first, second):
        first, second = self.root(first), self.root(second)
        if first == second:
            return False
        if self.sizes[first] < self.sizes[second]:
            first, second = second, first
        self.parent[second] = first
        self.sizes[first] += self.sizes[second]
        return True


def houses(count):
    made = random.Random(14)
    return [(made.random(), made.random()) for _ in range(count)]


def near(places, cells):
    """Pairs of houses in the same or a neighbouring cell of a grid, by their squared distance."""
    grid = {}
    for number, (x, y) in enumerate(places):
        grid.setdefault((int(x * cells), int(y * cells)), []).append(number)
    pairs = []
    for (column, row), inside in grid.items():
        around = [grid.get((column + dx, row + dy), ()) for dx, dy in ((1, -1), (1, 0), (1, 1), (0, 1))]
        for at, first in enumerate(inside):
            x, y = places[first]
            for others in (inside[at + 1 :], *around):
                for second in others:
                    pairs.append(((places[second][0] - x) ** 2 + (places[second][1] - y) ** 2, first, second))
    return pairs


def cheapest(count, pairs):
    forest, length, used = Forest(count), 0.0, 0
    for squared, first, second in sorted(pairs):
        if forest.join(first, second):
            length += squared**0.5
            used += 1
    return used, length


if __name__ == "__main__":
    places = houses(42_000)
    pairs = near(places, 100)
    used, length = cheapest(len(places), pairs)
    print(len(pairs), used, round(length, 3))
