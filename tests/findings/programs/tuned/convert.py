"""A small tool with many commands; this run converts lengths, and needs none of what the others do.

finds: import-time in <module>
"""

import sys

FIXED = sys.argv[1:] == ["fixed"]

if not FIXED:
    import asyncio
    import concurrent.futures.process
    import email.mime.multipart
    import http.server
    import multiprocessing.managers
    import sqlite3
    import unittest.mock
    import xml.dom.minidom
    import xmlrpc.client

INCHES = {"in": 1, "ft": 12, "yd": 36, "mi": 63_360}


def serve(port):
    server = http.server.HTTPServer(("localhost", port), http.server.SimpleHTTPRequestHandler)
    asyncio.run(asyncio.to_thread(server.serve_forever))


def store(path, rows):
    with sqlite3.connect(path) as db:
        db.executemany("INSERT INTO length VALUES (?, ?)", rows)


def mail(rows):
    message = email.mime.multipart.MIMEMultipart()
    message["Subject"] = f"{len(rows)} lengths"
    return message


def as_xml(rows):
    document = xml.dom.minidom.Document()
    for name, value in rows:
        document.appendChild(document.createElement(name)).setAttribute("mm", str(value))
    return document


def convert(lines):
    for line in lines:
        value, unit = line.split()
        yield unit, float(value) * INCHES[unit] * 25.4


if __name__ == "__main__":
    lines = [f"{number} {unit}" for number in range(1, 400) for unit in INCHES]
    print(f"{sum(value for _, value in convert(lines)):.1f} mm")
