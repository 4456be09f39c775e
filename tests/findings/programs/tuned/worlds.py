"""Plays a board game ahead: each move is tried on a copy of the board.

finds: deep-copy in best_move at `after = copy.deepcopy(board)`
fixed: one-core in <module>: no game depends on another
"""

import copy
import random
import sys

FIXED = sys.argv[1:] == ["fixed"]
SIZE = 9


def empty_board():
    return {"cells": [[0] * SIZE for _ in range(SIZE)], "turn": 1, "score": {1: 0, 2: 0}, "last": None}


def place(board, row, column):
    player = board["turn"]
    board["cells"][row][column] = player
    gained = sum(
        board["cells"][row + down][column + right] == player
        for down, right in ((0, 1), (1, 0), (0, -1), (-1, 0))
        if 0 <= row + down < SIZE and 0 <= column + right < SIZE
    )
    board["score"][player] += gained
    board["turn"], board["last"] = 3 - player, (row, column)
    return gained


def light_copy(board):
    return {**board, "cells": [row[:] for row in board["cells"]], "score": dict(board["score"])}


def best_move(board, moves):
    best, gain = None, -1
    for row, column in moves:
        if FIXED:
            after = light_copy(board)
        else:
            after = copy.deepcopy(board)
        gained = place(after, row, column)
        if gained > gain:
            best, gain = (row, column), gained
    return best


def play(rounds, seed):
    made, board = random.Random(seed), empty_board()
    for _ in range(rounds):
        free = [(r, c) for r in range(SIZE) for c in range(SIZE) if board["cells"][r][c] == 0]
        if not free:
            break
        place(board, *best_move(board, made.sample(free, min(8, len(free)))))
    return board["score"]


if __name__ == "__main__":
    print([play(60, seed) for seed in range(60)])
