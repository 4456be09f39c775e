"""asyncio's tasks: name, coroutines and awaiter of each, on programs that know their own."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from chunks import decode_samples
from interpreters import Interpreter
from measured import READER, measured
from oracle import PROGRAMS, bare
from recording import Recording
from support import Run


@contextmanager
def started(
    python: Interpreter, *words: str | Path, env: dict[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The program and the line that it says when it is ready."""
    run = subprocess.Popen(
        [python.path, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **(env or {})},
    )
    assert run.stdin is not None
    assert run.stdout is not None
    try:
        yield run, run.stdout.readline()
    finally:
        run.kill()
        run.wait()
        run.stdin.close()
        run.stdout.close()


def main_thread(run_keisoku: Run, pid: int) -> dict[str, Any]:
    done = run_keisoku("dump", "--json", pid)
    assert done.status == 0, done.err
    thread: dict[str, Any] = json.loads(done.out)["threads"][0]
    return thread


def test_tasks_that_wait(run_keisoku: Run, python: Interpreter) -> None:
    python.since(3, 8, "tasks that are read")
    with started(python, PROGRAMS / "tasks.py") as (run, line):
        thread = main_thread(run_keisoku, run.pid)
    assert thread["tasks_proved"]
    assert thread["tasks_left_out"] == 0
    seen = {task["name"]: task for task in thread["tasks"]}
    expected = {task["name"]: task for task in json.loads(line)}
    for name, task in expected.items():
        chain = [bare(frame["function"]) for frame in seen[name]["frames"]]
        if name == "times-out" and python.minor >= (3, 12):
            assert chain[-2:] == task["chain"]
        else:
            assert chain == task["chain"], name
        assert seen[name]["awaiter"] == (task["awaiter"] or ""), name
        assert seen[name]["state"] == "waits", name
        own = [frame for frame in seen[name]["frames"] if frame["file"].endswith("programs/tasks.py")]
        assert own, name
        text = (PROGRAMS / "tasks.py").read_text().splitlines()
        assert all("await" in text[frame["line"] - 1] or "async" in text[frame["line"] - 1] for frame in own), name
    # beside those: the server's, which has no name of its own
    assert len(seen) == len(thread["tasks"])
    others = set(seen) - set(expected)
    assert all(name.startswith("Task-") for name in others), others
    assert seen["gathers"]["on"] == "2 tasks"
    assert seen["awaits-task"]["on"] == "awaited"


# ---- tasks of samples ----------------------------------------------------------------------------------------------

OWN = {"left": {"left"}, "right": {"right"}, "many": {"many"}, "brief-left": {"brief_left"}, "parent": {"main"}}
OWN["Task-1"] = OWN["parent"]  # until it has its name
COROUTINES = set().union(*OWN.values())


def samples_of(path: Path) -> Iterator[tuple[str, list[str], int]]:
    """(task, functions from the outermost in, ticks) of every sample, by the chunks themselves."""
    recording = Recording(path)
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        on_cpu = {row[0] for row in connection.execute("SELECT id FROM state WHERE on_cpu")}
        names: dict[int, str] = dict(connection.execute("SELECT id, name FROM tasks").fetchall())
        chunks = connection.execute("SELECT data FROM sample_chunk ORDER BY id").fetchall()
    for (data,) in chunks:
        for _, _, stack, ticks, _, _, _, task in decode_samples(data, on_cpu):
            yield names[task] if task else "", [bare(frame[0]) for frame in recording.stack(stack)], ticks


def count_tasks(path: Path) -> tuple[Counter[str], int]:
    """Ticks by task, each checked against its stack; and those in a task's coroutine that have none, from the first
    sample on that has one."""
    ticks: Counter[str] = Counter()
    missed = 0
    for task, functions, n in samples_of(path):
        ticks[task] += n
        own = [name for name in functions if name in COROUTINES]
        if task:
            # One with a number: asyncio's own, or one that was first seen before it had its name.
            assert own[:1] == list(OWN[task]) if task in OWN else task.startswith("Task-"), (task, functions)
        elif own and len(ticks) > 1:
            missed += n
    return ticks, missed


