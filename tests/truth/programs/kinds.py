"""Runs in every way that a thread can: Python, native code, the kernel. `kinds.py SECONDS`, some 20 ms of each in turn."""

import hashlib
import io
import sys
import time

clock = getattr(time, "thread_time", None) or time.clock


def spins():
    end = clock() + 0.02
    while clock() < end:
        sum(range(2000))


def hashes(data):
    hashlib.sha256(data).digest()


def draws(device, buffer):
    device.readinto(buffer)


def main():
    end = clock() + float(sys.argv[1])
    data, buffer = b"x" * (16 << 20), bytearray(8 << 20)
    with io.open("/dev/urandom", "rb", buffering=0) as device:
        while clock() < end:
            spins()
            hashes(data)
            draws(device, buffer)


main()
