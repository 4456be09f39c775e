"""Threads with one deep stack each, for ever: `counted.py THREADS DEPTH KIND`. KIND says what they do: `turns` sleep, and
work a little every 20 ms; `contend` work all the time and wait for each other; `parked` wait, but for the first; `rounds`
sleep, and work a little every half second, not all at once."""

import random
import sys
import threading
import time

THREADS, DEPTH, KIND = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]


def work(units):
    total = 0
    for i in range(units):
        total += i & 7
    return total


def live(first):
    if KIND == "turns":
        while True:
            time.sleep(0.02)
            work(200)
    if KIND == "rounds":
        time.sleep(random.random() / 2)
        while True:
            time.sleep(0.5)
            work(200)
    if KIND == "parked" and not first:
        threading.Event().wait()
    while True:
        work(1000)


def down(depth, first):
    if depth > 1:
        return down(depth - 1, first)
    live(first)


def begin(depth):
    """When all are there: a start beside many that want the GIL takes as long as their turns."""
    ALL_THERE.wait()
    down(depth, False)


ALL_THERE = threading.Event()
sys.setrecursionlimit(10000)
for _ in range(THREADS - 1):
    thread = threading.Thread(target=begin, args=(DEPTH,))
    thread.daemon = True
    thread.start()
ALL_THERE.set()
time.sleep(0.5)
sys.stdout.write("ready\n")
sys.stdout.flush()
down(DEPTH, True)
