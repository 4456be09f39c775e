"""Not one-core: the same rounds, on all cores already."""

import multiprocessing
import os
import time


def work(seconds):
    end = time.monotonic() + seconds
    total = 0
    while time.monotonic() < end:
        total += sum(value * value for value in range(500))
        total ^= len(str(total)) + sum(map(int, str(total)))
    return total


if __name__ == "__main__":
    cores = len(os.sched_getaffinity(0))
    with multiprocessing.get_context("fork").Pool(cores) as pool:
        pool.map(work, [0.5] * cores * 3, chunksize=1)
