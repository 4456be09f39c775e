"""A thread that does one thing is in that state: states.py knows which, and its own CPU time says how much."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from interpreters import Interpreter
from oracle import PROGRAMS
from recording import Recording
from support import Run

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
    done = run_keisoku("run", "--no-html", "-o", "truth.kei", python.path, PROGRAMS / "states.py", phase, "1.2")
    assert done.status == 0, done.err
    truth = json.loads(done.out)
    recording = Recording(done.recording)
    states = states_of(recording, "subject", f"{phase if phase != 'busy' else 'spin'}_body")
    assert sum(states.values()) > 300, f"{dict(states)}\n{done.err}"
    wanted = set(truth["states"]["subject"])
    off_cpu = phase in ("sleep", "lock", "io")
    if not off_cpu:
        wanted |= STARVED | {"kernel"} if phase == "hash" else STARVED
    assert share(states, wanted) > 0.93, dict(states)


def test_gil_fight(run_keisoku: Run, python: Interpreter) -> None:
    """Two threads that compute in Python: each runs as long as its own clock says and waits for the GIL otherwise."""
    done = run_keisoku("run", "--no-html", "-o", "truth.kei", python.path, PROGRAMS / "states.py", "gil", "1.5")
    assert done.status == 0, done.err
    truth = json.loads(done.out)["threads"]
    recording = Recording(done.recording)
    for name in ("subject", "twin"):
        states = states_of(recording, name, "spin_body")
        assert sum(states.values()) > 300, f"{name}: {dict(states)}\n{done.err}"
        assert share(states, {"python", "on-cpu", "gil-wait", "runnable", "kernel", "native+gil"}) > 0.93, dict(states)
        busy = truth[name]["cpu_ns"] / truth[name]["wall_ns"]
        assert abs(share(states, {"python", "on-cpu", "kernel", "native+gil"}) - busy) < 0.12, (busy, dict(states))
        assert share(states, {"gil-wait"}) > 0.5 * (1 - busy), dict(states)
