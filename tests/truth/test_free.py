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


def test_core_not_open(run_keisoku: Run, report: Report, a_python: Interpreter) -> None:
    """Where we may not run, nothing can be learned of a thread that never sleeps: its time stays, its stacks do not. (At
    a rate above which the kernel, which may read there, is not asked.)"""
    program = PROGRAMS / "alternate.py"
    ours, theirs = sorted(os.sched_getaffinity(0))[:2]
    before = os.sched_getaffinity(0)
    code = (
        f"import os, sys, runpy; os.sched_setaffinity(0, [{theirs}]); sys.argv = ['alternate.py', '1.5'];"
        f"runpy.run_path({str(program)!r}, run_name='__main__')"
    )
    try:
        os.sched_setaffinity(0, [ours])
        done = run_keisoku("run", "--rate", "11000", "--no-html", "-o", "x.kei", a_python.path, "-c", code)
    finally:
        os.sched_setaffinity(0, before)
    assert done.status == 0, done.err
    trust = report(done.folder / "x.kei")["trust"]
    lost = {name: count for name, count in trust["lost"].items() if name != "process-missed"}
    told = {"unlearned", "other-core", "ran-meanwhile"}
    others = sum(count for name, count in lost.items() if name not in told)  # a stack that changed while it was read
    assert trust["samples"] > 50 and others < 0.01 * trust["samples"], trust
    assert lost.get("unlearned", 0) > 0.5 * trust["samples"], trust
    assert "ran on cores that keisoku may not run on" in " ".join(done.err.split()), done.err
