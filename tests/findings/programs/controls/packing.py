"""Packs what will not get smaller: bound by zlib, whatever the Python does.

expects: nothing
"""

import random
import zlib


def noise(count, size):
    made = random.Random(19)
    for _ in range(count):
        yield made.getrandbits(size * 8).to_bytes(size, "little")


def pack(stream):
    before = after = 0
    for block in stream:
        packed = zlib.compress(block, 6)
        before += len(block)
        after += len(packed)
    return before, after


if __name__ == "__main__":
    before, after = pack(noise(20, 1 << 20))
    print(before, after > before)
