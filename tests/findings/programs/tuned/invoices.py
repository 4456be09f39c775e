"""Reminds customers of invoices that are not paid: sums up what each of them has paid so far.

finds: n-plus-one in open_invoices
"""

import sqlite3
import sys

FIXED = sys.argv[1:] == ["fixed"]
PAID = "SELECT coalesce(sum(cents), 0) FROM payment WHERE invoice = ? AND day <= ?"
COUNT = "made (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM made WHERE n < ?)"
CENTS = "(1000 + n * 104729 % 89000)"
PAID_MANY = "SELECT invoice, sum(cents) FROM payment WHERE day <= ? GROUP BY invoice"


class Books:
    def __init__(self, invoices):
        self.db = sqlite3.connect(":memory:")
        self.db.execute("CREATE TABLE invoice (id INTEGER PRIMARY KEY, customer INTEGER, cents INTEGER)")
        self.db.execute("CREATE TABLE payment (id INTEGER PRIMARY KEY, invoice INTEGER, cents INTEGER, day INTEGER)")
        self.db.execute("CREATE INDEX payment_invoice ON payment (invoice)")
        self.fill(invoices)

    def fill(self, invoices):
        self.db.execute(
            f"WITH RECURSIVE {COUNT} INSERT INTO invoice SELECT n, n * 7919 % ?, {CENTS} FROM made",
            (invoices, invoices // 8),
        )
        for part in range(1, 3):  # at most so many payments each
            self.db.execute(
                f"WITH RECURSIVE {COUNT} INSERT INTO payment (invoice, cents, day) SELECT n, {CENTS} / (2 + n % 3), n % 90 FROM made WHERE n % 3 >= ?",
                (invoices, part),
            )

    def invoices(self):
        return self.db.execute("SELECT id, customer, cents FROM invoice ORDER BY id").fetchall()

    def paid(self, day):
        return dict(self.db.execute(PAID_MANY, (day,)))


def open_invoices(books, day):
    paid_all = books.paid(day) if FIXED else {}
    cursor = books.db.cursor()
    missing = {}
    for number, customer, cents in books.invoices():
        if FIXED:
            paid = paid_all.get(number, 0)
        else:
            paid = cursor.execute(PAID, (number, day)).fetchone()[0]
        if paid < cents:
            missing.setdefault(customer, []).append(cents - paid)
    return missing


def letters(missing):
    worst = max(missing, key=lambda customer: (sum(missing[customer]), customer))
    return len(missing), worst, sum(missing[worst])


if __name__ == "__main__":
    books = Books(40_000)
    for day in range(10, 100, 10):
        print(*letters(open_invoices(books, day)))
