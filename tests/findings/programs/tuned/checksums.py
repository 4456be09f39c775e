"""Checks blocks of an archive against their sums.

finds: hot-loop in adler
"""

import random
import sys
import zlib

FIXED = sys.argv[1:] == ["fixed"]
PRIME = 65521


def adler(block):
    """As RFC 1950 has it."""
    low, high = 1, 0
    for byte in block:
        low = (low + byte) % PRIME
        high = (high + low) % PRIME
    return high << 16 | low


def checksum(block):
    return zlib.adler32(block) if FIXED else adler(block)


def archive(blocks, size):
    made = random.Random(12)
    for number in range(blocks):
        block = made.randbytes(size) if hasattr(made, "randbytes") else bytes(made.getrandbits(8) for _ in range(size))
        stored = zlib.adler32(block)
        if number % 50 == 49:
            block = block[:-1] + b"!"  # spoilt
        yield block, stored


def check(pairs):
    good, bad = 0, []
    for number, (block, stored) in enumerate(pairs):
        if checksum(block) == stored:
            good += 1
        else:
            bad.append(number)
    return good, bad


if __name__ == "__main__":
    good, bad = check(archive(160, 120_000))
    print(f"{good} good, spoilt: {bad}")
