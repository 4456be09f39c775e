"""Starts short-lived children at a rate, waits for each at once, and says who they were and how they ended.

storm.py RATE SECONDS KIND: `fork` works a moment in the child, `exec` becomes /bin/sh, `reuse` gives all children one
number, where the kernel lets it (else it says so and ends with 77).
"""

from __future__ import annotations

import json
import os
import sys
import time

LAST_PID = "/proc/sys/kernel/ns_last_pid"


def work(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def reuse(number: int) -> None:
    """The next child gets that number."""
    with open(LAST_PID, "w") as file:
        file.write(str(number - 1))


def start(kind: str, turn: int) -> int:
    pid = os.fork()
    if pid != 0:
        return pid
    if kind == "exec":
        os.execv("/bin/sh", ["sh", "-c", f"exit {turn % 7}"])
    work(0.05 if kind == "reuse" else 0.002)
    os._exit(turn % 7)


def main() -> None:
    rate, seconds, kind = float(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    told: list[tuple[int, int]] = []
    begin = time.monotonic()
    wanted = 0
    while time.monotonic() - begin < seconds:
        time.sleep(max(0, begin + len(told) / rate - time.monotonic()))
        if kind == "reuse" and wanted:
            try:
                reuse(wanted)
            except OSError as error:
                print(error)
                sys.exit(77)
        pid = start(kind, len(told))
        wanted = wanted or pid
        os.waitpid(pid, 0)
        told.append((pid, len(told) % 7))
    print(json.dumps(told))


main()
