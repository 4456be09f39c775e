"""What the tests of faults share by name; the fixtures are in conftest.py.

KEISOKU_LONG=1 (make faults) runs every loop at full length; without it each is a handful of rounds.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from interpreters import Interpreter
from support import sql

LONG = bool(os.environ.get("KEISOKU_LONG"))
READERS = ("kernel", "core", "free", "stop")
# Which others may take samples of threads that run: what an interrupt finds in doubt and what is read free are read from
# the thread's own core as well.
BESIDE = {"kernel": {"core"}, "core": set[str](), "free": {"core"}, "stop": set[str]()}


@dataclass(frozen=True)
class Ended:
    """How one call of keisoku ended, by itself and within its limits."""

    status: int
    out: str
    err: str
    peak_bytes: int


Bounded = Callable[..., Ended]
Trust = dict[str, Any]


def rounds(short: int, long: int) -> int:
    return long if LONG else short


def enough(python: Interpreter, among: tuple[str, ...] = ("2.7", "3.8", "3.11", "3.13", "3.15")) -> None:
    """One interpreter of each way to lay out frames and states of threads, unless this is the long run."""
    if not LONG and python.name not in among:
        pytest.skip("in the long run only (make faults)")


@functools.cache
def why_not(keisoku: str, reader: str) -> str:
    """Why the reader cannot be used on this machine; empty: it can."""
    if reader == "free" and len(os.sched_getaffinity(0)) < 2:
        return "a single core: every reading is from the thread's own"
    if reader == "kernel":
        done = subprocess.run([keisoku, "doctor"], capture_output=True, text=True, timeout=60)
        row = next(line for line in done.stdout.splitlines() if line.startswith("kernel sampler"))
        return "" if "yes" in row.split() else row
    return ""


def trust_of(bounded: Bounded, recording: Path) -> Trust:
    """What the report says of it. It must open."""
    done = bounded("report", recording.name, "--json")
    assert done.status == 0, done.err
    trust: Trust = json.loads(done.out)["trust"]
    return trust


def is_starved(recording: Path) -> bool:
    """There was no core for us: hardly any of the planned sweeps was made."""
    told = dict(sql(recording, "SELECT key, value FROM self"))
    return bool(told["sweeps"] < max(20, told["sweeps_planned"] / 50))


def check_reader(reader: str, trust: Trust) -> None:
    """It took samples of threads that ran, and no other did that it does not ask for help. What was read free and is not
    believed was looked at all the same."""
    taken = trust["proved_by"].get(reader, 0)
    if reader == "free":
        taken += trust["lost"].get("unlearned", 0)
    assert taken > 0, trust
    others = {name for name in READERS if trust["proved_by"].get(name)}
    assert others <= {reader} | BESIDE[reader], trust


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
