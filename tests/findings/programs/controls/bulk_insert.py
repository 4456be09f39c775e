"""Fills a database with executemany in one transaction, and reads it back with one query.

expects: nothing
"""

import sqlite3


def rows(count):
    for number in range(count):
        yield number, f"name {number % 5000}", number * 7919 % 100_003


def fill(db, count):
    with db:
        db.execute("CREATE TABLE entry (id INTEGER PRIMARY KEY, name TEXT, value INTEGER)")
        db.executemany("INSERT INTO entry VALUES (?, ?, ?)", rows(count))


def sums(db):
    query = "SELECT name, sum(value) FROM entry GROUP BY name ORDER BY 2 DESC LIMIT 3"
    return list(db.execute(query))


if __name__ == "__main__":
    for _ in range(2):
        db = sqlite3.connect(":memory:")
        fill(db, 400_000)
        print(sums(db))
