"""Finds the street that each of a fleet's cars is in, at each second of a day.

finds: unbounded-cache in nearest
fixed: hot-loop in nearest: the loop over the streets stays, and works on numbers
"""

import functools
import math
import random
import sys

FIXED = sys.argv[1:] == ["fixed"]
STREETS = 60


def streets(count):
    made = random.Random(90)
    found = []
    for number in range(count):
        along = [(made.uniform(0, 10), made.uniform(0, 10)) for _ in range(3)]
        found.append((f"street {number}", along))
    return found


MAP = streets(STREETS)


class Match:
    """What is known of a car's place."""

    def __init__(self, name, away, x, y):
        self.name, self.away = name, away
        self.near = {"x": x, "y": y, "tile": f"{int(x)}/{int(y)}", "tried": [street for street, _ in MAP]}


@functools.lru_cache(maxsize=256 if FIXED else None)
def nearest(x, y):
    best = None
    for name, along in MAP:
        for east, north in along:
            away = math.hypot(x - east, y - north)
            if best is None or away < best[0]:
                best = away, name
    return Match(best[1], best[0], x, y)


class Car:
    def __init__(self, made):
        self.made = made
        self.x, self.y = made.uniform(2, 8), made.uniform(2, 8)

    def drive(self):
        if self.made.random() < 0.5:  # it waits at a light
            self.x += self.made.uniform(-0.01, 0.01)
            self.y += self.made.uniform(-0.01, 0.01)
        return round(self.x, 5), round(self.y, 5)


def follow(cars, seconds):
    visits = {}
    for _ in range(seconds):
        for car in cars:
            found = nearest(*car.drive())
            visits[found.name] = visits.get(found.name, 0) + 1
    return visits


if __name__ == "__main__":
    fleet = [Car(random.Random(number)) for number in range(40)]
    visits = follow(fleet, 2_500)
    print(len(visits), max(visits.items(), key=lambda item: (item[1], item[0])))
