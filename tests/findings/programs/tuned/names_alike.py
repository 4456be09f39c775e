"""Finds names in a register that were probably typed wrong: those few letters away from a known one.

finds: repeated-work in steps
"""

import functools
import sys

FIXED = sys.argv[1:] == ["fixed"]

KNOWN = ["amalie", "berthold", "cornelia", "friedrich", "leopoldine"]
TYPED = ["amelie", "bertolt", "kornelia", "fredrich", "amali", "leopldin"]


def steps(left, right):
    """Letters to put in, take out or change to make one of the other."""
    if not left or not right:
        return len(left) + len(right)
    if left[0] == right[0]:
        return steps(left[1:], right[1:])
    shorter = min(steps(left[1:], right), steps(left, right[1:]))
    return 1 + min(shorter, steps(left[1:], right[1:]))


@functools.lru_cache(maxsize=None)
def steps_once(left, right):
    if not left or not right:
        return len(left) + len(right)
    if left[0] == right[0]:
        return steps_once(left[1:], right[1:])
    shorter = min(steps_once(left[1:], right), steps_once(left, right[1:]))
    return 1 + min(shorter, steps_once(left[1:], right[1:]))


def cutoff(name):
    return 2 if len(name) < 8 else 3


def nearest(name, distance):
    scored = sorted((distance(name, known), known) for known in KNOWN)
    return scored[0] if scored[0][0] <= cutoff(name) else (scored[0][0], "?")


def report(distance):
    lines = []
    for name in TYPED:
        away, known = nearest(name, distance)
        lines.append(f"{name:12s} {known:12s} {away}")
    return lines


if __name__ == "__main__":
    print("\n".join(report(steps_once if FIXED else steps)))
