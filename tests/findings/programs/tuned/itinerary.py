"""Plans a long round trip and keeps the way as a tuple, so that nobody changes it by mistake.

finds: quadratic-concat in plan at `way = way + (town,)`
"""

import random
import sys

FIXED = sys.argv[1:] == ["fixed"]


def stops(count):
    made = random.Random(71)
    here = 0
    for _ in range(count):
        here = (here + made.randrange(1, 90)) % 4_001
        yield here


def plan(towns):
    if FIXED:
        collected = []
        for town in towns:
            if not collected or collected[-1] != town:
                collected.append(town)
        return tuple(collected)
    way = ()
    for town in towns:
        if not way or way[-1] != town:
            way = way + (town,)
    return way


def length(way):
    return sum(abs(after - before) for before, after in zip(way, way[1:]))


def twice(way):
    seen, again = set(), 0
    for town in way:
        again += town in seen
        seen.add(town)
    return again


if __name__ == "__main__":
    way = plan(stops(22_000))
    print(len(way), length(way), twice(way))
