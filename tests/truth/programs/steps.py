"""Many threads that sleep, each one call deeper from time to time: `steps.py THREADS STEPS`.

Says how long the longest of these sleeps was, by the thread's own clock.
"""

import json
import sys
import threading
import time

THREADS, STEPS = int(sys.argv[1]), int(sys.argv[2])
longest = [0.0] * THREADS


def down(number, left):
    begin = time.perf_counter()
    time.sleep(0.1)
    longest[number] = max(longest[number], time.perf_counter() - begin)
    if left > 1:
        down(number, left - 1)


def begin(number):
    START.wait()
    time.sleep(0.1 * number / THREADS)  # so that they do not wake all at once
    down(number, STEPS)


START = threading.Event()
threads = [threading.Thread(target=begin, args=(number,)) for number in range(THREADS)]
for thread in threads:
    thread.start()
START.set()
for thread in threads:
    thread.join()
print(json.dumps({"longest_s": max(longest)}))
