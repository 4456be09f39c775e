"""A few long queries of a database without an index: compiled code that wants an index, not fewer queries.

expects: nothing
"""

import random
import sqlite3


def fill(rows):
    made = random.Random(31)
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE trip (line INTEGER, stop INTEGER, delay INTEGER)")
    values = [(made.randrange(80), made.randrange(900), made.randrange(-60, 900)) for _ in range(rows)]
    db.executemany("INSERT INTO trip VALUES (?, ?, ?)", values)
    return db


def worst(db, line):
    query = (
        "SELECT stop, avg(delay) AS late FROM trip WHERE line = ? AND stop % 3 = line % 3 GROUP BY stop ORDER BY late"
    )
    return db.execute(query, (line,)).fetchall()[-1][0]


def survey(db, lines):
    return [worst(db, line) for line in lines]


if __name__ == "__main__":
    trips = fill(350_000)
    print(survey(trips, range(60)))
