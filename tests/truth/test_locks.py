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
    try:
        for a in [0]:
            for b in [a]:
                for c in [b]:
                    for d in [c]:
                        with guarded:
                            if d == 0:
                                raise ValueError  # what it kept of the lock stays where it was
    except ValueError:
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
LOOKS_LEAST = 10
SIGMAS = 4


def line_of(text: str) -> int:
    return next(i for i, line in enumerate(PROGRAM.splitlines(), 1) if text in line)


# Who waits: who may hold it then. None: of that nothing is to be told.
TRUTH: dict[str, set[str] | None] = {
    "want_guarded": {"hold_guarded", "want_guarded"},
    "want_other": {"hold_other"},
    "want_bare": None,
    "want_mine": {"hold_mine"},
}


def check_holder(holder: dict[str, Any], truth: set[str] | None) -> None:
    assert holder["low"] <= holder["share"] <= holder["high"]
    if truth is None:
        assert not holder["readable"] and "thread" not in holder, holder
    elif holder["readable"]:
        function = holder["function"].rsplit(".", 1)[-1]
        first = line_of(f"def {function}(")
        assert (
            function in truth and holder.get("thread", f"t-{function}") == f"t-{function}"
        ), holder  # or not known yet
        assert first + 1 < holder["line"] < first + 9, holder


def test_holders_of_locks(run_keisoku: Run, report: Report, python: Interpreter, tmp_path: Path) -> None:
    python.since(3, 8, "locks")
    program, recording = tmp_path / "locks.py", tmp_path / "locks.kei"
    program.write_text(PROGRAM)
    done = run_keisoku("run", "--no-html", "-o", recording, python.path, program, env=python.environment)
    spent = json.loads(done.out.splitlines()[0])
    locks = {place["function"].rsplit(".", 1)[-1]: place for place in report(recording)["states"].get("locks", [])}
    looks, readable, at = 0, 0.0, {"first": 0.0, "second": 0.0}
    for waits, truth in TRUTH.items():
        place = locks.get(waits, {"looks": 0, "holders": []})
        for holder in place["holders"]:
            check_holder(holder, truth)
            for name in at:
                at[name] += place["looks"] * holder["share"] * (holder.get("line") == line_of(f'nap("{name}"'))
            readable += place["looks"] * holder["share"] * holder["readable"]
        looks += place["looks"] if truth is not None else 0
    print(f"{python}: {readable:.0f} of {looks} looks told a holder; {at}, truly {spent}")
    if looks < LOOKS_LEAST:
        pytest.skip(f"the machine had no time for more than {looks} looks")
    assert readable >= 0.5 * looks, locks
    told, true = at["first"] + at["second"], spent["first"] / (spent["first"] + spent["second"])
    assert abs(at["first"] - true * told) < SIGMAS * math.sqrt(true * (1 - true) * told) + 2, (at, spent)
