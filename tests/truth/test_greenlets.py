"""Greenlets: the stack of a running one is its own, with nothing of the one that it took over from and nothing of its
parent; those that do not run are seen where they were left."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
import sysconfig
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from interpreters import Interpreter, interpreter
from measured import measured
from oracle import PROGRAMS, Oracle, bare
from packages import import_path
from recording import Recording
from support import Run, never
from test_tasks import started

pytestmark = pytest.mark.sparse


def test_greenlets(run_keisoku: Run, python: Interpreter) -> None:
    environment = dict(python.environment)
    if python.minor == sys.version_info[:2] and not python.free_threaded:
        environment["PYTHONPATH"] = sysconfig.get_paths()["purelib"]  # of the tests' own, which has greenlet
    words = [python.path, "-c", "import greenlet"]
    if subprocess.run(words, env=environment, stderr=subprocess.DEVNULL, check=False).returncode != 0:
        pytest.skip(f"Python {python.name} here has no greenlet")
    program = PROGRAMS / "greenlets.py"
    run = measured(run_keisoku, python, program, "1", env=environment, options=("--rate", "4000", "--budget", "0.5"))
    never(run.recording.impossible(Oracle(program)), "impossible")
    roots = {sample.stack[0][0] for sample in run.recording if len(sample.stack) > 1}
    assert {"left", "right"} <= roots


# ---- those that do not run -------------------------------------------------------------------------------------------

EXPECTED = {
    "MainThread": [
        ["leaves", *["deep"] * 31, "<lambda>"],
        ["leaves", "<lambda>", "through_c", "<lambda>"],
        ["leaves", "numbers", "generates", "<lambda>"],
        ["leaves", "<lambda>"],
        ["starts_another", "<lambda>"],
        ["leaves", *["deep"] * 301, "<lambda>"],
        ["start", "main", "<module>"],  # the thread's own stack, left for the one that runs
    ],
    "elsewhere": [["leaves", *["deep"] * 3, "<lambda>"]],
}
OLD = [("3.10", "1.1.3"), ("3.10", "2.0.2"), ("3.10", "3.0.3"), ("3.11", "2.0.2"), ("3.11", "3.0.3"), ("3.13", "3.1.1")]


def check_waiting(run_keisoku: Run, python: Interpreter, requirement: str, *arguments: str) -> None:
    program = PROGRAMS / "greenlets_wait.py"
    with started(python, program, *arguments, env=import_path(python, requirement)) as (run, line):
        assert line.startswith("["), line
        done = run_keisoku("dump", "--json", run.pid)
        text = run_keisoku("dump", run.pid)
    assert done.status == 0, done.err
    threads = {thread["name"]: thread for thread in json.loads(done.out)["threads"]}
    for name, expected in EXPECTED.items():
        found = threads[name]["greenlets"]
        assert threads[name]["tasks_proved"], name
        stacks = [[bare(frame["function"]) for frame in one["frames"]] for one in found]
        assert sorted(stacks) == sorted(expected), name
        assert {one["state"] for one in found} == {"waits"}
        lines = (PROGRAMS / "greenlets_wait.py").read_text().splitlines()
        leaves = [one["frames"][0] for one in found if bare(one["frames"][0]["function"]) == "leaves"]
        assert {lines[frame["line"] - 1].strip() for frame in leaves} == {"parent.switch()"}
    running = [bare(frame["function"]) for frame in threads["MainThread"]["frames"]]
    assert running == ["says_stacks", "<lambda>"]
    assert "greenlet <module>" in text.out


@pytest.mark.network
@pytest.mark.parametrize("how", ["untouched", "looked-at"])
def test_waiting(run_keisoku: Run, python: Interpreter, how: str) -> None:
    python.since(3, 8, "greenlets that are read")
    if python.free_threaded:
        pytest.skip("free-threaded builds keep no list of what the collector tracks")
    check_waiting(run_keisoku, python, "greenlet>=1.1", how)


@pytest.mark.network
@pytest.mark.parametrize(("minor", "version"), OLD)
def test_older_greenlets(run_keisoku: Run, minor: str, version: str) -> None:
    one = interpreter(minor)
    if one is None:
        pytest.skip(f"no Python {minor} on this machine")
    check_waiting(run_keisoku, one, f"greenlet=={version}")


GEVENT = """
import gevent, sys
def leaf(): gevent.sleep(600)
def middle(): leaf()
def server():
    children = [gevent.spawn(middle) for _ in range(3)]
    gevent.joinall(children)
