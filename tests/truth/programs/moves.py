"""Stays on one core, then on another: `moves.py SECONDS`, so long on each. By then nothing watches the second one."""

import os
import sys
import time


def work(seconds):
    end = time.perf_counter() + seconds
    total = 0
    while time.perf_counter() < end:
        for i in range(1000):
            total += i
    return total


def first(seconds):
    work(seconds)


def second(seconds):
    work(seconds)


cores = sorted(os.sched_getaffinity(0))
for where, function in ((cores[0], first), (cores[-1], second)):
    os.sched_setaffinity(0, {where})
    function(float(sys.argv[1]))
