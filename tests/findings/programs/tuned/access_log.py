"""Sums a web server's log by client and page.

finds: regex-recompile in parse
"""

import random
import re
import sys
from collections import defaultdict

FIXED = sys.argv[1:] == ["fixed"]
CLIENT = re.compile(r"\d+\.\d+\.\d+\.\d+ ")
STATUS = re.compile(r" [1-5]\d\d ")
SIZE = re.compile(r"\d+$")


def make_lines(count):
    made = random.Random(8)
    for _ in range(count):
        client = f"10.0.{made.randrange(4)}.{made.randrange(200)}"
        page = made.choice(["/", "/cart", "/search", "/static/app.js"])
        yield f"{client} {page} {made.choice([200, 200, 304, 404])} {made.randrange(90, 9000)}"


def parse(line):
    if FIXED:
        client, status, size = CLIENT.match(line), STATUS.search(line), SIZE.search(line, len(line) - 5)
    else:
        client = re.match(r"\d+\.\d+\.\d+\.\d+ ", line)
        status = re.search(r" [1-5]\d\d ", line)
        size = re.search(r"\d+$", line[-5:])
    return client.group().strip(), int(status.group()), int(size.group())


def summarise(lines):
    sizes, codes = defaultdict(int), defaultdict(int)
    for line in lines:
        client, status, size = parse(line)
        sizes[client] += size
        codes[status] += 1
    return max(sizes.values()), sum(sizes.values()), dict(codes)


if __name__ == "__main__":
    made = list(make_lines(40_000))
    for _ in range(9):
        result = summarise(made)
    print(result)
