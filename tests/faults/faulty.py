"""What the tests of faults share by name; the fixture is in conftest.py.

KEISOKU_LONG=1 (make faults) runs every loop at full length; without it each is a handful of rounds.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from interpreters import Interpreter

LONG = bool(os.environ.get("KEISOKU_LONG"))


@dataclass(frozen=True)
class Ended:
    """How one call of keisoku ended, by itself and within its limits."""

    status: int
    out: str
    err: str
    peak_bytes: int


Bounded = Callable[..., Ended]


def rounds(short: int, long: int) -> int:
    return long if LONG else short


def enough(python: Interpreter, *never: str, among: tuple[str, ...] = ("3.8", "3.11", "3.13", "3.15")) -> None:
    """One interpreter of each way to lay out frames, unless this is the long run."""
    if python.name in never:
        pytest.skip(f"the damage is not written for Python {python.name}")
    if not LONG and python.name not in among:
        pytest.skip("in the long run only (make faults)")


# Works in one thread and rests in three.
LOOP = """
import threading, time
def work():
    while True:
        sum(range(200))
def rest():
    while True:
        time.sleep(0.0005)
for what in (rest, rest, rest):
    threading.Thread(target=what, daemon=True).start()
print("ready", flush=True)
work()
"""


def start_loop(python: str) -> subprocess.Popen[str]:
    process = subprocess.Popen([python, "-c", LOOP], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process
