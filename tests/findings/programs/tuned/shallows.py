"""Waves in shallow water on a grid.

needs: numpy
finds: temporaries in flow
"""

import sys

import numpy as np

FIXED = sys.argv[1:] == ["fixed"]
SIDE = 3_200


def start(side):
    across = np.linspace(-3, 3, side)
    return np.exp(-(across[:, None] ** 2) - across[None, :] ** 2)


def flow(height, before, rate):
    """What comes of two states of the surface."""
    return height + rate * (height - before) - 0.002 * (height * height) + 0.0001


class Water:
    def __init__(self, side):
        self.height = start(side)
        self.before = self.height.copy()
        self.work = np.empty_like(self.height)
        self.other = np.empty_like(self.height)

    def flow_in_place(self, rate):
        np.subtract(self.height, self.before, out=self.work)
        np.multiply(self.work, rate, out=self.work)
        np.add(self.height, self.work, out=self.before)
        np.multiply(self.height, self.height, out=self.other)
        np.multiply(self.other, 0.002, out=self.other)
        np.subtract(self.before, self.other, out=self.before)
        np.add(self.before, 0.0001, out=self.before)
        self.height, self.before = self.before, self.height

    def step(self, rate):
        if FIXED:
            self.flow_in_place(rate)
        else:
            self.height, self.before = flow(self.height, self.before, rate), self.height


def run(side, steps):
    water = Water(side)
    for number in range(steps):
        water.step(0.5 + number % 3 / 10)
    return float(water.height.sum()), float(water.height[side // 3, side // 2])


if __name__ == "__main__":
    total, point = run(SIDE, 12)
    print(f"{total:.3f} {point:.6f}")
