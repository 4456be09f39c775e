"""Books a delivery into a stock database: adds to what is there, or makes a new entry.

finds: n-plus-one in book
"""

import random
import sqlite3
import sys

FIXED = sys.argv[1:] == ["fixed"]
SCHEMA = "CREATE TABLE stock (sku TEXT PRIMARY KEY, shelf INTEGER, count INTEGER)"
FIND = "SELECT count FROM stock WHERE sku = ? AND shelf = ?"
ADD = "INSERT INTO stock VALUES (?, ?, ?) ON CONFLICT (sku) DO UPDATE SET count = count + excluded.count"


def deliveries(kinds, lines):
    made = random.Random(5)
    for _ in range(lines):
        number = made.randrange(kinds)
        yield f"SKU-{number:05d}", number % 40, made.randrange(1, 30)


class Stock:
    def __init__(self):
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        self.cursor = self.db.cursor()
        self.cursor.execute(SCHEMA)

    def book(self, delivery):
        known = 0
        for sku, shelf, count in delivery:
            found = self.cursor.execute(FIND, (sku, shelf)).fetchone()
            known += found is not None
            self.cursor.execute(ADD, (sku, shelf, count))
        return known

    def book_together(self, delivery):
        sums, places, lines = {}, {}, 0
        for sku, shelf, count in delivery:
            sums[sku] = sums.get(sku, 0) + count
            places[sku] = shelf
            lines += 1
        rows = [(sku, places[sku], count) for sku, count in sums.items()]
        self.cursor.execute("BEGIN")
        self.cursor.executemany(ADD, rows)
        self.cursor.execute("COMMIT")
        return lines - len(rows)

    def count(self):
        return self.cursor.execute("SELECT count(*), sum(count) FROM stock").fetchone()


if __name__ == "__main__":
    stock = Stock()
    delivered = deliveries(4_000, 150_000)
    again = stock.book_together(delivered) if FIXED else stock.book(delivered)
    print(again, *stock.count())
