"""Matches payments with invoices that are still open.

finds: list-membership in reconcile at `if number in settled:`
"""

import random
import sys

FIXED = sys.argv[1:] == ["fixed"]


def invoices(count):
    made = random.Random(4)
    return [(f"INV-{number:06d}", made.randrange(1, 90_000)) for number in range(count)]


def payments(open_ones, count):
    made = random.Random(9)
    for _ in range(count):
        number, amount = made.choice(open_ones)
        yield number, amount if made.random() < 0.9 else amount - 1


def reconcile(open_ones, paid):
    amounts = dict(open_ones)
    settled = set() if FIXED else []
    remember = settled.add if FIXED else settled.append
    doubles, short = 0, 0
    for number, amount in paid:
        if number in settled:
            doubles += 1
            continue
        if amounts[number] != amount:
            short += 1
            continue
        remember(number)
    return len(settled), doubles, short


def report(settled, doubles, short):
    lines = [
        f"settled  {settled:8d}",
        f"doubles  {doubles:8d}",
        f"short    {short:8d}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    numbers = invoices(9_000)
    print(report(*reconcile(numbers, payments(numbers, 12_000))))
