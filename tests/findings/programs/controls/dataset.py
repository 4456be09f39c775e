"""Loads a large table once and keeps it: its memory is used, not thrown away.

expects: nothing
"""

import random


def load(rows):
    made = random.Random(50)
    table = {"name": [], "weight": bytearray(), "places": []}
    for number in range(rows):
        table["name"].append(f"row {number}")
        table["weight"] += (number % 251).to_bytes(1, "little")
        table["places"].append((made.randrange(90), number))
    return table


def heaviest(table, count):
    order = sorted(range(len(table["name"])), key=lambda at: (table["weight"][at], at))
    return [table["name"][at] for at in order[-count:]]


if __name__ == "__main__":
    table = load(500_000)
    print(heaviest(table, 3), len(table["places"]))
