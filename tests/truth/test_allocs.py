"""Sampled allocations (run --allocs): what was asked for, where, and what of it was in use when a process had most.

A block is met with a chance that its size alone decides, one byte of 65 536 on average: what is told of a function is
right but for that chance, and five standard deviations are allowed for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from interpreters import Interpreter
from oracle import PROGRAMS
from support import Result, Run

Report = Callable[[Path], dict[str, Any]]
MEAN = 65536
BESIDE = 0.03  # of what a function asks for by itself, beside the blocks that are spoken of: lists that hold them


@pytest.fixture
def counted(python: Interpreter) -> None:
    python.since(3, 8, "audit hook, by which the agent gets in")


def told(done: Result) -> dict[str, tuple[float, float]]:
    rows = done.sql("SELECT function, bytes, most_bytes, file FROM memory")
    found: dict[str, tuple[float, float]] = {}
    for name, asked, most, file in rows:
        if str(file).endswith(("allocs.py", "<string>")):
            name = str(name).split(".")[-1]
            before = found.get(name, (0, 0))
            found[name] = (before[0] + asked, before[1] + most)
    return found


def near(found: float, truth: float) -> bool:
    width = 5 * (truth * MEAN) ** 0.5 + BESIDE * truth
    return truth - width <= found <= truth + width


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize("how", ["as it is", "malloc", "dev", "kill"])
def test_bytes_asked_for_and_in_use(run_keisoku: Run, python: Interpreter, how: str) -> None:
    options = ["-X", "dev"] if how == "dev" else []
    environment = {"PYTHONMALLOC": "malloc"} if how == "malloc" and not python.free_threaded else {}
    words = ["run", "--allocs", "-q", "--no-html", python.path, *options, PROGRAMS / "allocs.py"]
    done = run_keisoku(*words, *(["kill"] if how == "kill" else []), env=environment)
    assert done.status == (128 + 9 if how == "kill" else 0), done.err
    found = told(done)
    for name, (asked, most) in json.loads(done.out).items():
        assert near(found[name][0], asked), (name, asked, found)
        assert near(found[name][1], most) if most else found[name][1] < 0.05 * asked, (name, most, found)
    assert found["grown"][0] > 10_000_000 > found["grown"][1]  # asked for again as it grew, behind the most


@pytest.mark.usefixtures("counted")
def test_own_lines_answer_for_what_they_call(run_keisoku: Run, report: Report, python: Interpreter) -> None:
    done = run_keisoku("run", "--allocs", "-q", "--no-html", python.path, PROGRAMS / "allocs.py")
    allocations = report(done.recording)["allocations"]
    lines = {row["function"]: row for row in allocations["lines"]}
    size = 32 if python.free_threaded else 24  # of a float
    assert near(lines["behind"]["most_blocks"] * size, 400_000 * size), lines
    if not python.free_threaded:  # whose lists keep what they outgrew for a while
        assert near(lines["behind"]["most_bytes"], 1.05 * 400_000 * (size + 8)), lines  # a list has some more places
    assert sum(row["most_bytes"] for row in allocations["lines"]) <= allocations["most_bytes"] <= allocations["bytes"]
    assert not done.sql("SELECT * FROM call_count")


@pytest.mark.usefixtures("counted")
def test_as_much_as_was_asked_for_without_python(run_keisoku: Run, python: Interpreter) -> None:
    """Threads come and go while their frames are looked at, and code is thrown away."""
    code = (
        "import threading\n"
        "def work():\n"
        "    for i in range(300):\n"
        "        exec('def made(): return [bytes(900) for _ in range(30)]\\nmade()')\n"
        "for _ in range(20):\n"
        "    all = [threading.Thread(target=work) for _ in range(4)]\n"
        "    [t.start() for t in all]; [t.join() for t in all]\n"
        "print('done')\n"
    )
    done = run_keisoku("run", "--allocs", "-q", "--no-html", python.path, "-c", code)
    assert (done.status, done.out) == (0, "done\n"), done.err
    found = told(done)
    made = sum(asked for name, (asked, _) in found.items() if name in ("made", "<listcomp>"))
    assert near(made, 20 * 4 * 300 * 30 * 933), found


KEEPS = """
import time
kept = [None] * 20000
def hold():
    for i in range(20000):
        kept[i] = bytes(2000)
hold()
end = time.time() + 6
while time.time() < end:
    sum(range(10000))
"""


def test_what_is_cut_off_is_not_counted_again(run_keisoku: Run, a_python: Interpreter) -> None:
    a_python.since(3, 8, "audit hook, by which the agent gets in")
    done = run_keisoku("run", "--allocs", "--keep", "1s", "-q", "--no-html", a_python.path, "-c", KEEPS)
    assert done.status == 0, done.err
    assert done.sql("SELECT value FROM meta WHERE key = 'dropped_ns'")  # it was cut
    asked, most = told(done)["hold"]
    assert near(asked, 20000 * 2033) and near(most, 20000 * 2033), (asked, most)


@pytest.mark.usefixtures("counted")
def test_a_segment_is_not_trusted(run_keisoku: Run, python: Interpreter) -> None:
    python.since(3, 9, "randbytes")
    done = run_keisoku("run", "--allocs", "--calls", "-q", "--no-html", python.path, PROGRAMS / "calls_spoilt.py")
    assert done.status in (0, 128 + 11), done.err  # the program may hurt itself
    shown = run_keisoku("report", done.recording)
    assert shown.status == 0, shown.err
