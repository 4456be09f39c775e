"""Cores that are hard to come by: held by a real-time thread, not open to us, changed a hundred times a second; and a
budget that does not allow the rate. The next reader answers, or the report says what was missed; never a wrong stack."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from interpreters import Interpreter
from measured import measured
from oracle import PROGRAMS, Oracle
from recording import Recording
from support import Result, Run, busy, confined, never, sql

Report = Callable[[Path], dict[str, Any]]
ALTERNATE, MIGRATES = PROGRAMS / "alternate.py", PROGRAMS / "migrates.py"
RATE_HZ = 1000
REACHED = 0.9  # of the rate, from which on nothing more is said of it


@pytest.fixture
def cores() -> tuple[int, int]:
    found = sorted(os.sched_getaffinity(0))
    if len(found) < 2:
        pytest.skip("one core: there is none for others to have")
    return found[0], found[-1]


@pytest.fixture
def by_kernel(run_keisoku: Run) -> str:
    """The row of `doctor` if the kernel sampler cannot be used, else empty."""
    row = next(line for line in run_keisoku("doctor").out.splitlines() if line.startswith("kernel sampler"))
    return "" if "yes" in row.split() else row


def words_of(text: str) -> str:
    return " ".join(text.split())


def check_said(done: Result, trust: dict[str, Any]) -> None:
    """A rate that was not reached stands beside the one that was wanted."""
    assert trust["rate_asked_hz"] == RATE_HZ
    assert (f"Hz of {RATE_HZ}" in words_of(done.err)) == (trust["rate_hz"] < REACHED * RATE_HZ), (trust, done.err)


def on_cpu(recording: Recording, readers: dict[str, int]) -> tuple[int, float]:
    """Samples with a stack of a program that never waits, and its CPU time, as far as the samples tell."""
    return sum(readers.get(name, 0) for name in ("core", "kernel")), sum(sample.run_s for sample in recording)


def real_time_on(core: int) -> tuple[str, ...]:
    words = ("taskset", "-c", str(core), "chrt", "-f", "1")
    if not shutil.which("chrt") or subprocess.run([*words, "true"], capture_output=True).returncode != 0:
        pytest.skip("a real-time priority is not permitted here")
    return words


@pytest.mark.alone  # it takes a core from whatever runs beside
@pytest.mark.parametrize("reader", ["core", "kernel", "auto"])
def test_real_time(
    run_keisoku: Run, report: Report, a_python: Interpreter, cores: tuple[int, int], by_kernel: str, reader: str
) -> None:
    """It never gives its core to a thread of ours: read by the kernel, or late and said so."""
    hog = real_time_on(cores[-1])
    if by_kernel and reader == "kernel":
        pytest.skip(by_kernel)
    words = ("--reader", reader, "--rate", str(RATE_HZ), "--no-html", "-o", "x.kei")
    done = run_keisoku("run", *words, *hog, a_python.path, ALTERNATE, "1.8")
    assert done.status == 0, done.err
    recording = Recording(done.recording)
    never(recording.impossible(Oracle(ALTERNATE)), "impossible")
    trust = report(done.recording)["trust"]
    proved = trust["proved_by"]
    check_said(done, trust)
    planned = sql(done.recording, "SELECT value FROM self WHERE key = 'sweeps_planned'")[0][0]
    sweeps = sql(done.recording, "SELECT value FROM self WHERE key = 'sweeps'")[0][0]
    lost = sum(trust["lost"].get(name, 0) for name in ("unlearned", "other-core"))
    note = "threads with a real-time priority let nobody else have their core" in words_of(done.err)
    assert note == (sweeps < REACHED * planned or lost > 0), (sweeps, planned, trust)
    if reader == "kernel":
        seen, run_s = on_cpu(recording, proved)
        assert seen > 0.7 * RATE_HZ * run_s > 100, (trust, run_s)
    if reader == "auto" and not by_kernel:
        if not proved.get("kernel") and busy():
            pytest.skip("the machine was too busy to load the kernel sampler in time")
        assert proved.get("kernel", 0) > 100, trust


HOG = "import time; print('ready', flush=True); end = time.monotonic() + 1.6\nwhile time.monotonic() < end: pass"
BRIEF = """
import sys, threading, time
def work():
    end = time.thread_time() + 0.02
    while time.thread_time() < end: pass
