"""Looks through a long tape, one reel after the other, for the places where the sound breaks off.

finds: temporaries in listen at `reel = tape.read(REEL)`
"""

import os
import sys
import tempfile
import zlib

FIXED = sys.argv[1:] == ["fixed"]
REEL = 40 << 20
REELS = 4


def record(tape):
    """Noise, with some silent places in it."""
    noise = bytes(number * number % 251 for number in range(1 << 20))
    silence = bytes(1 << 20)
    for number in range(REELS * (REEL >> 20)):
        tape.write(silence if number % 17 == 5 else noise)
    tape.seek(0)


def is_silent(part):
    return not any(part)


def breaks(reel, size):
    """A look at the beginning of each second is enough."""
    view = memoryview(reel)
    found = []
    for start in range(0, size, 1 << 20):
        if is_silent(view[start : start + 64]):
            found.append(start >> 20)
    return found


def label(reel):
    return zlib.crc32(memoryview(reel)[:4096])


def listen(tape, room):
    found = []
    while True:
        if FIXED:
            reel = room
            if not tape.readinto(room):
                return found
        else:
            reel = tape.read(REEL)
            if not reel:
                return found
        found.append((label(reel), breaks(reel, REEL)))


def survey(rounds):
    with tempfile.TemporaryFile(buffering=0) as tape:
        record(tape)
        heard, room = [], bytearray(REEL) if FIXED else None
        for _ in range(rounds):
            os.lseek(tape.fileno(), 0, os.SEEK_SET)
            heard = listen(tape, room)
        return heard


if __name__ == "__main__":
    heard = survey(16)
    print(len(heard), [len(places) for _, places in heard], heard[0][0])
