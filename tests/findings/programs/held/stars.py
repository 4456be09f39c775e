"""Brings a catalogue of stars up to date, in processes: where each will stand in the months of a later year.

runs: once
finds: small-tasks in catalogue
fixed: hot-loop in turned, seen: sums and sines of single numbers (Cython with types: 3 times)
"""

import math
import random
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import NamedTuple

FIXED = sys.argv[1:] == ["fixed"]
GROUP = 1_000
SECOND = math.pi / 180 / 3600
LEAN = math.radians(23.44)  # of the earth's axis


class Star(NamedTuple):
    number: int
    ascension: float  # radians, in the year 2000
    declination: float
    drift: float  # radians a year, along each of the two
    climb: float


def turned(star, year):
    """Ascension and declination after the axis has turned, and the star moved, until that year."""
    ages = (year - 2000.0) / 100.0
    zeta = (2306.2181 + (0.30188 + 0.017998 * ages) * ages) * ages * SECOND
    zed = (2306.2181 + (1.09468 + 0.018203 * ages) * ages) * ages * SECOND
    theta = (2004.3109 - (0.42665 + 0.041833 * ages) * ages) * ages * SECOND
    ascension = star.ascension + star.drift * (year - 2000.0) + zeta
    declination = star.declination + star.climb * (year - 2000.0)
    across = math.cos(declination) * math.sin(ascension)
    along = math.cos(theta) * math.cos(declination) * math.cos(ascension) - math.sin(theta) * math.sin(declination)
    above = math.sin(theta) * math.cos(declination) * math.cos(ascension) + math.cos(theta) * math.sin(declination)
    return (math.atan2(across, along) + zed) % (2 * math.pi), math.asin(max(-1.0, min(1.0, above)))


def seen(star, year):
    """The same as it looks from the earth, which moves: 20 seconds to and fro in a year."""
    ascension, declination = turned(star, year)
    sun = 2 * math.pi * ((year - 0.22) % 1.0)
    east = math.cos(LEAN) * math.cos(ascension) * math.cos(sun) + math.sin(ascension) * math.sin(sun)
    north = math.sin(LEAN) * math.cos(declination) - math.cos(LEAN) * math.sin(ascension) * math.sin(declination)
    shift = north * math.cos(sun) + math.cos(ascension) * math.sin(declination) * math.sin(sun)
    return ascension - 20.5 * SECOND * east / math.cos(declination), declination - 20.5 * SECOND * shift


def highest(star, year):
    """The month in which a star is furthest north, and how far."""
    months = [seen(star, year + month / 12) for month in range(12)]
    month = max(range(12), key=lambda month: months[month][1])
    ascension, declination = months[month]
    return month + 1, round(math.degrees(ascension), 6), round(math.degrees(declination), 6)


def highest_of(stars, year):
    return {star.number: highest(star, year) for star in stars}


def catalogue(stars, year):
    places = {}
    with ProcessPoolExecutor() as pool:
        if FIXED:
            groups = [stars[start : start + GROUP] for start in range(0, len(stars), GROUP)]
            for found in pool.map(highest_of, groups, [year] * len(groups)):
                places.update(found)
        else:
            asked = {pool.submit(highest, star, year): star.number for star in stars}
            for done in as_completed(asked):
                places[asked[done]] = done.result()
    return places


def stars(count):
    made = random.Random(2000)
    for number in range(count):
        declination = math.asin(made.uniform(-1, 1))
        yield Star(number, made.uniform(0, 2 * math.pi), declination, made.gauss(0, 4e-7), made.gauss(0, 4e-7))


def report(places):
    months = [0] * 12
    for month, _, _ in places.values():
        months[month - 1] += 1
    north = max(places, key=lambda number: (places[number][2], number))
    return f"{len(places)} stars, by month {months}, furthest north {north} at {places[north][1:]}"


if __name__ == "__main__":
    print(report(catalogue(list(stars(11_000)), 2050.0)))
