"""Lays out the light of lamps on a square: how bright each stone is.

finds: call-overhead in brightness
fixed: hot-loop in brightness: the loop over the lamps stays, and works on numbers
fixed: one-core in square: no stone's light depends on another's
"""

import random
import sys

FIXED = sys.argv[1:] == ["fixed"]


class Lamp:
    def __init__(self, made, side):
        self.x, self.y = made.uniform(0, side), made.uniform(0, side)
        self.power = made.uniform(20, 60)

    def away(self, x, y):
        return (self.x - x) * (self.x - x) + (self.y - y) * (self.y - y)

    def light(self, away):
        return self.power / (1.0 + away)


def weighed(light, dust):
    return light * (1.0 - dust)


def brightness(lamps, x, y, dust):
    total = 0.0
    if FIXED:
        for lamp in lamps:
            away = (lamp.x - x) * (lamp.x - x) + (lamp.y - y) * (lamp.y - y)
            total += lamp.power / (1.0 + away) * (1.0 - dust)
        return total
    for lamp in lamps:
        total += weighed(lamp.light(lamp.away(x, y)), dust)
    return total


def square(side, lamps, dust):
    return [[brightness(lamps, x, y, dust) for x in range(side)] for y in range(side)]


def darkest(stones):
    return min((round(light, 6), x, y) for y, row in enumerate(stones) for x, light in enumerate(row))


if __name__ == "__main__":
    made = random.Random(15)
    lamps = [Lamp(made, 250) for _ in range(60)]
    print(*darkest(square(250, lamps, 0.02)))
