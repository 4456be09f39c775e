"""A process whose first thread has ended while others go on. The kernel shows it as a zombie: no mappings, no memory, no
executable. Who joins it then sees what the others do all the same; where nothing is left, that is said, and nobody is
sent for rights."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from faulty import Bounded, enough
from interpreters import Interpreter
from recording import Recording
from settled import when_settled
from support import sql

PROGRAM = Path(__file__).resolve().parent / "programs" / "headless.py"
AMONG = ("2.7", "3.8", "3.11", "3.14", "3.15")
Start = Callable[[Interpreter], "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    running: list[subprocess.Popen[str]] = []

    def start_one(python: Interpreter) -> subprocess.Popen[str]:
        words = [python.path, str(PROGRAM)]
        running.append(subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        assert running[-1].stdout is not None and running[-1].stdout.readline() == "ready\n"
        return running[-1]

    yield start_one
    for run in running:
        run.kill()
        run.wait()
        for stream in (run.stdin, run.stdout):
            if stream is not None:
                stream.close()


def check_dump(bounded: Bounded, python: Interpreter, pid: int, *options: str) -> None:
    done = when_settled(pid, 2, lambda: bounded("dump", pid, "--json", *options))
    assert (done.status, done.err) == (0, ""), done
    dump = json.loads(done.out)
    assert dump["python"].startswith(python.name.rstrip("tdx")) and PROGRAM.name in dump["command"], dump
    threads: dict[str, Any] = {thread["name"]: thread for thread in dump["threads"]}
    assert set(threads) == {"works", "rests", "ends"}, threads
    assert threads["rests"]["state"] == "sleep" and threads["rests"]["frames"][0]["function"] == "rests", threads
    assert threads["ends"]["state"] == "io" and threads["ends"]["frames"][0]["function"] == "ends", threads
    names = {frame["function"] for frame in threads["works"]["frames"]}
    assert "works" in names or not threads["works"]["proved"], threads


def test_dump(bounded: Bounded, python: Interpreter, start: Start) -> None:
    enough(python, among=AMONG)
    run = start(python)
    check_dump(bounded, python, run.pid)
    text = bounded("dump", run.pid)
    assert text.status == 0 and PROGRAM.name in text.out.splitlines()[0], text
    assert run.poll() is None


@pytest.mark.parametrize("reader", ["core", "free"])
def test_attach(bounded: Bounded, python: Interpreter, start: Start, tmp_path: Path, reader: str) -> None:
    enough(python, among=AMONG if reader == "core" else ("3.11", "3.15"))
    run = start(python)
    words = ("--reader", reader, "--rate", "1000", "--duration", "1s", "--no-html", "-o", "x.kei")
    done = bounded("attach", run.pid, *words)
    assert done.status == 0, done.err
    assert run.poll() is None
    recording = Recording(tmp_path / "x.kei")
    seen = {(sample.thread, sample.innermost()) for sample in recording if sample.stack}
    assert ("rests", "rests") in seen and {name for name, _ in seen} == {"works", "rests", "ends"}, seen
    assert {"works", "inner"} & {function for name, function in seen if name == "works"}, seen
    assert not [sample for sample in recording if sample.tid == run.pid]
    ((command, executable, exit_status),) = sql(
        tmp_path / "x.kei", "SELECT command, executable, exit_status FROM processes WHERE pid = ?", run.pid
    )
    assert (PROGRAM.name in command, executable, exit_status) == (True, python.path, -1)
    # Its text, by the root of a thread that lives; its memory, likewise.
    sources = sql(tmp_path / "x.kei", "SELECT text FROM source JOIN string ON string.id = file")
    assert (str(PROGRAM),) in sources, sources
    ((bytes_most,),) = sql(tmp_path / "x.kei", "SELECT max(most) FROM counters WHERE counter = 'rss'")
    assert bytes_most > 1 << 20


def test_attach_until_it_ends(keisoku: str, a_python: Interpreter, start: Start, tmp_path: Path) -> None:
    """Not before it does, though its first thread has, and with the status of all of it."""
    run = start(a_python)
    words = [keisoku, "attach", str(run.pid), "--no-html", "-o", "x.kei"]
    with subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as attach:
        while not (tmp_path / "x.kei").exists() and attach.poll() is None:
            time.sleep(0.01)
        with pytest.raises(subprocess.TimeoutExpired):
            attach.wait(1)
        assert run.stdin is not None
        closed_unix_s = time.time()
        run.stdin.close()
        assert run.wait(60) == 7
        _, err = attach.communicate(timeout=60)
    assert attach.returncode == 0, err
    ((begin_ns,),) = sql(tmp_path / "x.kei", "SELECT value FROM meta WHERE key = 'start_unix_ns'")
    closed_s = closed_unix_s - int(begin_ns) / 1e9
    ((end_s, last_s, status),) = sql(
        tmp_path / "x.kei",
        "SELECT processes.end_s, max(threads.end_s), exit_status FROM processes JOIN threads USING (pid)",
    )
    assert end_s >= last_s > closed_s and status in (7 << 8, -2), (end_s, last_s, closed_s, status)


def test_doctor(bounded: Bounded, a_python: Interpreter, start: Start) -> None:
    done = bounded("doctor", start(a_python).pid)
    rows = {line[:22].strip(): line[22:].split() for line in done.out.splitlines()}
    assert rows["read its memory"][0] == "yes" and rows["Python in it"][:2] == ["yes", a_python.version], done.out


@pytest.mark.parametrize("command", ["dump", "attach", "doctor"])
def test_nothing_is_left_of_one_that_nobody_waited_for(bounded: Bounded, tmp_path: Path, command: str) -> None:
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    done = bounded(command, child.pid)
    child.wait()
    assert (done.status, done.out) == (2, "") and done.err.count("\n") == 1, done
    assert done.err.startswith(f"keisoku: process {child.pid} has ended"), done.err
    assert not [word for word in ("sudo", "CAP_", "permi", "memory of") if word in done.err], done.err
    assert not list(tmp_path.glob("*.kei"))
