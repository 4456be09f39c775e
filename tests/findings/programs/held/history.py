"""Keeps the states that a machine went through, newest last, as a tuple that others may keep.

finds: quadratic-concat in drive at `path = path + (state,)`
"""

import sys

FIXED = sys.argv[1:] == ["fixed"]
MODULUS = 65_521


def follow(state):
    return (state * 75 + 74) % MODULUS


def drive(state, steps):
    path, kept = (state,), [state]
    for _ in range(steps):
        state = follow(state)
        if FIXED:
            kept.append(state)
        else:
            path = path + (state,)
    return tuple(kept) if FIXED else path


def digest(path):
    total = 0
    for number, state in enumerate(path):
        total = (total + number * state) % 1_000_003
    return total


if __name__ == "__main__":
    path = drive(7, 34_000)
    print(len(path), digest(path))
