"""`gil_turns.py SECONDS THREADS`: threads that wait for the GIL most of the time, each in one of four functions, which take
some milliseconds of CPU time each. Prints for each thread when it came to which, by the real-time clock."""

import json
import sys
import threading
import time

ROUNDS = 150_000


def first():
    for _ in range(ROUNDS):
        pass


def second():
    for _ in range(ROUNDS):
        pass


def third():
    for _ in range(ROUNDS):
        pass


def fourth():
    for _ in range(ROUNDS):
        pass


def turns(end, log):
    while time.monotonic() < end:
        for work in (first, second, third, fourth):
            log.append((time.time_ns(), work.__name__))
            work()


def main(seconds, threads):
    end = time.monotonic() + seconds
    logs = {}

    def run():
        turns(end, logs.setdefault(threading.get_native_id(), []))

    others = [threading.Thread(target=run) for _ in range(threads)]
    for other in others:
        other.start()
    for other in others:
        other.join()
    print(json.dumps(logs))


main(float(sys.argv[1]), int(sys.argv[2]))
