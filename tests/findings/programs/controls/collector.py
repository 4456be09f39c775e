"""Collects what a slow source has to give, because all of it is wanted at the end.

expects: nothing
"""

import os
import time
import zlib

PIECES = 1_300


def source(line):
    for number in range(PIECES):
        os.write(line, bytes([number % 251]) * 60_000)
        time.sleep(0.002)


def collect(line):
    pieces = []
    while True:
        piece = os.read(line, 65_536)
        if not piece:
            return pieces
        pieces.append(piece)


def checked(pieces):
    total = 0
    for piece in pieces:
        total = zlib.crc32(piece, total)
    return total, sum(map(len, pieces))


if __name__ == "__main__":
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        source(writing)
        os._exit(0)
    os.close(writing)
    pieces = collect(reading)
    os.waitpid(child, 0)
    print(*checked(pieces))
