"""Goes from core to core, a hundred times a second: `migrates.py SECONDS`. It says how often it did."""

import json
import os
import sys
import time

CHAINS = {".*": r"<module>( main( hot_a( leaf_a)?| hot_b( leaf_b)?)?)?"}


def leaf_a():
    return 1


def leaf_b():
    return 2


def hot_a():
    return leaf_a()  # -> leaf_a


def hot_b():
    return leaf_b()  # -> leaf_b


def main(seconds):
    cores = sorted(os.sched_getaffinity(0))
    end = time.perf_counter() + seconds
    moves = 0
    while time.perf_counter() < end:
        os.sched_setaffinity(0, {cores[moves % len(cores)]})
        moves += 1
        until = time.perf_counter() + 0.01
        while time.perf_counter() < until:
            for _ in range(200):
                hot_a()  # -> hot_a
                hot_b()  # -> hot_b
    return moves


print(json.dumps(main(float(sys.argv[1]))))  # -> main
