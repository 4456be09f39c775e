"""Strokes of a golfer in the wind: after each one he corrects his aim by where the ball came down.

finds: call-overhead in flight
fixed: hot-loop in flight_in_numbers: each step of a flight starts from the one before (Cython: with types 20 times, untyped 0.6)
"""

import math
import random
import sys
from dataclasses import dataclass

FIXED = sys.argv[1:] == ["fixed"]
STEP = 0.002  # seconds
DRAG = 0.0042
LIFT = 0.00011


class Vector:
    """Metres, or metres a second, to the east, to the north and up."""

    __slots__ = ("east", "north", "up")

    def __init__(self, east, north, up):
        self.east = east
        self.north = north
        self.up = up

    def __add__(self, other):
        return Vector(self.east + other.east, self.north + other.north, self.up + other.up)

    def __sub__(self, other):
        return Vector(self.east - other.east, self.north - other.north, self.up - other.up)

    def __mul__(self, factor):
        return Vector(self.east * factor, self.north * factor, self.up * factor)

    def length(self):
        return math.sqrt(self.east * self.east + self.north * self.north + self.up * self.up)


GRAVITY = Vector(0.0, 0.0, -9.81)


@dataclass(frozen=True)
class Club:
    name: str
    speed: float
    loft: float  # degrees
    spin: float  # turns a second


CLUBS = (Club("driver", 70.0, 11.0, 45.0), Club("iron", 54.0, 18.0, 95.0), Club("wedge", 42.0, 31.0, 140.0))


def struck(club, aim):
    """The ball's speed as it leaves the tee."""
    loft, level = math.radians(club.loft), math.radians(aim)
    return Vector(
        club.speed * math.cos(loft) * math.sin(level),
        club.speed * math.cos(loft) * math.cos(level),
        club.speed * math.sin(loft),
    )


def flight(speed, wind, spin):
    """Where the ball comes down."""
    place = Vector(0.0, 0.0, 0.0)
    while place.up >= 0.0:
        air = speed - wind
        force = GRAVITY + air * (-DRAG * air.length()) + Vector(0.0, 0.0, air.length() * spin * LIFT)
        speed = speed + force * STEP
        place = place + speed * STEP
    return place


def flight_in_numbers(speed, wind, spin):
    """The same without a vector for each sum."""
    east, north, up = speed.east, speed.north, speed.up
    wind_east, wind_north, wind_up = wind.east, wind.north, wind.up
    x = y = z = 0.0
    while z >= 0.0:
        air_east, air_north, air_up = east - wind_east, north - wind_north, up - wind_up
        fast = math.sqrt(air_east * air_east + air_north * air_north + air_up * air_up)
        drag = -DRAG * fast
        east = east + air_east * drag * STEP
        north = north + air_north * drag * STEP
        up = up + (-9.81 + air_up * drag + fast * spin * LIFT) * STEP
        x, y, z = x + east * STEP, y + north * STEP, z + up * STEP
    return Vector(x, y, z)


def practise(strokes):
    """How far the balls came down from the line, with each club."""
    made, aim = random.Random(18), 0.0
    fly = flight_in_numbers if FIXED else flight
    beside = {club.name: 0.0 for club in CLUBS}
    for number in range(strokes):
        club = CLUBS[number % len(CLUBS)]
        wind = Vector(made.gauss(4.0, 1.0), made.gauss(-1.0, 2.0), 0.0)
        down = fly(struck(club, aim), wind, club.spin)
        aim -= math.degrees(math.atan2(down.east, down.north)) / 2
        beside[club.name] += abs(down.east)
    return beside, aim


if __name__ == "__main__":
    beside, aim = practise(330)
    for name, metres in beside.items():
        print(f"{name:7} {metres / 110:7.3f} m")
    print(f"aims {aim:.4f} degrees to the east")
