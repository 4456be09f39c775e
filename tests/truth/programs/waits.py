"""Waits of known lengths in functions of known names: `waits.py SECONDS`. The line printed at the end has how long each
function was off the CPU, by the clock less what the thread ran and less what it wanted a core and had none."""

import json
import os
import select
import sys
import time

SPENT = {}
SCHEDSTAT = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
NEVER, _KEEP = os.pipe()


def ran_and_wanted():
    wanted = int(os.pread(SCHEDSTAT, 100, 0).split()[1])
    return time.clock_gettime(time.CLOCK_THREAD_CPUTIME_ID) + wanted / 1e9


def often():
    time.sleep(0.0004)


def middle():
    time.sleep(0.003)


def rarely():
    time.sleep(0.009)


def polls():
    select.select([NEVER], [], [], 0.0015)


def timed(function):
    busy, start = ran_and_wanted(), time.perf_counter()
    function()
    off = time.perf_counter() - start - (ran_and_wanted() - busy)
    count, total = SPENT.get(function.__name__, (0, 0.0))
    SPENT[function.__name__] = count + 1, total + off


def main(seconds):
    end = time.perf_counter() + seconds
    rounds = 0
    while time.perf_counter() < end:
        for function in (often, often, polls, often, middle):
            timed(function)
        rounds += 1
        if rounds % 50 == 0:
            timed(rarely)


main(float(sys.argv[1]))
print(json.dumps(SPENT))
