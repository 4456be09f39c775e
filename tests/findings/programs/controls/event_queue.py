"""A simulation with a heap of events that grows while it runs: each step costs little more, and that is as it should.

expects: nothing
"""

import heapq
import random


def arrivals(made, clock):
    for kind in ("in", "out", "check"):
        yield clock + made.randrange(1, 40_000), made.random(), kind


def run(steps):
    made = random.Random(9)
    events = list(arrivals(made, 0))
    heapq.heapify(events)
    counts = {"in": 0, "out": 0, "check": 0}
    for step in range(steps):
        clock, _, kind = heapq.heappop(events)
        counts[kind] += 1
        for event in arrivals(made, clock):
            if len(events) < 100_000:
                heapq.heappush(events, event)
    return clock, counts, len(events)


if __name__ == "__main__":
    print(run(120_000))
