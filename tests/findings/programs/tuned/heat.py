"""Heat that spreads over a plate, step by step.

needs: numpy
finds: vectorise in step
"""

import sys

import numpy as np

FIXED = sys.argv[1:] == ["fixed"]
SIZE, STEPS, RATE = 90, 24, 0.1


def plate():
    grid = np.zeros((SIZE, SIZE))
    grid[SIZE // 3 : SIZE // 2, SIZE // 3 : SIZE // 2] = 100.0
    return grid


def step(grid):
    if FIXED:
        around = grid[:-2, 1:-1] + grid[2:, 1:-1] + grid[1:-1, :-2] + grid[1:-1, 2:]
        new = grid.copy()
        new[1:-1, 1:-1] = grid[1:-1, 1:-1] + RATE * (around - 4 * grid[1:-1, 1:-1])
        return new
    new = grid.copy()
    for row in range(1, SIZE - 1):
        for column in range(1, SIZE - 1):
            around = grid[row - 1, column] + grid[row + 1, column] + grid[row, column - 1] + grid[row, column + 1]
            new[row, column] = grid[row, column] + RATE * (around - 4 * grid[row, column])
    return new


def simulate(steps):
    grid = plate()
    for _ in range(steps):
        grid = step(grid)
    return grid


if __name__ == "__main__":
    grid = simulate(STEPS * 7)
    print(round(float(grid.sum()), 6), round(float(grid.max()), 6))
