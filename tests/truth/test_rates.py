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


@pytest.mark.parametrize(("rate", "width"), [("2000", 1.07), ("50000", 1.12), ("max", 1.2)])
def test_rate_is_of_what_was_sampled(
    run_keisoku: Run, report: Report, a_python: Interpreter, rate: str, width: float
) -> None:
    """One thread that computes: samples by its own CPU time from its start on, whatever the kernel left out.

    What is told is a mean over time: where the rate itself moves, not that over CPU time to the last percent.
    """
    program = PROGRAMS / "shares.py"
    done = measured(run_keisoku, a_python, program, "1.5", options=("--reader", "kernel", "--rate", rate))
    sampled = sum(sample.ticks for sample in done.recording)
    sampled_hz = sampled / json.loads(done.done.out)["cpu_s"]
    told_hz = report(done.path)["trust"]["rate_hz"]
    assert 1 / width < told_hz / sampled_hz < width, (told_hz, sampled_hz)


@pytest.mark.parametrize("rate", [200, 1000])
def test_rate_that_is_asked_for_is_given(run_keisoku: Run, a_python: Interpreter, rate: int) -> None:
    """Whatever interval the clocks have: a change of it loses nothing, and none is kept for longer than another."""
    done = measured(run_keisoku, a_python, PROGRAMS / "shares.py", "4", options=("--reader", "kernel", "--rate", str(rate)))
    sampled = sum(sample.ticks for sample in done.recording)
    given = sampled / json.loads(done.done.out)["cpu_s"] / rate
    assert 0.97 < given < 1.04, given  # 0.95 where each change throws half an interval away


@pytest.mark.parametrize("rate", ["50000", "max"])
def test_automatic_is_exact_at_any_rate(run_keisoku: Run, report: Report, a_python: Interpreter, rate: str) -> None:
    program = PROGRAMS / "alternate.py"
    done = measured(run_keisoku, a_python, program, "1.5", options=("--reader", "auto", "--rate", rate))
    never(done.recording.impossible(Oracle(program)), f"impossible of {done.shown}")
    trust = report(done.path)["trust"]
    proved, overrun = trust["proved_by"], trust["lost"].get("queue-full", 0)  # the latter are the kernel sampler's too
    assert not proved.get("free") and proved.get("kernel", 0) + overrun > proved.get("core", 0), trust
