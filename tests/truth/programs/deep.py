"""Deep stacks, DEPTH frames of one function under two parents: `deep.py SECONDS [DEPTH]`."""

import json
import sys
import time

# DEPTH stands for the program's second argument.
CHAINS = {
    ".*": r"<module>( main( left( down){0,DEPTH}| left( down){DEPTH} leaf_l"
    r"| right( down){0,DEPTH}| right( down){DEPTH} leaf_r)?)?"
}


def leaf_l():
    total = 0
    for i in range(20):
        total += i
    return total


def leaf_r():
    total = 0
    for i in range(20):
        total += i
    return total


def down(n, leaf):
    if n == 1:
        return leaf()  # -> leaf_l, leaf_r
    return down(n - 1, leaf)  # -> down


def left(depth):
    return down(depth, leaf_l)  # -> down


def right(depth):
    return down(depth, leaf_r)  # -> down


def main(seconds, depth):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for _ in range(10):
            left(depth)  # -> left
            right(depth)  # -> right


sys.setrecursionlimit(20000)
main(float(sys.argv[1]) if len(sys.argv) > 1 else 2.0, int(sys.argv[2]) if len(sys.argv) > 2 else 20)  # -> main
print(json.dumps({}))
