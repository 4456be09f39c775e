"""When threads have come to where they wait: the scheduler tells it, not what is tested."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Told = TypeVar("Told")
REST_S = 0.1  # who waits for the GIL wakes more often than that, to ask for it
LIMIT_S = 30


def asleep(pid: int) -> dict[int, str]:
    """Its threads that sleep, by their IDs, and what the scheduler has counted of each so far."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        if (task / "stat").read_text().rpartition(")")[2].split()[0] == "S":
            found[int(task.name)] = (task / "schedstat").read_text()
    return found


def when_settled(pid: int, count: int, look: Callable[[], Told]) -> Told:
    """What `look` says of a process while so many of its threads sleep, as they did for a while before."""
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        before = asleep(pid)
        time.sleep(REST_S)
        told = look()
        after = asleep(pid)
        if sum(after.get(tid) == counted for tid, counted in before.items()) >= count:
            return told
    raise AssertionError(f"of process {pid} no {count} threads sleep: {before}, then {after}")
