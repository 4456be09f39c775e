"""High rates: what is said to be reached is what was sampled, and `auto` stays exact."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from interpreters import Interpreter
from measured import measured
from oracle import PROGRAMS, Oracle
from support import Run, never

pytestmark = pytest.mark.sparse
Report = Callable[[Path], dict[str, Any]]


@pytest.fixture(autouse=True)
def permitted(run_keisoku: Run) -> None:
    row = next(line for line in run_keisoku("doctor").out.splitlines() if line.startswith("kernel sampler"))
    if "yes" not in row.split():
        pytest.skip(row)


@pytest.mark.parametrize("rate", ["2000", "50000", "max"])
def test_rate_is_of_what_was_sampled(run_keisoku: Run, report: Report, a_python: Interpreter, rate: str) -> None:
    """One thread that computes: samples by its own CPU time, whatever the kernel left out."""
    program = PROGRAMS / "shares.py"
    done = measured(run_keisoku, a_python, program, "1.5", options=("--reader", "kernel", "--rate", rate))
    spent_s = sum(json.loads(done.done.out)["spent_ns"].values()) / (1e9 if a_python.minor >= (3, 7) else 1)
    own = done.recording.ticks_by_function()
    sampled_hz = sum(own[f"work_{part}"] for part in (50, 30, 15, 4, 1)) / spent_s
    told_hz = report(done.path)["trust"]["rate_hz"]
    assert 0.93 < told_hz / sampled_hz < 1.07, (told_hz, sampled_hz)


@pytest.mark.parametrize("rate", ["50000", "max"])
def test_automatic_is_exact_at_any_rate(run_keisoku: Run, report: Report, a_python: Interpreter, rate: str) -> None:
    program = PROGRAMS / "alternate.py"
    done = measured(run_keisoku, a_python, program, "1.5", options=("--reader", "auto", "--rate", rate))
    never(done.recording.impossible(Oracle(program)), f"impossible of {done.shown}")
    proved = report(done.path)["trust"]["proved_by"]
    assert not proved.get("free") and proved.get("kernel", 0) > proved.get("core", 0), proved
