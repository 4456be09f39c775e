"""Draws up the bus lines of a country: a process for each county, and in each of them a process for each of its lines.

runs: once
finds: oversubscribed in county
fixed: hot-loop in survey: the way between each two places is worked out in Python, once in each process
"""

import concurrent.futures
import multiprocessing
import os
import random
import sys

FIXED = sys.argv[1:] == ["fixed"]
COUNTIES, LINES, STOPS = 6, 7, 11
PLACES = 330
CONTEXT = multiprocessing.get_context("fork")
ROADS = {}


def survey():
    """How long a bus takes from each place to each other, in seconds: each process works it out for itself."""
    made = random.Random(1)
    places = [(made.uniform(0, 90), made.uniform(0, 60)) for _ in range(PLACES)]
    for one, (x, y) in enumerate(places):
        for other, (u, v) in enumerate(places):
            ROADS[one, other] = round(71 * ((x - u) ** 2 + (y - v) ** 2) ** 0.5) + 20


def length(stops):
    return sum(ROADS[pair] for pair in zip(stops, stops[1:]))


def line(number):
    """Visits its stops in an order that is better than the first one."""
    if not ROADS:
        survey()
    made = random.Random(number)
    stops = made.sample(range(PLACES), STOPS)
    best = length(stops)
    for _ in range(600):
        first, last = sorted((made.randrange(STOPS), made.randrange(STOPS)))
        tried = stops[:first] + stops[first : last + 1][::-1] + stops[last + 1 :]
        if length(tried) < best:
            stops, best = tried, length(tried)
    return best, number


def county(number):
    """The longest and the shortest of its lines."""
    mine = range(number * LINES, (number + 1) * LINES)
    if FIXED:
        found = [line(one) for one in mine]
    else:
        with concurrent.futures.ProcessPoolExecutor(LINES, mp_context=CONTEXT) as pool:
            found = list(pool.map(line, mine))
    return number, max(found), min(found)


def country():
    at_once = len(os.sched_getaffinity(0)) if FIXED else COUNTIES
    with concurrent.futures.ProcessPoolExecutor(at_once, mp_context=CONTEXT) as pool:
        return list(pool.map(county, range(COUNTIES)))


if __name__ == "__main__":
    for number, longest, shortest in country():
        print(f"county {number}: line {longest[1]} takes {longest[0] // 60} minutes, line {shortest[1]} {shortest[0] // 60}")
