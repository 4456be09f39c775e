"""How much the holders of funds may lose in a bad year: plays the year many times over for each fund.

runs: once
finds: one-core in losses
"""

import multiprocessing
import random
import sys

FIXED = sys.argv[1:] == ["fixed"]
WEEKS = 52
YEARS = 120


def fund(number):
    made = random.Random(number)
    return [(made.uniform(0.01, 0.05), made.uniform(-0.001, 0.003)) for _ in range(6)]


def week(made, parts):
    market = made.gauss(0, 1)
    change = 0.0
    for risk, drift in parts:
        change += drift + risk * (0.6 * market + 0.8 * made.gauss(0, 1))
    return change / len(parts)


def year(made, parts):
    value = 1.0
    for _ in range(WEEKS):
        value *= 1 + week(made, parts)
    return value


def loss(number):
    """What is lost in one year of twenty."""
    made, parts = random.Random(number * 17), fund(number)
    values = sorted(year(made, parts) for _ in range(YEARS))
    return round(1 - values[len(values) // 20], 4)


def losses(funds):
    if FIXED:
        with multiprocessing.get_context("fork").Pool(2) as pool:
            return pool.map(loss, range(funds), chunksize=4)
    found = []
    for number in range(funds):
        found.append(loss(number))
    return found


if __name__ == "__main__":
    found = losses(160)
    worst = max(range(len(found)), key=found.__getitem__)
    print(f"fund {worst} loses {found[worst]:.2%}")
