"""A fixed number of calls of small functions, `calls.py UNITS`: prints what they took, and how many they were."""

import json
import sys
import time


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def scaled(value, factor):
    return value * factor % 1000


def work(units):
    found = 0
    for unit in range(units):
        found += fib(15)
        for i in range(1000):
            found += scaled(i, unit % 7)
    return found


def main(units):
    wall, cpu = time.perf_counter(), time.thread_time()
    check = work(units)
    print(
        json.dumps(
            {
                "wall_s": time.perf_counter() - wall,
                "cpu_s": time.thread_time() - cpu,
                "calls": units * (1973 + 1000),
                "check": check,
            }
        )
    )


main(int(sys.argv[1]))
