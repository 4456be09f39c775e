"""Tasks under uvloop: the same as under asyncio's own loop, and a loop with nothing to do is idle."""

from __future__ import annotations

import subprocess

import pytest
from interpreters import Interpreter
from measured import measured
from oracle import PROGRAMS, bare
from packages import import_path
from support import Run, sql
from test_tasks import main_thread, samples_of, started

pytestmark = [pytest.mark.network, pytest.mark.sparse]
PROGRAM = PROGRAMS / "uvloop_tasks.py"


@pytest.fixture
def environment(python: Interpreter) -> dict[str, str]:
    python.since(3, 8, "tasks that are read")
    found = import_path(python, "uvloop>=0.17")
    done = subprocess.run([python.path, "-c", "import uvloop"], env=found, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return found


@pytest.mark.parametrize("how", ["run", "itself"])
def test_tasks_that_wait(run_keisoku: Run, python: Interpreter, environment: dict[str, str], how: str) -> None:
    with started(python, PROGRAM, "0", how, env=environment) as (run, _):
        thread = main_thread(run_keisoku, run.pid)
    assert thread["state"] == "idle", thread
    assert thread["tasks_proved"]
    seen = {task["name"]: task for task in thread["tasks"]}
    chains = {name: [bare(frame["function"]) for frame in task["frames"]] for name, task in seen.items()}
    assert chains["gathers"] == ["gathers"]
    assert chains["child"] == ["wait", "leaf", "middle"]
    assert chains["sleeps"] == ["sleep"]
    assert seen["child"]["awaiter"] == "gathers"
    assert seen["gathers"]["on"] in ("child", "1 task")
    assert seen["sleeps"]["on"] == "Future"
    assert {task["state"] for task in seen.values()} == {"waits"}


@pytest.mark.parametrize("how", ["run", "itself"])
def test_samples(run_keisoku: Run, python: Interpreter, environment: dict[str, str], how: str) -> None:
    fast = ("--rate", "2000", "--budget", "0.5")
    run = measured(run_keisoku, python, PROGRAM, "3", how, env=environment, options=fast)
    ticks: dict[str, int] = {}
    for task, functions, n in samples_of(run.path):
        ticks[task] = ticks.get(task, 0) + n
        if task == "works":
            assert "works" in functions
        elif "crunch" in functions and "works" in ticks:
            pytest.fail(f"a sample of the task that works belongs to {task!r}: {functions}")
    assert ticks["works"] > 0, ticks
    rests = sql(
        run.path, "SELECT state, sum(ticks), path FROM stacks WHERE state IN ('io', 'idle') GROUP BY state, path"
    )
    runner = ("asyncio/runners.py:", "uvloop/__init__.py:", "uvloop_tasks.py:")
    waits: dict[str, int] = {}
    for state, count, path in rests:
        if any(name in path.split(";")[-1] for name in runner):
            waits[state] = waits.get(state, 0) + count
    if how == "run":
        assert set(waits) == {"idle"}, rests
    else:  # before its first task was seen to run nothing tells that it is a loop
        if ticks["works"] < 4 * ticks.get("", 0):
            pytest.skip(f"too busy a machine, asyncio was found late: {ticks}")
        assert waits.get("idle", 0) > waits.get("io", 0), rests
    waited = dict(sql(run.path, "SELECT name, wait_s FROM tasks"))
    assert waited["sleeps"] > 0, waited