def talks():
    gevent.sleep(0.2)
    print("ready", flush=True)
    gevent.sleep(600)
gevent.joinall([gevent.spawn(server), gevent.spawn(talks)])
"""


@pytest.mark.network
@pytest.mark.parametrize("minor", ["3.11", "3.13"])
def test_gevent(run_keisoku: Run, minor: str) -> None:
    one = interpreter(minor)
    if one is None:
        pytest.skip(f"no Python {minor} on this machine")
    with started(one, "-c", GEVENT, env=import_path(one, "gevent>=24")) as (run, line):
        assert line == "ready\n"
        for _ in range(20):  # it is on its way to its loop
            done = run_keisoku("dump", "--json", run.pid)
            assert done.status == 0, done.err
            thread = json.loads(done.out)["threads"][0]
            if thread["state"] == "idle":
                break
    assert thread["state"] == "idle", thread
    assert bare(thread["frames"][0]["function"]) == "run"
    stacks = [[bare(frame["function"]) for frame in greenlet["frames"]] for greenlet in thread["greenlets"]]
    own = sorted(
        [name for name in stack if name in ("leaf", "middle", "server", "talks", "<module>")] for stack in stacks
    )
    assert own == sorted([["leaf", "middle"]] * 3 + [["server"], ["talks"], ["<module>"]])


# ---- in recordings -----------------------------------------------------------------------------------------------------


def waits_of(path: Path) -> dict[str, list[tuple[str, tuple[str, ...], float]]]:
    """(thread, functions from the outermost in, seconds) of each place where each greenlet was found."""
    recording = Recording(path)
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            "SELECT t.text, coalesce(n.text, ''), stack, wait_ns / 1e9 FROM task_wait JOIN task ON task.id = task"
            " JOIN thread ON thread.id = task.thread JOIN string t ON t.id = task.name"
            " LEFT JOIN string n ON n.id = thread.name"
        ).fetchall()
    waits: dict[str, list[tuple[str, tuple[str, ...], float]]] = {}
    for name, thread, stack, seconds in rows:
        functions = tuple(bare(frame[0]) for frame in recording.stack(stack))
        waits.setdefault(name, []).append((thread, functions, seconds))
    return waits


@pytest.mark.network
def test_left_ones_in_a_recording(run_keisoku: Run, python: Interpreter) -> None:
    """Each with its own stack, under its own thread, and nothing else."""
    python.since(3, 8, "greenlets that are read")
    if python.free_threaded:
        pytest.skip("free-threaded builds keep no list of what the collector tracks")
    truth = [(thread, tuple(reversed(stack))) for thread, stacks in EXPECTED.items() for stack in stacks]
    for seconds in (1.5, 3.0, 6.0):  # a busy machine looks seldom
        with started(python, PROGRAMS / "greenlets_wait.py", env=import_path(python, "greenlet>=1.1")) as (run, _):
            words = ["attach", run.pid, "-q", "--no-html", "--duration", seconds, "-o", f"left-{seconds}.kei"]
            done = run_keisoku(*words)
        assert done.status == 0, done.err
        found = waits_of(done.folder / f"left-{seconds}.kei")
        seen = [(thread, functions) for waits in found.values() for thread, functions, _ in waits]
        assert not Counter(seen) - Counter(truth)
        if len(seen) == len(truth):
            break
    else:
        pytest.skip(f"too busy a machine: {len(seen)} of {len(truth)} were looked at")
    assert all(0 < waited <= seconds + 1 for waits in found.values() for _, _, waited in waits)
    assert all(re.fullmatch(r"Greenlet-\d+", name) for name in found)


PLACES = {
    "sleeper": ("sleeper", "sleeps_long", "sleep"),
    "reader": ("reader", "recv"),
    "computes": ("computes", "sleep"),
}


@pytest.mark.network
@pytest.mark.parametrize(("minor", "reader"), [("3.8", "core"), ("3.11", "free"), ("3.14", "core")])
def test_gevent_in_a_recording(run_keisoku: Run, minor: str, reader: str) -> None:
    one = interpreter(minor)
    if one is None:
        pytest.skip(f"no Python {minor} on this machine")
    for seconds in (2.0, 4.0, 8.0):  # a busy machine looks seldom
        name = f"gevent-{seconds}.kei"
        words = [
            "run",
            "--reader",
            reader,
            "--no-html",
            "-o",
            name,
            one.path,
            PROGRAMS / "greenlets_gevent.py",
            seconds,
        ]
        done = run_keisoku(*words, env={**one.environment, **import_path(one, "gevent>=21")})
        assert done.status == 0, done.err
        report = json.loads(run_keisoku("report", "--json", done.folder / name).out)
        rows = {row["coroutine"]: row for row in report.get("tasks", []) if row["count"] > 1}
        if {function: row["count"] for function, row in rows.items()} == {"sleeper": 30, "reader": 10, "computes": 10}:
            break
    else:
        pytest.skip(f"too busy a machine: {rows}")
    for waits in waits_of(done.folder / name).values():
        for _, functions, waited in waits:
            assert 0 < waited <= seconds + 1
            if functions[0] in PLACES:
                assert functions[: len(PLACES[functions[0]])] == PLACES[functions[0]] or functions == (
                    "computes",
                    "crunch",
                )
    assert all(row["greenlet"] and row["cpu_s"] == 0 for row in report["tasks"])
    assert rows["sleeper"]["waits_in"]["function"] == "sleep"
    assert rows["sleeper"]["wait_s"] > rows["computes"]["wait_s"]
    ran = {sample.stack[0][0]: sample.innermost() for sample in Recording(done.folder / name) if sample.stack}
    assert "computes" in ran, ran  # the samples of one that runs are its own
    text = run_keisoku("report", "--tasks", done.folder / name).out
    assert "greenlet sleeper ×30" in text


DAMAGED = """
import ctypes, greenlet, sys, time
main = greenlet.getcurrent()
def victim(): main.switch()
def other(): main.switch()
one, two = greenlet.greenlet(victim), greenlet.greenlet(other)
one.switch(), two.switch()
def word(address): return ctypes.c_uint64.from_address(address)
inner = word(id(one) + 32).value  # of greenlet 3.2 under CPython 3.11
stack, frame = inner + 56, inner + 104
interpreter_frame = word(word(frame).value + 24).value
how = {
    "sound": [],
    "inner": [(id(one) + 32, 8)],
    "not-its-own": [(id(one) + 32, word(id(two) + 32).value)],
    "no-frame": [(frame, id(sys))],
    "stack-upside-down": [(stack, 1 << 63)],
    "copy-too-long": [(stack + 24, 1 << 40)],
    "circle": [(interpreter_frame + 48, interpreter_frame)],
    "frame-nowhere": [(word(frame).value + 24, 1 << 40)],
}[sys.argv[1]]
for address, value in how:
    word(address).value = value
print("ready", flush=True)
time.sleep(600)
"""


@pytest.mark.network
@pytest.mark.parametrize(
    "how",
    ["sound", "inner", "not-its-own", "no-frame", "stack-upside-down", "copy-too-long", "circle", "frame-nowhere"],
)
def test_damaged(run_keisoku: Run, how: str) -> None:
    """One that does not fit together is not shown, and does no harm to the others."""
    one = interpreter("3.11")
    if one is None:
        pytest.skip("no Python 3.11 on this machine")
    with started(one, "-c", DAMAGED, how, env=import_path(one, "greenlet==3.2.4")) as (run, line):
        assert line == "ready\n"
        done = run_keisoku("dump", "--json", run.pid)
    assert done.status == 0, done.err
    names = {greenlet["name"] for greenlet in json.loads(done.out)["threads"][0]["greenlets"]}
    assert names == ({"victim", "other"} if how == "sound" else {"other"})
