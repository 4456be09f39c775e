"""Packs scanned pages for an old fax: each line of a page becomes pairs of a colour and its length.

finds: tiny-writes in pack at `os.write(out, bytes((colour, length)))`
"""

import hashlib
import os
import random
import sys
import tempfile

FIXED = sys.argv[1:] == ["fixed"]
WIDTH, LINES = 432, 600


def page(number):
    """Lines of text: short runs of black, and white between them."""
    made = random.Random(number)
    for line in range(LINES):
        if line % 24 < 8:
            yield [(0, 216), (0, 216)]
            continue
        runs, left = [], WIDTH
        while left > 0:
            white, black = made.randrange(2, 14), made.randrange(1, 6)
            runs += [(0, min(white, left)), (255, min(black, max(0, left - white)))]
            left -= white + black
        yield [(colour, length) for colour, length in runs if length]


def pack(out, lines):
    pairs = 0
    if FIXED:
        packed = bytearray()
        for runs in lines:
            for colour, length in runs:
                packed += bytes((colour, length))
                pairs += 1
        os.write(out, packed)
        return pairs
    for runs in lines:
        for colour, length in runs:
            os.write(out, bytes((colour, length)))
            pairs += 1
    return pairs


def send(path, pages):
    out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        return sum(pack(out, page(number)) for number in range(pages))
    finally:
        os.close(out)


def unpacked(path):
    """How much of all pages is black, and the sum of the file."""
    with open(path, "rb") as sent:
        data = sent.read()
    black = sum(length for colour, length in zip(data[::2], data[1::2]) if colour)
    return black, hashlib.sha256(data).hexdigest()[:12]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "fax")
        print(send(path, 48), *unpacked(path))
