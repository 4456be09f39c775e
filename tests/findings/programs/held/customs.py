"""What customs want for a load of goods in one country. The tables of all countries are modules, made from their offices' books.

finds: import-time in open_offices at `offices[country] = importlib.import_module(f"customs_tables.{country}")`
"""

import importlib
import os
import random
import sys
import tempfile

FIXED = sys.argv[1:] == ["fixed"]
COUNTRIES = (
    "andorra bhutan chile djibouti estonia fiji ghana haiti iceland japan kenya laos malta nepal oman peru".split()
)
HEADINGS = 6_000


def book(shift):
    """A module's text: heading of the goods, rate, least duty, and whether it goes by weight."""
    rows = []
    for heading in range(HEADINGS):
        rate = (heading * 37 + shift * 11) % 290 / 1000
        rows.append(
            f'    "{heading:04}": ("{rate:.3f}", {heading % 19 * 25}, {heading % 7 == shift % 7}, "chapter {heading // 100}"),'
        )
    return (
        "GOODS = {\n"
        + "\n".join(rows)
        + f'\n}}\nTAX = "0.{10 + shift}"\n\n\ndef rate(heading):\n    return GOODS[heading][0]\n'
    )


def publish(folder):
    """What the offices send each year: as a package that programs can import. They share few books."""
    package = os.path.join(folder, "customs_tables")
    os.mkdir(package)
    books = [book(shift) for shift in range(2)]
    for number, country in enumerate(["__init__", *COUNTRIES]):
        with open(os.path.join(package, f"{country}.py"), "w") as out:
            out.write(books[number % len(books)] if number else "")


def open_offices(wanted):
    """The tables by country."""
    offices = {}
    for country in [wanted] if FIXED else COUNTRIES:
        offices[country] = importlib.import_module(f"customs_tables.{country}")
    return offices


def load(parcels):
    made = random.Random(6)
    for _ in range(parcels):
        yield f"{made.randrange(HEADINGS):04}", made.randrange(100, 90_000), made.randrange(1, 400)


def duty(office, heading, cents, kilos):
    rate, least, by_weight, _ = office.GOODS[heading]
    due = kilos * 12 if by_weight else int(cents * float(rate))
    return max(due, least) + int(cents * float(office.TAX))


def declare(office, goods):
    total, dearest = 0, ("", 0)
    for heading, cents, kilos in goods:
        due = duty(office, heading, cents, kilos)
        total += due
        dearest = max(dearest, (heading, due), key=lambda one: one[1])
    return total, dearest


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        publish(folder)
        sys.path.insert(0, folder)
        offices = open_offices("malta")
        total, (heading, due) = declare(offices["malta"], load(40_000))
        sys.path.remove(folder)
    print(f"{total / 100:.2f} for all, most for {heading}: {due / 100:.2f}")
