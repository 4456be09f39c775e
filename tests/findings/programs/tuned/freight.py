"""What a day's parcels cost to send: the tariff of a zone and a weight class is worked out for each of them.

finds: repeated-work in tariff
with: --arg-hash
"""

import functools
import random
import sys

FIXED = sys.argv[1:] == ["fixed"]
ZONES = ("city", "coast", "hills", "islands", "north")
FUEL = (1.61, 1.58, 1.66, 1.71, 1.69, 1.64, 1.62)


def leg_cost(kilometres, kilos, price):
    """Of one leg: fuel for the van, a share of it for the weight, a toll from a hundred kilometres on."""
    litres = kilometres * (0.07 + 0.002 * kilos)
    toll = 0.11 * (kilometres - 100) if kilometres > 100 else 0.0
    return litres * price + toll


def tariff(zone, kilos):
    """The mean over the routes of a zone and the fuel prices of a week, in cents."""
    first = 11 + 23 * ZONES.index(zone)
    total, legs = 0.0, 0
    for route in range(first, first + 12):
        kilometres = route % 7 * 19 + 25
        for price in FUEL:
            total += leg_cost(kilometres, kilos, price)
            legs += 1
    return round(100 * total / legs)


if FIXED:
    tariff = functools.lru_cache(maxsize=None)(tariff)


def parcels(count):
    rng = random.Random(count)
    for number in range(count):
        yield number, rng.choice(ZONES), rng.randrange(1, 25), rng.random() < 0.1


def invoice(count):
    sums = dict.fromkeys(ZONES, 0)
    for _, zone, kilos, fragile in parcels(count):
        cents = tariff(zone, kilos)
        sums[zone] += cents * 3 // 2 if fragile else cents
    return sums


if __name__ == "__main__":
    for zone, cents in invoice(90000).items():
        print(f"{zone:8} {cents / 100:12.2f}")
