"""Read free, a running thread is read while it runs: nothing is shown that an exact reading did not find before."""

from __future__ import annotations

import os
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
SINCE = {"generators": (3, 3), "awaits": (3, 5)}
STACKS = ["alternate", "recursion", "generators", "awaits", "deep", "many_threads", "reuse", "short"]


@pytest.fixture(autouse=True)
def two_cores() -> None:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("a single core: every reading is from the thread's own")


@pytest.mark.parametrize("rate", ["1000", "max"])
@pytest.mark.parametrize("name", STACKS)
def test_no_impossible_stack(run_keisoku: Run, report: Report, python: Interpreter, name: str, rate: str) -> None:
    python.since(*SINCE.get(name, (2, 7)), f"syntax of {name}.py")
    program = PROGRAMS / f"{name}.py"
    arguments = {"deep": ["1", "200"], "many_threads": ["1", "16"]}.get(name, ["1.5"])
    options = ("--reader", "free", "--rate", rate)
    done = measured(run_keisoku, python, program, *arguments, options=options, least=100)
    wrong = done.recording.impossible(Oracle(program, depth=200 if name == "deep" else 0))
    never(wrong, f"impossible of {done.shown}")
    trust = report(done.path)["trust"]
    proved = trust["proved_by"]
    assert not proved.get("kernel"), proved
    if name == "alternate":
        assert proved.get("free") and proved.get("core"), proved  # what is learned, and what it was learned from
    assert "read free: " in done.done.err and " of the samples dropped" in done.done.err, done.done.err
