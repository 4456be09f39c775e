"""Takes a pad off messages, byte by byte.

finds: hot-loop in unpad
"""

import random
import sys
import zlib

FIXED = sys.argv[1:] == ["fixed"]


def pads(seed, size):
    made = random.Random(seed)
    while True:
        yield made.getrandbits(size * 8).to_bytes(size, "big")


def unpad(message, pad):
    plain = bytearray(len(message))
    for at in range(len(message)):
        plain[at] = message[at] ^ pad[at]
    return bytes(plain)


def unpad_native(message, pad):
    number = int.from_bytes(message, "big") ^ int.from_bytes(pad, "big")
    return number.to_bytes(len(message), "big")


def messages(count, size):
    text = b"The heron keeps a ladder by the river. "
    for number, pad in zip(range(count), pads(5, size)):
        plain = (text * (size // len(text) + 2))[number % 39 :][:size]
        yield (unpad_native(plain, pad)), pad


def read(stream):
    total, words = 0, 0
    for message, pad in stream:
        plain = unpad_native(message, pad) if FIXED else unpad(message, pad)
        total = zlib.crc32(plain, total)
        words += plain.count(b"heron")
    return total, words


if __name__ == "__main__":
    print(*read(messages(260, 60_000)))
