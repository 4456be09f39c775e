"""A month's report from a database, asked for as it should be: all rows put in at once, an index, sums made by the query.

expects: nothing
"""

import random
import sqlite3

TABLES = """
CREATE TABLE shop (id INTEGER PRIMARY KEY, town TEXT);
CREATE TABLE sale (id INTEGER PRIMARY KEY, shop INTEGER, day INTEGER, item INTEGER, cents INTEGER);
"""
BY_TOWN = """
SELECT town, count(*), sum(cents), count(DISTINCT item)
FROM sale JOIN shop ON shop.id = sale.shop WHERE day BETWEEN ? AND ? GROUP BY town ORDER BY 3 DESC
"""
BEST_DAYS = """
SELECT day, total, rank() OVER (ORDER BY total DESC)
FROM (SELECT day, sum(cents) AS total FROM sale GROUP BY day) ORDER BY 3 LIMIT 5
"""
PAIRS = """
SELECT first.item, second.item, count(*) FROM sale AS first
JOIN sale AS second ON first.shop = second.shop AND first.day = second.day AND first.item < second.item
WHERE first.day < 4 GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 3
"""
TOWNS = ("Aarhus", "Bergen", "Cork", "Delft", "Espoo")


def fill(base, sales):
    made = random.Random(21)
    whole = made.randrange
    base.executescript(TABLES)
    base.executemany("INSERT INTO shop VALUES (?, ?)", [(number, TOWNS[number % 5]) for number in range(40)])
    rows = ((whole(40), whole(31), whole(300), whole(90, 9_000)) for _ in range(sales))
    base.executemany("INSERT INTO sale (shop, day, item, cents) VALUES (?, ?, ?, ?)", rows)
    base.execute("CREATE INDEX by_shop ON sale (shop, day, item)")
    base.commit()


def report(base):
    lines = [f"{town:8} {count:7} {cents / 100:12.2f} {items}" for town, count, cents, items in base.execute(BY_TOWN, (0, 30))]
    lines += [f"day {day + 1}: {total / 100:.2f}" for day, total, _ in base.execute(BEST_DAYS)]
    lines += [f"{first} with {second}: {times}" for first, second, times in base.execute(PAIRS)]
    return lines


if __name__ == "__main__":
    with sqlite3.connect(":memory:") as base:
        fill(base, 120_000)
        print("\n".join(report(base)))
