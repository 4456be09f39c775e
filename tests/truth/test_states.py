"""A thread that does one thing is in that state: states.py knows which, and its own CPU time says how much."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from interpreters import Interpreter
from measured import Measured, measured
from oracle import PROGRAMS
from recording import Recording
from support import Run

Report = Callable[[Path], dict[str, Any]]
# states that share the time a thread waits for a core
STARVED = {"runnable"}


def states_of(recording: Recording, thread: str, root: str) -> Counter[str]:
    """Ticks of each state of the named thread while it is inside `root`."""
    found: Counter[str] = Counter()
    for sample in recording:
        if sample.thread == thread and any(function.endswith(root) for function, _, _ in sample.stack):
            found[sample.state] += sample.ticks
    return found


def share(states: Counter[str], names: set[str]) -> float:
    return sum(states[name] for name in names) / max(1, sum(states.values()))


@pytest.mark.parametrize("phase", ["sleep", "lock", "io", "hash", "busy"])
def test_one_state(run_keisoku: Run, python: Interpreter, phase: str) -> None:
    check_one_state(measured(run_keisoku, python, PROGRAMS / "states.py", phase, "0.8"), phase)


def check_one_state(measurement: Measured, phase: str) -> None:
    done, _, recording, _ = measurement
    truth = json.loads(done.out)
    states = states_of(recording, "subject", f"{phase if phase != 'busy' else 'spin'}_body")
    assert sum(states.values()) > 40, f"{dict(states)}\n{done.err}"
    wanted = set(truth["states"]["subject"])
    off_cpu = phase in ("sleep", "lock", "io")
    if not off_cpu:
        wanted |= STARVED | {"kernel"} if phase == "hash" else STARVED
    # What others do on this core while it computes is the kernel's time in between.
    assert share(states, wanted) > (0.85 if phase == "busy" else 0.93), dict(states)


def test_gil_fight(run_keisoku: Run, report: Report, python: Interpreter) -> None:
    """Two threads that compute in Python: each runs as long as its own clock says and waits for the GIL otherwise."""
    check_gil_fight(measured(run_keisoku, python, PROGRAMS / "states.py", "gil", "1.2"), report, python)


def check_gil_fight(measurement: Measured, report: Report, python: Interpreter) -> None:
    done, path, recording, _ = measurement
    truth = json.loads(done.out)["threads"]
    threads = {
        row.get("name"): {state: value["share"] for state, value in row["states"].items()}  # a brief one may have none
        for row in report(path)["states"]["threads"]
    }
    for name in ("subject", "twin"):
        states = states_of(recording, name, "spin_body")
        assert share(states, {"python", "on-cpu", "gil-wait", "runnable", "kernel", "native+gil"}) > 0.93, dict(states)
        if python.free_threaded:
            assert not states["gil-wait"] and not states["native+gil"], dict(states)
            continue
        # 2.7's GIL is a plain lock: its threads wake each other every few microseconds and hardly sleep.
        assert python.minor < (3, 2) or states["gil-wait"] > 0.1 * sum(states.values()), dict(states)
        busy = truth[name]["cpu_ns"] / truth[name]["wall_ns"]
        shown = sum(threads[name].get(state, 0) for state in ("python", "on-cpu", "kernel", "native+gil", "gc"))
        assert abs(shown - busy) < 0.1, (busy, threads[name])
