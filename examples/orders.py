#!/usr/bin/env python3
"""A small nightly job of a shop: reads the day's orders, drops those sent twice, prices the rest, writes invoices.

It works, and it is slower than it has to be in more than one way:

* `drop_repeated` looks every order number up in a *list* that grows: each look-up reads the whole list (a set answers
  at once). This is most of the run.
* `write_invoices` turns every order into JSON on its own, through a deep copy, and flushes the file after each line.
* `report` builds its text by prepending lines to a string and sorts everything again for each customer it prints.

    ./keisoku run examples/orders.py [NUMBER OF ORDERS]

Deterministic; writes only to a temporary folder, which is removed at the end.
"""

import copy
import csv
import json
import os
import random
import sys
import tempfile

CUSTOMERS = 400
ARTICLES = {f"A{number:03d}": 100 + 37 * number for number in range(90)}  # price in cents


def make_input(path, count):
    """Writes `count` orders; about one in eight was sent twice."""
    chance = random.Random(7)
    with open(path, "w", newline="") as handle:
        rows = csv.writer(handle)
        rows.writerow(["order", "customer", "article", "quantity"])
        known = []
        for number in range(count):
            if known and chance.random() < 0.12:
                order = chance.choice(known)
            else:
                order = f"{2026_0000_0000 + number * 7919 % 1_000_003:012d}"
                known.append(order)
            customer = f"C{chance.randrange(CUSTOMERS):04d}"
            rows.writerow([order, customer, chance.choice(sorted(ARTICLES)), chance.randint(1, 9)])


def load(path):
    orders = []
    with open(path, newline="") as handle:
        for row in csv.DictReader(handle):
            row["quantity"] = int(row["quantity"])
            orders.append(row)
    return orders


def drop_repeated(orders):
    seen = []
    kept = []
    for order in orders:
        if order["order"] in seen:
            continue
        seen.append(order["order"])
        kept.append(order)
    return kept


def price(order):
    total = ARTICLES[order["article"]] * order["quantity"]
    if order["quantity"] >= 6:
        total -= total // 20
    return total


def write_invoices(orders, path):
    with open(path, "w") as handle:
        for order in orders:
            invoice = copy.deepcopy(order)
            invoice["total"] = price(order)
            invoice["lines"] = [{"article": order["article"], "each": ARTICLES[order["article"]]}] * order["quantity"]
            handle.write(json.dumps(invoice, indent=1, sort_keys=True) + "\n")
            handle.flush()


def report(orders):
    totals = {}
    for order in orders:
        totals[order["customer"]] = totals.get(order["customer"], 0) + price(order)
    text = ""
    for customer in sorted(totals):
        rank = sorted(totals.values(), reverse=True).index(totals[customer]) + 1
        text = f"{rank:4d}  {customer}  {totals[customer] / 100:10.2f}\n" + text
    return text


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 38_000
    with tempfile.TemporaryDirectory(prefix="orders-") as folder:
        source = os.path.join(folder, "orders.csv")
        make_input(source, count)
        orders = drop_repeated(load(source))
        write_invoices(orders, os.path.join(folder, "invoices.json"))
        with open(os.path.join(folder, "report.txt"), "w") as handle:
            handle.write(report(orders))
        written = os.path.getsize(os.path.join(folder, "invoices.json"))
    print(f"{count} orders read, {len(orders)} kept, {written} bytes of invoices")


if __name__ == "__main__":
    main()
