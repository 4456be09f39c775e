"""keisoku without any right: whoever runs it measures their own programs, whole."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from interpreters import find_interpreters
from settled import when_settled
from support import Nobody, sql

PROGRAM = """
import sys, threading, time
def work():
    end = time.process_time() + float(sys.argv[1])
    while time.process_time() < end:
        sum(range(1000))
def rest():
    time.sleep(60)
thread = threading.Thread(target=rest, name="sleeper", daemon=True)
thread.start()
print("ready", flush=True)
work()
print("end", flush=True)
raise SystemExit(7)
"""

TRIES = 20  # dumps until one has proved the stack of a thread that runs


@pytest.fixture
def own_python(nobody: Nobody) -> str:
    """An interpreter that this user may run, the newest."""
    for one in reversed(find_interpreters()):
        words = [*nobody.words, one.path, "-c", "import threading, json"]
        if one.minor >= (3, 6) and subprocess.run(words, cwd=nobody.place, capture_output=True).returncode == 0:
            return one.path
    pytest.skip("no Python that every user may run")


@pytest.fixture
def running(nobody: Nobody, own_python: str) -> Iterator[int]:
    """A program of this user."""
    words = [*nobody.words, own_python, "-c", PROGRAM, "60"]
    with subprocess.Popen(words, cwd=nobody.place, stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout is not None and program.stdout.readline() == "ready\n"
            yield program.pid
            assert program.poll() is None
        finally:
            program.kill()


def permitted_to_attach() -> None:
    scope = Path("/proc/sys/kernel/yama/ptrace_scope")
    if scope.exists() and int(scope.read_text()) > 0:
        pytest.skip("kernel.yama.ptrace_scope keeps users from their own processes")


def check(nobody: Nobody, recording: Path) -> dict[str, Any]:
    """There are samples, of the program's functions, and the states of each thread sum to 1; gives the report."""
    done = nobody.keisoku("report", recording.name, "--json")
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["trust"]["samples"] > 20
    assert {"work", "rest"} <= {row["function"] for row in report["functions"]}
    for states in (report["states"]["wall"], report["states"]["cpu"]):
        assert sum(state["share"] for state in states.values()) == pytest.approx(1, abs=1e-6)
    threads = report["states"]["threads"]
    assert {"MainThread", "sleeper"} <= {thread["name"] for thread in threads}
    for thread in threads:
        assert sum(state["share"] for state in thread["states"].values()) == pytest.approx(1, abs=1e-6), thread
    ((durations,),) = sql(recording, "SELECT value / 1e9 FROM meta WHERE key = 'duration_ns'")
    assert durations > 0.3
    assert recording.stat().st_uid == os.stat(nobody.place).st_uid
    assert stat.S_IMODE(recording.stat().st_mode) == 0o600
    return report


def test_run(nobody: Nobody, own_python: str) -> None:
    done = nobody.keisoku("run", "-o", "x.kei", own_python, "-c", PROGRAM, "0.5")
    assert (done.returncode, done.stdout) == (7, "ready\nend\n"), done.stderr
    assert "keisoku: " not in done.stderr
    report = check(nobody, nobody.place / "x.kei")
    assert report["recording"]["processes"][0]["exit"] == 7
    assert (nobody.place / "x.html").stat().st_size > 0


def test_attach(nobody: Nobody, running: int) -> None:
    permitted_to_attach()
    done = nobody.keisoku("attach", str(running), "--duration", "600ms", "-o", "x.kei")
    assert done.returncode == 0, done.stderr
    assert "keisoku: " not in done.stderr
    check(nobody, nobody.place / "x.kei")


def test_dump(nobody: Nobody, running: int) -> None:
    permitted_to_attach()
    for _ in range(TRIES):
        done = when_settled(running, 1, lambda: nobody.keisoku("dump", str(running), "--json"))
        assert (done.returncode, done.stderr) == (0, "")
        threads = {thread["name"]: thread for thread in json.loads(done.stdout)["threads"]}
        assert set(threads) == {"MainThread", "sleeper"}
        sleeper = threads["sleeper"]
        assert (sleeper["state"], sleeper["frames"][0]["function"]) == ("sleep", "rest")
        if threads["MainThread"]["proved"]:
            break
    assert threads["MainThread"]["proved"], f"{TRIES} dumps, and none could prove it"
    assert "work" in {frame["function"] for frame in threads["MainThread"]["frames"]}
