"""Prints what each customer of a shop has ordered this year, from a database.

finds: n-plus-one in totals at `name, town = db.execute("SELECT name, town FROM customer WHERE id = ?", (customer,)).fetchone()`
"""

import random
import sqlite3
import sys

FIXED = sys.argv[1:] == ["fixed"]
TOWNS = ("Aachen", "Bremen", "Celle", "Dessau", "Erfurt")


def fill(customers, orders):
    made = random.Random(21)
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT, town TEXT)")
    db.execute("CREATE TABLE ordered (id INTEGER PRIMARY KEY, customer INTEGER, cents INTEGER)")
    rows = [(number, f"customer {number}", made.choice(TOWNS)) for number in range(customers)]
    db.executemany("INSERT INTO customer VALUES (?, ?, ?)", rows)
    sold = zip(range(orders), made.choices(range(customers), k=orders), made.choices(range(100, 90_000), k=orders))
    db.executemany("INSERT INTO ordered VALUES (?, ?, ?)", sold)
    db.commit()
    return db


def totals(db):
    sums = {}
    if FIXED:
        query = "SELECT name, town, cents FROM ordered JOIN customer ON customer.id = ordered.customer"
        for name, town, cents in db.execute(query):
            sums[name, town] = sums.get((name, town), 0) + cents
        return sums
    for customer, cents in db.execute("SELECT customer, cents FROM ordered").fetchall():
        name, town = db.execute("SELECT name, town FROM customer WHERE id = ?", (customer,)).fetchone()
        sums[name, town] = sums.get((name, town), 0) + cents
    return sums


def by_town(sums):
    towns = dict.fromkeys(TOWNS, 0)
    for (_, town), cents in sums.items():
        towns[town] += cents
    return towns


if __name__ == "__main__":
    shop = fill(3_000, 400_000)
    bought = totals(shop)
    best = max(bought.items(), key=lambda item: (item[1], item[0]))
    print(best, by_town(bought))
