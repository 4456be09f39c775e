"""Reads a log, newest entry first, and keeps the last hours of each service together.

finds: list-shift in newest_first at `entries.insert(0, entry)`
"""

import collections
import random
import sys

FIXED = sys.argv[1:] == ["fixed"]
SERVICES = ("mail", "web", "store", "cron")


def log(count):
    made = random.Random(14)
    clock = 0
    for _ in range(count):
        clock += made.randrange(1, 5)
        yield clock, made.choice(SERVICES), made.randrange(100)


def newest_first(lines):
    if FIXED:
        entries = collections.deque()
        for entry in lines:
            entries.appendleft(entry)
        return list(entries)
    entries = []
    for entry in lines:
        entries.insert(0, entry)
    return entries


def latest(entries, each):
    kept = {service: [] for service in SERVICES}
    for clock, service, level in entries:
        if len(kept[service]) < each:
            kept[service].append((clock, level))
    return kept


def loudest(kept):
    return {service: max(level for _, level in rows) for service, rows in kept.items()}


if __name__ == "__main__":
    entries = newest_first(log(70_000))
    print(entries[0], entries[-1], loudest(latest(entries, 50)))
