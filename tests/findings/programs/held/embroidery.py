"""Embroiders a table cloth: turns flowers and borders into the stitches of a machine, which reads them from a file.

finds: tiny-writes in stitch at `self.out.write(PAIRS[right & 0xFF, up & 0xFF])`
"""

import math
import os
import sys
import tempfile
import zlib

FIXED = sys.argv[1:] == ["fixed"]
LONGEST = 100  # tenths of a millimetre
PAIRS = {(right, up): bytes((right, up)) for right in range(256) for up in range(256)}
CUT = b"\x80\x03"
END = b"\x80\x10"


class Machine:
    """Writes what the needle shall do: two signed bytes for a stitch, from where the last one was."""

    def __init__(self, path):
        self.out = open(path, "wb") if FIXED else open(path, "wb", buffering=0)
        self.right = self.up = 0
        self.stitches = 0

    def stitch(self, right, up):
        self.out.write(PAIRS[right & 0xFF, up & 0xFF])
        self.stitches += 1

    def sew(self, right, up):
        """To a place, in as many stitches as the longest needs."""
        wide, high = right - self.right, up - self.up
        self.right, self.up = right, up
        if -LONGEST <= wide <= LONGEST and -LONGEST <= high <= LONGEST:
            self.stitch(wide, high)
            return
        steps = -(-max(abs(wide), abs(high)) // LONGEST)
        gone_right = gone_up = 0
        for step in range(1, steps + 1):
            to_right, to_up = wide * step // steps, high * step // steps
            self.stitch(to_right - gone_right, to_up - gone_up)
            gone_right, gone_up = to_right, to_up

    def cut(self):
        self.out.write(CUT)

    def close(self):
        self.out.write(END)
        self.out.close()


def petals(count, size, points):
    """The outline of a flower around nought, closed."""
    outline = []
    for point in range(points + 1):
        turn = 2 * math.pi * point / points
        far = size * (0.4 + abs(math.sin(count * turn / 2)))
        outline.append((round(far * math.cos(turn)), round(far * math.sin(turn))))
    return outline


def flower(machine, right, up, outlines):
    for outline in outlines:
        for across, above in outline:
            machine.sew(right + across, up + above)
        machine.cut()


def border(machine, wide, high, rows):
    """Zigzag around the cloth, row within row."""
    for row in range(rows):
        inset = row * 40
        for right in range(inset, wide - inset, 12):
            machine.sew(right, inset + right // 12 % 2 * 30)
        for up in range(inset, high - inset, 12):
            machine.sew(wide - inset - up // 12 % 2 * 30, up)
        machine.cut()


def cloth(path, wide, high, gap):
    machine = Machine(path)
    border(machine, wide, high, 8)
    shapes = [[petals(count, size, 240) for size in range(60, 260, 20)] for count in (3, 5, 8)]
    for number, up in enumerate(range(gap, high, gap)):
        for right in range(gap, wide, gap):
            flower(machine, right, up, shapes[number % len(shapes)])
    machine.close()
    return machine.stitches


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "cloth.stitches")
        stitches = cloth(path, 16_000, 12_000, 600)
        with open(path, "rb") as made:
            whole = made.read()
    print(stitches, "stitches,", len(whole), "bytes, sum", zlib.crc32(whole))
