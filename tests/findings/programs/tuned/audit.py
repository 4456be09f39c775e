"""Keeps an audit trail of what a batch of transfers did.

finds: tiny-writes in write_trail at `trail.write(entry)`
"""

import hashlib
import os
import random
import sys
import tempfile

FIXED = sys.argv[1:] == ["fixed"]


def transfers(count):
    made, balance = random.Random(5), 1_000_000
    for number in range(count):
        amount = made.randrange(1, 400) * made.choice((1, -1))
        balance += amount
        yield number, amount, balance


def write_trail(path, count):
    largest = 0
    with open(path, "wb", buffering=-1 if FIXED else 0) as trail:
        for number, amount, balance in transfers(count):
            entry = b"%d %d %d\n" % (number, amount, balance)
            trail.write(entry)
            largest = max(largest, amount)
    return largest


def checksum(path):
    with open(path, "rb") as trail:
        return hashlib.sha256(trail.read()).hexdigest()[:16]


if __name__ == "__main__":
    folder = tempfile.mkdtemp()
    path = os.path.join(folder, "trail")
    try:
        print(write_trail(path, 450_000), os.path.getsize(path), checksum(path))
    finally:
        os.remove(path)
        os.rmdir(folder)
