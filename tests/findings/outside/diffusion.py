"""Heat that spreads over a square whose edges meet: each step adds a part of the difference from the four neighbours.

Written from the description in High Performance Python; the argument says how: `lists` (a list of rows, a new one each
step), `reused` (two lists of rows in turns), `rolled` (NumPy, a new array for each part of the expression), `in-place`
(NumPy, into arrays that are there already). The seconds of CPU time that the work itself took go to standard error.
"""

import sys
import time

RATE, STEP = 1.0, 0.1


def start(side):
    rows = [[0.0] * side for _ in range(side)]
    for row in range(int(side * 0.4), int(side * 0.5)):
        for column in range(int(side * 0.4), int(side * 0.5)):
            rows[row][column] = 0.005
    return rows


def evolve(grid, out):
    side = len(grid)
    for i in range(side):
        for j in range(side):
            across = grid[(i + 1) % side][j] + grid[(i - 1) % side][j] - 2.0 * grid[i][j]
            along = grid[i][(j + 1) % side] + grid[i][(j - 1) % side] - 2.0 * grid[i][j]
            out[i][j] = grid[i][j] + RATE * (across + along) * STEP
    return out


def laplacian(np, grid):
    up, down = np.roll(grid, +1, 0), np.roll(grid, -1, 0)
    left, right = np.roll(grid, +1, 1), np.roll(grid, -1, 1)
    return up + down + left + right - 4 * grid


def evolve_rolled(np, grid):
    return grid + STEP * RATE * laplacian(np, grid)


def roll_add(np, grid, shift, axis, out):
    """Adds the grid moved by one place to `out`."""
    if axis == 0:
        if shift == 1:
            out[1:] += grid[:-1]
            out[0] += grid[-1]
        else:
            out[:-1] += grid[1:]
            out[-1] += grid[0]
    elif shift == 1:
        out[:, 1:] += grid[:, :-1]
        out[:, 0] += grid[:, -1]
    else:
        out[:, :-1] += grid[:, 1:]
        out[:, -1] += grid[:, 0]


def evolve_in_place(np, grid, out):
    np.multiply(grid, -4, out=out)
    for axis in (0, 1):
        for shift in (1, -1):
            roll_add(np, grid, shift, axis, out)
    np.multiply(out, STEP * RATE, out=out)
    np.add(out, grid, out=out)


def main(how, side, steps):
    grid = start(side)
    if how in ("rolled", "in-place"):
        import numpy as np

        grid = np.array(grid)
        other = np.zeros_like(grid)
        begun = time.process_time()
        for _ in range(steps):
            if how == "rolled":
                grid = evolve_rolled(np, grid)
            else:
                evolve_in_place(np, grid, other)
                grid, other = other, grid
    else:
        other = [[0.0] * side for _ in range(side)]
        begun = time.process_time()
        for _ in range(steps):
            if how == "lists":
                other = [[0.0] * side for _ in range(side)]
            grid, other = evolve(grid, other), grid
    print(time.process_time() - begun, file=sys.stderr)
    print(f"{sum(float(value) for row in grid for value in row):.9f} {float(grid[side // 2][side // 2]):.9f}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
