"""Who holds the lock that threads wait for, and where: against a program that knows it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from interpreters import Interpreter
from support import Run

pytestmark = pytest.mark.sparse
Report = Callable[[Path], dict[str, Any]]

PROGRAM = """\
import json, sys, threading, time

guarded, bare, other, mine = threading.Lock(), threading.Lock(), threading.Lock(), threading.RLock()
end = time.perf_counter() + 4
spent = {"first": 0.0, "second": 0.0}

def nap(name, seconds):
    start = time.perf_counter()
    time.sleep(seconds)
    spent[name] += time.perf_counter() - start

def left():
    with guarded:
        pass
    while time.perf_counter() < end:
        time.sleep(0.01)

def hold_guarded():
    while time.perf_counter() < end:
        with guarded:
            nap("first", 0.045)
            nap("second", 0.015)
        time.sleep(0.001)

def hold_other():
    while time.perf_counter() < end:
        with other, open("/dev/null"):
            time.sleep(0.05)
        time.sleep(0.001)

def hold_bare():
    while time.perf_counter() < end:
        bare.acquire()
        time.sleep(0.05)
        bare.release()
        time.sleep(0.001)

def hold_mine():
    while time.perf_counter() < end:
        with mine:
            with mine:
                until = time.perf_counter() + 0.03
                while time.perf_counter() < until:
                    sum(range(1000))
        time.sleep(0.002)

def want_guarded():
    while time.perf_counter() < end:
        with guarded:
            pass

def want_other():
    while time.perf_counter() < end:
        if other.acquire(timeout=5):
            other.release()

def want_bare():
    while time.perf_counter() < end:
        with bare:
            pass

def want_mine():
    while time.perf_counter() < end:
        with mine:
            pass

jobs = [left, hold_guarded, hold_other, hold_bare, hold_mine]
jobs += [want_guarded, want_guarded, want_guarded, want_other, want_bare, want_mine]
threads = [threading.Thread(target=job, name=f"t-{job.__name__}") for job in jobs]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps(spent))
"""
LOOKS_LEAST = 6
SIGMAS = 4


def line_of(text: str) -> int:
    return next(i for i, line in enumerate(PROGRAM.splitlines(), 1) if text in line)


# Who waits: who holds, at which lines, in which thread. None: nothing of it is to be told.
TRUTH: dict[str, tuple[str, set[int]] | None] = {
    "want_guarded": ("hold_guarded", {line_of('nap("first"'), line_of('nap("second"'), line_of("with guarded:") + 7}),
    "want_other": ("hold_other", {line_of("with other,"), line_of("with other,") + 1}),
    "want_bare": None,
    "want_mine": ("hold_mine", set(range(line_of("with mine:"), line_of("sum(range") + 1))),
}


def test_holders_of_locks(run_keisoku: Run, report: Report, python: Interpreter, tmp_path: Path) -> None:
    python.since(3, 8, "locks")
    program, recording = tmp_path / "locks.py", tmp_path / "locks.kei"
    program.write_text(PROGRAM)
    done = run_keisoku("run", "--no-html", "-o", recording, python.path, program, env=python.environment)
    spent = json.loads(done.out.splitlines()[0])
    locks = {place["function"].rsplit(".", 1)[-1]: place for place in report(recording)["states"].get("locks", [])}
    told = []
    for waits, truth in TRUTH.items():
        place = locks.get(waits)
        if place is None:
            continue
        told.append(f"{waits}: {place['looks']} looks")
        assert sum(holder["share"] for holder in place["holders"]) == pytest.approx(1)
        for holder in place["holders"]:
            assert holder["low"] <= holder["share"] <= holder["high"]
            if truth is None:
                assert not holder["readable"] and "thread" not in holder, holder
            elif holder["readable"]:
                assert holder["function"].rsplit(".", 1)[-1] == truth[0] and holder["line"] in truth[1], holder
                assert holder["thread"] == f"t-{truth[0]}"
    print(f"{python}: {', '.join(told)}")
    place = locks.get("want_guarded")
    if place is None or place["looks"] < LOOKS_LEAST:
        pytest.skip(f"the machine had no time for looks: {told}")
    readable = sum(holder["share"] for holder in place["holders"] if holder["readable"])
    assert readable >= 0.8, place
    first = sum(holder["share"] for holder in place["holders"] if holder.get("line") == line_of('nap("first"'))
    true = spent["first"] / (spent["first"] + spent["second"])
    assert abs(first / readable - true) < SIGMAS * math.sqrt(true * (1 - true) / place["looks"]) + 0.05, (first, true)
