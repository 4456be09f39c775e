"""Hashes large blocks: all of it is compiled code.

expects: nothing
"""

import hashlib
import os


def blocks(count, size):
    block = bytes(range(256)) * (size // 256)
    for number in range(count):
        yield block[number % 256 :] + block[: number % 256]


def digests(stream):
    whole = hashlib.sha512()
    for block in stream:
        whole.update(hashlib.sha256(block).digest())
    return whole


if __name__ == "__main__":
    found = digests(blocks(240, 4 << 20))
    print(found.hexdigest()[:24], os.cpu_count() is not None)
