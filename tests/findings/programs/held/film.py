"""Checks the pictures of a film for changes: cuts each into strips and sums them up.

finds: temporaries in sums at `strip = picture[start : start + size]`
"""

import sys
import zlib

FIXED = sys.argv[1:] == ["fixed"]
STRIP = 40 << 20


def film(pictures):
    base = bytearray(bytes(range(256)) * (STRIP * 3 // 256))
    for number in range(pictures):
        base[number * 4096 % len(base)] = number % 251
        yield base


def sums(picture, size):
    view = memoryview(picture) if FIXED else picture
    found = []
    for start in range(0, len(picture), size):
        if FIXED:
            strip = view[start : start + size]
        else:
            strip = picture[start : start + size]
        found.append(edges(strip))
    return found


def edges(strip):
    return zlib.crc32(strip[:65_536]) ^ zlib.crc32(strip[-65_536:])


def changes(pictures):
    before, changed = None, []
    for number, picture in enumerate(pictures):
        now = sums(picture, STRIP)
        if before is not None and now != before:
            changed.append(number)
        before = now
    return changed


if __name__ == "__main__":
    changed = changes(film(14))
    print(len(changed), changed[:5])
