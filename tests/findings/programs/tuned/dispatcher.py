"""Serves jobs in the order in which they came, some of them again later.

finds: list-shift in run at `job = waiting.pop(0)`
"""

import random
import sys
from collections import deque
from dataclasses import dataclass

FIXED = sys.argv[1:] == ["fixed"]


@dataclass
class Job:
    number: int
    work: int
    tries: int = 0


def arrivals(count):
    made = random.Random(1)
    return [Job(number, made.randrange(1, 50)) for number in range(count)]


def attempt(job, made):
    job.tries += 1
    return made.random() < 0.6


def run(jobs):
    made = random.Random(2)
    waiting = deque(jobs) if FIXED else list(jobs)
    done, given_up, clock = 0, 0, 0
    while waiting:
        if FIXED:
            job = waiting.popleft()
        else:
            job = waiting.pop(0)
        clock += job.work
        if attempt(job, made):
            done += 1
        elif job.tries < 4:
            waiting.append(job)
        else:
            given_up += 1
    return done, given_up, clock


if __name__ == "__main__":
    done, given_up, clock = run(arrivals(90_000))
    print(f"done {done}, given up {given_up}, at {clock}")