def test_every_sample_is_its_own_task_s(run_keisoku: Run, python: Interpreter) -> None:
    python.since(3, 8, "tasks that are read")
    program = PROGRAMS / "tasks_switch.py"
    for seconds in ("1.2", "2.5", "5"):  # asyncio has to be seen first, which a busy machine puts off
        run = measured(run_keisoku, python, program, seconds, options=("--rate", "4000", "--budget", "0.5"))
        ticks, missed = count_tasks(run.path)
        if all(ticks[task] > 0 for task in ("left", "right", "brief-left")):
            break
        run.path.rename(run.path.with_suffix(f".{seconds}.kei"))
        run = run._replace(path=run.path.with_suffix(f".{seconds}.kei"))
    assert ticks["left"] > 0
    assert ticks["right"] > 0
    assert ticks["brief-left"] > 0
    assert ticks[""] > 0
    assert missed * 5 <= sum(ticks.values()) - ticks[""]
    with closing(sqlite3.connect(run.path)) as connection:
        awaited = dict(connection.execute("SELECT name, awaited_by FROM tasks").fetchall())
    assert {awaited.get(name) for name in ("left", "right", "many")} <= {"parent", None}


WAITS = """
import asyncio
async def leaf():
    await asyncio.sleep(1.0)
async def top():
    child = asyncio.ensure_future(leaf())
    child.set_name("child")
    await child
async def main():
    task = asyncio.ensure_future(top())
    task.set_name("top")
    await asyncio.sleep(0.25)
    asyncio.current_task().set_name("main")
    await task
asyncio.run(main())
"""


def test_waits_are_measured(run_keisoku: Run, python: Interpreter) -> None:
    python.since(3, 8, "tasks that are read")
    words = ["run", *READER, "--no-html", "-o", "waits.kei", python.path, "-c", WAITS]
    done = run_keisoku(*words, env=python.environment)
    assert done.status == 0, done.err
    rows = {
        name: (coroutine, by, wait)
        for name, coroutine, by, wait in done.sql("SELECT name, coroutine, awaited_by, wait_s FROM tasks")
    }
    assert rows["child"][:2] == ("leaf", "top")
    assert rows["top"][:2] == ("top", "main") or rows["top"][1] is None
    # seen from when asyncio was found, at the end of one look to the end of another
    assert 0.4 < rows["child"][2] < 1.3
    assert 0.4 < rows["top"][2] < 1.3
    places = done.sql(
        "SELECT t.text, function.name IS NOT NULL FROM task_wait JOIN task ON task.id = task JOIN string t ON"
        " t.id = task.name JOIN stack ON stack.id = task_wait.stack JOIN frame ON frame.id = stack.frame"
        " JOIN function ON function.id = frame.function WHERE line > 0"
    )
    assert {name for name, _ in places} >= {"child", "top"}


CROWD = """
import asyncio, sys
async def sleeps():
    await asyncio.sleep(600)
async def inner(event):
    await event.wait()
async def nested(event):
    await inner(event)
async def takes(queue):
    await queue.get()
async def main():
    event, queue = asyncio.Event(), asyncio.Queue()
    tasks = [asyncio.ensure_future(sleeps()) for _ in range(6000)]
    tasks += [asyncio.ensure_future(nested(event)) for _ in range(3000)]
    tasks += [asyncio.ensure_future(takes(queue)) for _ in range(1000)]
    for _ in range(200):
        await asyncio.sleep(0.015)
    for task in tasks:
        task.cancel()
asyncio.run(main())
"""
CROWD_SHARES = {"sleeps": 0.6, "nested": 0.3, "takes": 0.1}


