"""The kernel's clock of each core at 1 kHz with nothing behind it: an interrupt that reads nothing and tells nobody.

What it costs a program is the least that any sampler costs it which interrupts by that clock: the limit beside which
bench/slices.py is told. Needs what the kernel sampler needs (events of whole cores).
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct

PERF_EVENT_OPEN = 298  # x86_64
ATTRIBUTE_BYTES = 128
TYPE_SOFTWARE, CPU_CLOCK = 1, 0
PERIOD_NS = 1_000_000
DISABLED = 1
CLOSE_ON_EXEC = 8
ENABLE, DISABLE = 0x2400, 0x2401  # PERF_EVENT_IOC_…


def open_event(core: int) -> int:
    """Of all tasks on that core, at rest."""
    attribute = bytearray(ATTRIBUTE_BYTES)
    head = (TYPE_SOFTWARE, ATTRIBUTE_BYTES, CPU_CLOCK, PERIOD_NS, 0, 0, DISABLED)
    struct.pack_into("IIQQQQQ", attribute, 0, *head)
    libc = ctypes.CDLL(None, use_errno=True)
    fd = int(libc.syscall(PERF_EVENT_OPEN, (ctypes.c_char * ATTRIBUTE_BYTES).from_buffer(attribute), -1, core, -1, CLOSE_ON_EXEC))
    if fd < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return fd


class EmptyClock:
    def __init__(self) -> None:
        self.events = [open_event(core) for core in sorted(os.sched_getaffinity(0))]

    def turn(self, on: bool) -> None:
        for fd in self.events:
            fcntl.ioctl(fd, ENABLE if on else DISABLE)

    def close(self) -> None:
        for fd in self.events:
            os.close(fd)
