"""Plans the shifts of several wards, a thread for each ward: tries plans and keeps the best.

runs: once
finds: gil-contention in improve
fixed: hot-loop in cost: plans are weighed day by day in Python, now in processes
"""

import concurrent.futures
import random
import sys

FIXED = sys.argv[1:] == ["fixed"]
NURSES, DAYS = 14, 28
WISHES = 3


def wishes(ward):
    made = random.Random(ward)
    return [{made.randrange(DAYS) for _ in range(WISHES)} for _ in range(NURSES)]


def cost(plan, free):
    """Wishes that are not met, days in a row, and how uneven it is."""
    total = 0
    for nurse, days in enumerate(plan):
        row = 0
        for day, works in enumerate(days):
            row = row + 1 if works else 0
            total += row > 4
            total += 3 if works and day in free[nurse] else 0
        total += abs(sum(days) - DAYS // 2)
    return total


def improve(ward):
    made, free = random.Random(ward + 1000), wishes(ward)
    plan = [[made.random() < 0.5 for _ in range(DAYS)] for _ in range(NURSES)]
    best = cost(plan, free)
    for _ in range(5_000):
        nurse, day = made.randrange(NURSES), made.randrange(DAYS)
        other = made.randrange(DAYS)
        days = plan[nurse]
        days[day], days[other] = days[other], days[day]
        now = cost(plan, free)
        if now > best:
            days[day], days[other] = days[other], days[day]
        else:
            best = now
    return ward, best


def plans(wards):
    kind = concurrent.futures.ProcessPoolExecutor if FIXED else concurrent.futures.ThreadPoolExecutor
    with kind(max_workers=4 if not FIXED else 2) as pool:
        return list(pool.map(improve, range(wards)))


if __name__ == "__main__":
    found = plans(12)
    print(len(found), min(found, key=lambda one: (one[1], one[0])))
