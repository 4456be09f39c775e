"""one-core: cases that do not depend on each other, through several functions each; no function has much."""

import time

END = time.monotonic() + 2


def make(case):
    return [(case * 7919 + n) % 104729 for n in range(400)]


def smooth(values):
    return [(a + b) // 2 for a, b in zip(values, values[1:])]


def rank(values):
    return {value: place for place, value in enumerate(sorted(values))}


def join(values, places):
    return ",".join(str(places[value]) for value in values)


def check(text):
    total = 0
    for letter in text:
        total = (total * 31 + ord(letter)) % 65521
    return total


def simulate(case):
    values = make(case)
    smoothed = smooth(values)
    places = rank(smoothed)
    text = join(smoothed, places)
    return check(text[:500])


results = []
case = 0
while time.monotonic() < END:
    results.append(simulate(case))
    case += 1
