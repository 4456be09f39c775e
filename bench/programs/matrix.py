"""A fixed amount of work, `matrix.py THREADS DEPTH UNITS`, three quarters of it in `heavy` and one in `light`, each with a
leaf of its own: a stack with the other's leaf is one that the program cannot have. Prints what it took. For 2.7 too."""

import json
import sys
import threading
import time

now = getattr(time, "perf_counter", time.time)
cpu_s = getattr(time, "process_time", None) or time.clock


def heavy_leaf():
    total = 0
    for i in range(60):
        total += i & 7
    return total


def light_leaf():
    total = 0
    for i in range(60):
        total += i & 7
    return total


def heavy():
    for _ in range(30):
        heavy_leaf()


def light():
    for _ in range(10):
        light_leaf()


def both(units):
    for _ in range(units):
        heavy()
        light()


def down(depth, units):
    if depth <= 1:
        return both(units)
    return down(depth - 1, units)


def main(threads, depth, units):
    sys.setrecursionlimit(2000)
    wall = now()
    # both, heavy and its leaf are the last three; the frames that start a thread are not counted
    work = (max(1, depth - 4), max(1, units // threads))
    others = [threading.Thread(target=down, args=work) for _ in range(threads - 1)]
    for other in others:
        other.start()
    down(*work)
    for other in others:
        other.join()
    print(json.dumps({"wall_s": now() - wall, "process_cpu_s": cpu_s()}))


main(*map(int, sys.argv[1:4]))
