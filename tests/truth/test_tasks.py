"""asyncio's tasks: name, coroutines and awaiter of each, on programs that know their own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from interpreters import Interpreter
from oracle import PROGRAMS, bare
from support import Run


@contextmanager
def started(python: Interpreter, *words: str | Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The program and the line that it says when it is ready."""
    run = subprocess.Popen(
        [python.path, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
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