print("ready", flush=True)
sys.stdin.read()
for _ in range(20):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
"""


@pytest.mark.alone  # likewise
def test_real_time_of_others(
    keisoku: str, report: Report, a_python: Interpreter, cores: tuple[int, int], tmp_path: Path
) -> None:
    """Another program takes the core that the measured one and we share: that is said, and nothing else is the cause."""
    hog = real_time_on(cores[-1])
    words = [keisoku, "run", "--reader", "core", "--rate", str(RATE_HZ), "--no-html", "-o", "x.kei"]
    with confined(cores[-1]):
        run = subprocess.Popen(
            [*words, a_python.path, "-c", BRIEF],
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    with run:
        assert run.stdout is not None and run.stdout.readline() == "ready\n"
        with subprocess.Popen([*hog, a_python.path, "-c", HOG], stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout is not None and other.stdout.readline() == "ready\n"
            _, err = run.communicate("", timeout=60)  # it works from now on
    assert run.returncode == 0, err
    told, trust = words_of(err), report(tmp_path / "x.kei")["trust"]
    assert trust["waited_s"] > 0.5, trust
    assert "keisoku waited for a core for" in told, told
    assert "too brief to be followed" not in told, told


@pytest.mark.parametrize("reader", ["core", "auto"])
def test_a_core_that_we_may_not_use(
    run_keisoku: Run, report: Report, a_python: Interpreter, cores: tuple[int, int], by_kernel: str, reader: str
) -> None:
    ours, theirs = cores
    if not shutil.which("taskset"):
        pytest.skip("needs taskset")
    words = ("--reader", reader, "--rate", str(RATE_HZ), "--no-html", "-o", "x.kei")
    with confined(ours):
        done = run_keisoku("run", *words, "taskset", "-c", str(theirs), a_python.path, ALTERNATE, "1.5")
    assert done.status == 0, done.err
    recording, trust = Recording(done.recording), report(done.recording)["trust"]
    never(recording.impossible(Oracle(ALTERNATE)), "impossible")
    check_said(done, trust)
    if reader == "core":
        assert trust["lost"].get("other-core", 0) > 0.5 * trust["samples"] > 50, trust
        assert "(other-core" in words_of(done.err), done.err
    elif trust["proved_by"].get("kernel"):
        seen, _ = on_cpu(recording, trust["proved_by"])
        assert seen > 100, trust
    else:
        assert by_kernel or busy(), trust
        assert "ran on cores that keisoku may not run on" in words_of(done.err), done.err


@pytest.mark.parametrize("reader", ["core", "kernel"])
def test_migrations(
    run_keisoku: Run, report: Report, a_python: Interpreter, cores: tuple[int, int], by_kernel: str, reader: str
) -> None:
    """It is followed: no stack of two cores, none of its time left out."""
    if by_kernel and reader == "kernel":
        pytest.skip(by_kernel)
    options = ("--reader", reader, "--rate", str(RATE_HZ))
    done = measured(run_keisoku, a_python, MIGRATES, "1.5", options=options)
    assert json.loads(done.done.out) > (5 if busy() else 50), done.done.out  # each waits for the core that it goes to
    never(done.recording.impossible(Oracle(MIGRATES)), f"impossible of {done.shown}")
    trust = report(done.path)["trust"]
    seen, run_s = on_cpu(done.recording, trust["proved_by"])
    assert 0.5 * RATE_HZ * run_s < seen < 1.5 * RATE_HZ * run_s + 50, (trust, run_s)
    assert trust["dropped"] <= max(10, 0.05 * trust["samples"]), trust
    check_said(done.done, trust)


# The budget is small enough for any machine: a wake-up takes more than 2 µs on all of them.
WORK = "import time\nend = time.process_time() + 1.2\nwhile time.process_time() < end: sum(range(100))"


def test_budget(run_keisoku: Run, report: Report, a_python: Interpreter) -> None:
    """The rate falls, and text and JSON say so; a rate that is asked for stays."""
    rates: dict[str, float] = {}
    taken: dict[str, float] = {}
    for name, more in (("budget", ()), ("asked", ("--rate", str(RATE_HZ)))):
        words = ("--reader", "core", "--budget", "0.002", *more, "--no-html", "-o", f"{name}.kei")
        done = run_keisoku("run", *words, a_python.path, "-c", WORK)
        assert done.status == 0, done.err
        path = done.folder / f"{name}.kei"
        trust = report(path)["trust"]
        check_said(done, trust)
        shown = words_of(run_keisoku("report", path).out)
        assert (f"Hz of {RATE_HZ}" in shown) == (trust["rate_hz"] < REACHED * RATE_HZ), shown
        (planned,) = sql(path, "SELECT value FROM self WHERE key = 'sweeps_planned'")[0]
        rates[name] = planned / report(path)["recording"]["duration_s"]
        taken[name] = trust["slowdown_estimate"]
        if name == "budget":
            assert trust["rate_hz"] < 0.7 * RATE_HZ, trust
    assert rates["budget"] < 0.7 * RATE_HZ < rates["asked"], rates
    assert taken["budget"] < taken["asked"], taken


def test_our_own_time_is_said(run_keisoku: Run, report: Report, a_python: Interpreter) -> None:
    """Where it is more than the program's, or most of a core; a rate as high as it goes takes one, a plain run does not."""
    done = run_keisoku("run", "--no-html", a_python.path, "-c", "import time; time.sleep(1.5)")
    assert "keisoku itself used" not in words_of(done.err), done.err
    for seconds in (2, 8, 32):  # until it had so much of a core
        words = ("--reader", "free", "--rate", "max", "--no-html", "-o", f"{seconds}.kei", a_python.path, "-c")
        run_keisoku("run", *words, f"import time; time.sleep({seconds})")
        told = report(done.folder / f"{seconds}.kei")
        if told["trust"]["own_cpu_s"] > max(1.2, 0.2 * told["recording"]["duration_s"]):
            break
    else:
        pytest.fail(f"no core was to be had for our own time: {told['trust']}")
    (note,) = [note for note in told["recording"]["notes"] if "keisoku itself used" in note]
    assert "lower --rate" in note, note
