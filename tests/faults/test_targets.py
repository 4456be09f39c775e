"""What a target does or suffers while it is measured: its output and status are its own, the recording opens, what it
did before and after is seen."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from faulty import READERS, Bounded, Trust, check_reader, enough, is_starved, rounds, start_loop, trust_of, why_not
from interpreters import Interpreter
from recording import Recording
from support import sql

PROGRAM = Path(__file__).resolve().parent / "programs" / "odd.py"
HELD = PROGRAM.with_name("held.py")
WORKS = {"work", "deep"}
NOT_READ = "as a page of the program's memory did not come"
# kind, since when the interpreter can do it
KINDS = [
    ("execs", (2, 7)),
    ("forks", (2, 7)),
    ("threads", (2, 7)),
    ("closes", (2, 7)),
    ("unmaps", (2, 7)),
    ("chunks", (3, 6)),
    ("drops", (2, 7)),
    ("vforks", (3, 8)),
    ("stops", (2, 7)),
    ("limits", (2, 7)),
    ("leaves", (2, 7)),
    ("spaces", (2, 7)),
]


# Ordered so that what a plain run takes of them has each kind by one reader or another on every interpreter, and each
# reader on each.
CASES = [(kind, since, READERS[(i + turn) % 4]) for i, (kind, since) in enumerate(KINDS) for turn in range(4)]


@pytest.mark.sparse
@pytest.mark.parametrize("kind,since,reader", CASES, indirect=["reader"], ids=[f"{row[0]}-{row[2]}" for row in CASES])
def test_what_it_does_to_itself(
    bounded: Bounded, python: Interpreter, tmp_path: Path, kind: str, since: tuple[int, int], reader: str
) -> None:
    python.since(*since, kind)
    enough(python, among=("3.8", "3.11", "3.13", "3.14", "3.15"))
    path = tmp_path / "x.kei"
    # A sample of six thousand frames takes longer than there is for it at 10 kHz.
    rate = "1000" if kind == "chunks" else "10000"
    for _ in range(rounds(1, 20)):
        words = ("--reader", reader, "--rate", rate, "--no-html", "-o", path.name, python.path, PROGRAM, kind)
        path.unlink(missing_ok=True)
        done = bounded("run", *words)
        assert (done.status, done.out) == (7, "end\n"), done.err
        trust = trust_of(bounded, path)
        if is_starved(path):
            continue
        check_reader(reader, trust)
        seen = Recording(path).ticks_by_function()
        assert WORKS & set(seen), (seen, trust)
        if kind == "leaves":  # what began after the first thread's end
            assert any(f == "later" for sample in Recording(path) for f, _, _ in sample.stack), seen
            times = (
                "SELECT sum(tid = pid), processes.end_s - max(threads.end_s) FROM threads JOIN processes USING (pid)"
            )
            ((firsts, left_s),) = sql(path, times)
            assert firsts == 1 and left_s >= 0, (firsts, left_s)  # it was met once, and the process outlived it


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM], ids=lambda number: number.name)
def test_killed_at_any_instant(
    bounded: Bounded, a_python: Interpreter, keisoku: str, tmp_path: Path, number: int
) -> None:
    draw = random.Random(number)
    readers = [reader for reader in READERS if not why_not(keisoku, reader)]
    for i in range(rounds(4, 200)):
        target = start_loop(a_python.path)
        words = [keisoku, "attach", str(target.pid), "-q", "--reader", readers[i % len(readers)], "--rate", "10000"]
        words += ["--no-html", "-o", f"{i}.kei"]
        with subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as attach:
            time.sleep(draw.uniform(0, 0.4))
            target.send_signal(number)
            assert target.wait(20) == -number
            _, err = attach.communicate(timeout=30)
        assert target.stdout is not None
        target.stdout.close()
        if attach.returncode == 0:
            assert bounded("report", f"{i}.kei").status == 0
        else:  # it was gone before it could be opened
            assert attach.returncode in (1, 2) and err.count("\n") == 1, (attach.returncode, err)


@pytest.mark.parametrize("command", ["dump", *READERS])
def test_memory_that_does_not_come(
    bounded: Bounded, python: Interpreter, keisoku: str, tmp_path: Path, command: str
) -> None:
    """Reading it waits until the kernel kills: we end all the same and say why, the program goes on. Also where stacks are
    read in the kernel, which does not wait: what sleeps already is read from outside."""
    python.since(3, 8, "frames that lie where the program looks for them")
    enough(python, among=("3.11",) if command == "dump" else ("3.15",))
    words: tuple[str, ...] = ("dump",)
    if command != "dump":
        if why := why_not(keisoku, command):
            pytest.skip(why)
        words = ("attach", "--reader", command, "--duration", "1s", "--rate", "1000", "-q", "--no-html", "-o", "x.kei")
    target = subprocess.Popen([python.path, HELD, "5"], stdout=subprocess.PIPE, text=True)
    try:
        assert target.stdout is not None
        if target.stdout.readline() != "ready\n":
            pytest.skip("userfaultfd is not to be had here")
        done = bounded(*words, target.pid)
        if target.poll() is not None:
            pytest.skip("the machine was too busy to see it")
        assert done.status == 1 and done.err.count("\n") == 1, done
        assert f"memory of process {target.pid} does not come" in done.err, done
        if command != "dump":
            report = bounded("report", "x.kei")
            assert report.status == 0 and NOT_READ in " ".join(report.out.split()), report
            assert trust_of(bounded, tmp_path / "x.kei")["page_wait_s"] > 0
        assert target.wait(60) == 7
    finally:
        target.kill()
        target.communicate()


def until(bounded: Bounded, recording: Path, what: Callable[[Trust], bool]) -> Trust:
    """What is said of a recording while it is made, as soon as that holds."""
    for _ in range(300):
        if recording.exists() and bounded("report", recording.name).status == 0:
            trust = trust_of(bounded, recording)
            if what(trust):
                return trust
        time.sleep(0.1)
    pytest.fail("it never came to that")


@pytest.mark.parametrize("reader", READERS, indirect=True)
def test_memory_that_comes_late(
    bounded: Bounded, python: Interpreter, keisoku: str, tmp_path: Path, reader: str
) -> None:
    """For how long nothing could be read, and why, is said while it lasts and afterwards; then all goes on."""
    python.since(3, 8, "frames that lie where the program looks for them")
    enough(python, among=("3.13",))
    path = tmp_path / "x.kei"
    target = subprocess.Popen(
        [python.path, HELD, "1", "told"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    words = [keisoku, "attach", "--reader", reader, "--rate", "1000", "-q", "--no-html", "-o", path.name]
    try:
        assert target.stdin is not None and target.stdout is not None
        if target.stdout.readline() != "ready\n":
            pytest.skip("userfaultfd is not to be had here")
        with subprocess.Popen([*words, str(target.pid)], cwd=tmp_path, stderr=subprocess.PIPE, text=True) as attach:
            held = until(bounded, path, lambda trust: trust.get("page_wait_s", 0) > 0)
            target.stdin.write("\n")
            target.stdin.flush()
            assert target.stdout.readline() == "came\n"
            _, err = attach.communicate(timeout=60)
        assert attach.returncode == 0 and target.wait(60) == 7, err
        trust = trust_of(bounded, path)
        assert trust["page_wait_s"] >= held["page_wait_s"] and trust["samples"] > held["samples"], (held, trust)
        assert NOT_READ in " ".join(bounded("report", path.name).out.split())
    finally:
        target.kill()
        target.communicate()


@pytest.mark.parametrize("reader", READERS, indirect=True)
def test_stopped_and_continued_by_others(bounded: Bounded, a_python: Interpreter, tmp_path: Path, reader: str) -> None:
    """While it is stopped it is measured as not running, and dump answers all the same."""
    target = start_loop(a_python.path)
    try:
        target.send_signal(signal.SIGSTOP)
        dump = bounded("dump", target.pid)
        assert dump.status == 0 and "work" in dump.out, dump
        words = ("attach", target.pid, "--reader", reader, "--duration", "1s", "--no-html", "-q", "-o")
        done = bounded(*words, "x.kei")
        assert done.status == 0, done.err
        assert sum(sample.run_s for sample in Recording(tmp_path / "x.kei")) < 0.1
        draw = random.Random(1)
        end = time.monotonic() + rounds(1, 30)
        toggles = [sys.executable, "-c", TOGGLE, str(target.pid), str(end - time.monotonic()), str(draw.random())]
        with subprocess.Popen(toggles) as toggle:
            done = bounded(*words, "y.kei", "--rate", "10000")
            assert done.status == 0, done.err
            assert toggle.wait(60) == 0
        check_reader(reader, trust_of(bounded, tmp_path / "y.kei"))
        seen = set(Recording(tmp_path / "y.kei").ticks_by_function())
        assert {"work", "rest"} <= seen, seen
        assert target.poll() is None
    finally:
        target.kill()
        target.communicate()


TOGGLE = """
import os, random, signal, sys, time
pid, draw, end = int(sys.argv[1]), random.Random(sys.argv[3]), time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    os.kill(pid, signal.SIGCONT)
    time.sleep(draw.uniform(0, 0.01))
    os.kill(pid, signal.SIGSTOP)
    time.sleep(draw.uniform(0, 0.01))
os.kill(pid, signal.SIGCONT)
"""