@pytest.mark.sparse
def test_a_crowd_of_tasks(run_keisoku: Run, python: Interpreter) -> None:
    """Ten thousand, made one kind after the other: a few of them stand for all, in the right shares."""
    python.since(3, 8, "tasks that are read")
    done = run_keisoku("run", *READER, "--no-html", "-o", "crowd.kei", python.path, "-c", CROWD)
    assert done.status == 0, done.err
    rows = done.sql(
        "SELECT n.text, w.wait_ns, w.looks, t.text = 'other tasks' FROM task_wait w JOIN task ON task.id = w.task"
        " JOIN string t ON t.id = task.name JOIN function f ON f.id = task.coroutine JOIN string n ON n.id = f.name"
    )
    waited: Counter[str] = Counter()
    looks = 0
    for name, wait_ns, seen, others in rows:
        if bare(name) in CROWD_SHARES:
            waited[bare(name)] += wait_ns
            looks += 0 if others else seen
            assert others or wait_ns < 6e9  # a task's own wait is no longer than the run
    print(f"{looks} looks", {name: waited[name] / sum(waited.values()) for name in waited})
    if looks < 300:
        pytest.skip(f"the machine was too busy: {looks} looks at tasks")
    for name, share in CROWD_SHARES.items():
        # looks are some 190 at once, of unequal weight: five times their noise, were they drawn one by one
        noise = (share * (1 - share) / looks * 2) ** 0.5
        assert abs(waited[name] / sum(waited.values()) - share) < 5 * noise, (name, waited)
    assert 4e12 < sum(waited.values()) < 40e12  # nanoseconds of ten thousand tasks, for up to three seconds
    assert done.sql("SELECT count(*) FROM task")[0][0] < 4000


# ---- programs that mean no good ------------------------------------------------------------------------------------

HOSTILE = """
import asyncio, ctypes, sys
async def leaf(): await asyncio.sleep(600)
async def cycle(other):
    await other
async def main():
    many = [asyncio.ensure_future(leaf()) for _ in range(int(sys.argv[1]))]
    long = asyncio.ensure_future(leaf())
    long.set_name("\\u00e9" * 10000000)
    event = asyncio.Event()
    tasks = []
    async def wait_for_second():
        await event.wait()
        await tasks[1]
    tasks.append(asyncio.ensure_future(wait_for_second()))
    tasks.append(asyncio.ensure_future(cycle(tasks[0])))
    for name, task in zip(("first", "second"), tasks):
        task.set_name(name)
    await asyncio.sleep(0)
    event.set()
    await asyncio.sleep(0.05)
    deep = leaf()
    for _ in range(500):
        async def level(inner=deep): await inner
        deep = level()
    asyncio.ensure_future(deep).set_name("deep")
    await asyncio.sleep(0.05)
    print("ready", flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


def test_hostile_tasks(run_keisoku: Run, python: Interpreter) -> None:
    """Awaiters in a circle, a name of 10 MB, a hundred thousand tasks, a chain deeper than is shown: bounded, counted."""
    python.since(3, 8, "tasks that are read")
    with started(python, "-c", HOSTILE, "20") as (run, _):
        thread = main_thread(run_keisoku, run.pid)
    seen = {task["name"]: task for task in thread["tasks"]}
    assert thread["tasks_proved"]
    assert seen["first"]["awaiter"] == "second"
    assert seen["second"]["awaiter"] == "first"
    assert seen["first"]["on"] == "second"
    assert seen["\u00e9" * 128 + "…"]["state"] == "waits"
    assert [bare(frame["function"]) for frame in seen["deep"]["frames"]] == ["sleep", "leaf", *["level"] * 500]


def test_very_many_tasks(run_keisoku: Run, python: Interpreter) -> None:
    python.since(3, 8, "tasks that are read")
    if python.name not in ("3.11", "3.15"):
        pytest.skip("one reader of each kind is enough")
    with started(python, "-c", HOSTILE, "100000") as (run, _):
        thread = main_thread(run_keisoku, run.pid)
        attached = run_keisoku("attach", "--no-html", "--duration", "1s", "-o", "many.kei", run.pid)
    assert len(thread["tasks"]) == 1024
    assert thread["tasks_proved"]
    assert thread["tasks_left_out"] >= (1024 if python.minor >= (3, 14) else 98000)
    assert attached.status == 0, attached.err
    assert attached.sql("SELECT count(*) FROM task")[0][0] <= 2001 * 10
