"""Needs some time to start, and uses all that it imports.

expects: nothing
"""

import argparse
import csv
import decimal
import email.message
import io
import json
import statistics
import xml.etree.ElementTree as tree


def rows(count):
    out = io.StringIO()
    writer = csv.writer(out)
    for number in range(count):
        writer.writerow([number, number * 13 % 101, f"name {number % 17}"])
    return out.getvalue()


def as_xml(values):
    root = tree.Element("values")
    for value in values:
        tree.SubElement(root, "value").text = str(value)
    return tree.tostring(root)


def as_mail(values):
    message = email.message.EmailMessage()
    message["Subject"] = "values"
    message.set_content("\n".join(map(str, values)))
    return message.as_string()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=30_000)
    count = parser.parse_args([]).count
    values = [int(row[1]) for row in csv.reader(io.StringIO(rows(count)))]
    exact = sum(decimal.Decimal(value) / 7 for value in values)
    return [statistics.mean(values), round(float(exact), 3), len(as_xml(values)), len(as_mail(values))]


if __name__ == "__main__":
    print(json.dumps(main()))
