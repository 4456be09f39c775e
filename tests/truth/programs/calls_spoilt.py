"""Writes at random into what its calls are counted in, while it calls: what is told of it is wrong then, no more."""

import os
import random
import time


def work(n):
    return n + 1


with open("/proc/self/maps") as maps:
    place = next(line.split()[-1] for line in maps if "/keisoku-agent-" in line and not line.rstrip().endswith(".so"))
segment = os.open(place, os.O_RDWR)
size = os.fstat(segment).st_size
rng = random.Random(3)
end = time.monotonic() + 2.5
while time.monotonic() < end:
    for i in range(1000):
        work(i)
    at = rng.choice((0, 8, 16, 20, 24, 28, 32 + 64 * rng.randrange(200) + 8 * rng.randrange(8), rng.randrange(size - 8)))
    os.pwrite(segment, rng.choice((rng.randbytes(8), b"\xff" * 8, b"\0" * 8, b"\1" * 8)), at)
    time.sleep(0.0005)
print("done")
