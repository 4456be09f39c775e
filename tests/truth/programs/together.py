"""Workers side by side, threads or processes, each with the worst case of alternate.py: `together.py SECONDS KIND`.

Where threads need no lock in common (free-threaded builds) and for processes, they run on several cores at once. Prints
the CPU seconds of each worker.
"""

import json
import multiprocessing
import queue
import sys
import threading
import time

CHAINS = {
    "left": r"boot( work( left( middle( leaf_l)?)?| lib)?| lib)?",
    "right": r"boot( work( right( middle( leaf_r)?)?| lib)?| lib)?",
    "MainThread": r"<module>( lib| main( (threads|processes))?( lib)?"
    r"( work( left( middle( leaf_l)?)?| right( middle( leaf_r)?)?| lib)?)?)?",
}


def leaf_l():
    return 1


def leaf_r():
    return 2


def middle(leaf):
    return leaf()  # -> leaf_l, leaf_r


def left():
    return middle(leaf_l)  # -> middle


def right():
    return middle(leaf_r)  # -> middle


def work(side, seconds, result):
    end = time.monotonic() + seconds
    calls = 0
    while time.monotonic() < end:
        for _ in range(1000):
            side()  # -> left, right
        calls += 1000
    result.put((side.__name__, calls, time.thread_time()))  # -> library


def threads(seconds):
    result = queue.SimpleQueue()
    return result, [
        threading.Thread(target=work, args=(side, seconds, result), name=side.__name__)  # -> library
        for side in (left, right)
    ]


def processes(seconds):
    fork = multiprocessing.get_context("fork")  # -> library
    result = fork.SimpleQueue()  # -> library
    return result, [fork.Process(target=work, args=(side, seconds, result)) for side in (left, right)]  # -> library


def main(seconds, kind):
    result, workers = (threads if kind == "threads" else processes)(seconds)  # -> threads, processes
    for worker in workers:
        worker.start()  # -> library, work
    for worker in workers:
        worker.join()  # -> library
    print(json.dumps([result.get() for _ in workers]))  # -> library


main(float(sys.argv[1]), sys.argv[2])  # -> main
