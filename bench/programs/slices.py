"""The work of steady.py in units of a millisecond or two, `slices.py THREADS DEPTH SECONDS FILE`: the file gets the
CLOCK_MONOTONIC time at which each unit ended, in nanoseconds, as 64-bit numbers."""

import array
import sys
import threading
import time

from steady import down


def work(depth, until, ends):
    now = 0
    while now < until:
        down(depth - 2, 20000)
        now = time.monotonic_ns()
        ends.append(now)


def main(threads, depth, seconds, path):
    ends = array.array("q")
    until = time.monotonic_ns() + int(seconds * 1e9)
    others = [threading.Thread(target=work, args=(depth, until, ends)) for _ in range(threads - 1)]
    for thread in others:
        thread.start()
    work(depth, until, ends)
    for thread in others:
        thread.join()
    with open(path, "wb") as file:
        array.array("q", sorted(ends)).tofile(file)


main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4])
