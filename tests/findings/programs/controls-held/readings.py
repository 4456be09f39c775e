"""Gauges along a river are asked by name, over and over, and answer what they have at the time.

expects: nothing
allows: hot-loop in level, report: compiled code would work it out faster
allows: call-overhead in level, report: so would fewer calls
with: --arg-hash
"""

import math

GAUGES = ("mill", "weir", "bridge", "lock", "mouth")
HOURS = [0]


def level(gauge, offset):
    """Centimetres: the tide, the rain of some days before, and what the gauge is off by."""
    hour = HOURS[0] + offset
    tide = 40 * math.sin(hour / 12.42 * 2 * math.pi)
    rain = sum(8 * math.exp(-((hour - 31 * day) ** 2) / 90) for day in range(12))
    return round(180 + tide + rain + 3 * len(gauge), 3)


def report():
    HOURS[0] += 1
    return [level(gauge, 0) for gauge in GAUGES]


def season(hours):
    highest = dict.fromkeys(GAUGES, 0.0)
    for _ in range(hours):
        for gauge, height in zip(GAUGES, report()):
            highest[gauge] = max(highest[gauge], height)
    return highest


if __name__ == "__main__":
    for gauge, height in season(40000).items():
        print(gauge, height)
