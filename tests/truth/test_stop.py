"""`--reader stop`: exact, said beforehand, and whatever happens the program goes on."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import subprocess
import time
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
STOP = ("--reader", "stop")
SINCE = {"generators": (3, 3), "awaits": (3, 5)}


STACKS = ["alternate", "recursion", "generators", "awaits", "deep", "many_threads", "reuse", "short"]


@pytest.mark.sparse(8)
@pytest.mark.parametrize("rate", ["1000", "10000", "max"])
@pytest.mark.parametrize("name", STACKS)
def test_no_impossible_stack(run_keisoku: Run, report: Report, python: Interpreter, name: str, rate: str) -> None:
    python.since(*SINCE.get(name, (2, 7)), f"syntax of {name}.py")
    program = PROGRAMS / f"{name}.py"
    arguments = {"deep": ["1", "200"], "many_threads": ["1", "16"]}.get(name, ["1.2"])
    done = measured(run_keisoku, python, program, *arguments, options=(*STOP, "--rate", rate))
    wrong = done.recording.impossible(Oracle(program, depth=200 if name == "deep" else 0))
    never(wrong, f"impossible of {done.shown}")
    trust = report(done.path)["trust"]
    proved = trust["proved_by"]
    assert proved.get("stop") and not proved.get("free") and not proved.get("core"), proved
    starved = trust["lost"].get("not-stopped", 0)  # it had no core to stop on
    assert trust["dropped"] - starved <= max(10, 0.02 * trust["samples"]), trust
    assert done.done.err.startswith("keisoku: --reader stop halts threads of the program"), done.done.err
    assert "were stopped" in done.done.err and " stopped" in done.done.err, done.done.err


# Threads that end, processes that are born, a new program in the place of the old one, again and again; each round says so.
STORM = """
import os, subprocess, sys, threading
left = int(sys.argv[1])
def work(n):
    total = 0
    for i in range(n):
        total += i
    return total
for _ in range(25):
    threads = [threading.Thread(target=work, args=(3000,)) for _ in range(4)]
    for thread in threads: thread.start()
    child = os.fork()
    if child == 0:
        work(20000)
        os._exit(3)
    for thread in threads: thread.join()
    pid, status = os.waitpid(child, 0)
    assert (pid, status) == (child, 3 << 8), (pid, status)
    assert subprocess.call(["/bin/sh", "-c", "exit 4"]) == 4
print(left)
sys.stdout.flush()
if left > 0:
    # from a thread that is not the first one, every other time
    again = lambda: os.execv(sys.executable, [sys.executable, sys.argv[0], str(left - 1)])
    if left % 2: again()
    thread = threading.Thread(target=again)
    thread.start()
    thread.join()
os._exit(9)
"""


def test_births_ends_and_new_programs(run_keisoku: Run, report: Report, a_python: Interpreter, tmp_path: Path) -> None:
    program = tmp_path / "storm.py"
    program.write_text(STORM)
    done = run_keisoku("run", *STOP, "--rate", "5000", "--no-html", a_python.path, program, "5", timeout=90)
    assert (done.status, done.out) == (9, "5\n4\n3\n2\n1\n0\n"), done
    assert report(done.recording)["trust"]["proved_by"].get("stop"), done.err


SPIN = """
import signal, sys, time
seen = 0
def count(*_):
    global seen
    seen += 1
signal.signal(signal.SIGUSR1, count)
print("ready", flush=True)
rounds = 0
while True:
    rounds += 1
    if rounds % 100 == 0:
        print(seen, flush=True)
"""


def state(pid: int) -> tuple[str, int]:
    """As /proc has it, and who traces it (0: nobody)."""
    text = Path(f"/proc/{pid}/status").read_text()
    fields = dict(line.split(":", 1) for line in text.splitlines())
    return fields["State"].split()[0], int(fields["TracerPid"])


def spinning(python: Interpreter) -> subprocess.Popen[str]:
    target = subprocess.Popen([python.path, "-c", SPIN], stdout=subprocess.PIPE, pipesize=4096, text=True)
    assert target.stdout is not None and target.stdout.readline() == "ready\n"
    return target


def goes_on(target: subprocess.Popen[str]) -> None:
    """It says more than fits into the pipe."""
    assert target.stdout is not None
    for _ in range(2500):
        assert target.stdout.readline()


def arrives(target: subprocess.Popen[str], count: int) -> None:
    """The next signal is sent when this one was seen: those that wait together are one."""
    assert target.stdout is not None
    seen, end = 0, time.monotonic() + 10
    while seen < count and time.monotonic() < end:
        seen = int(target.stdout.readline())
    assert seen == count


def test_killed_recorder(keisoku: str, a_python: Interpreter, tmp_path: Path) -> None:
    """The kernel lets go of whatever we had stopped."""
    draw = random.Random(5)
    target = spinning(a_python)
    words = [keisoku, "attach", str(target.pid), *STOP, "--rate", "max", "-q", "--no-html", "-o"]
    try:
        for i in range(12):
            recorder = subprocess.Popen([*words, f"{i}.kei"], cwd=tmp_path, stderr=subprocess.DEVNULL)
            time.sleep(draw.uniform(0.1, 0.4))
            recorder.kill()
            recorder.wait()
            assert state(target.pid) in {("R", 0), ("S", 0)}
            goes_on(target)
    finally:
        target.kill()
        target.communicate()


def test_signals_arrive(keisoku: str, a_python: Interpreter, tmp_path: Path) -> None:
    """Each signal once, a stop by SIGSTOP stays one, and SIGCONT ends it."""
    target = spinning(a_python)
    words = [keisoku, "attach", str(target.pid), *STOP, "--rate", "max", "-q", "--no-html", "-o", "x.kei"]
    recorder = subprocess.Popen(words, cwd=tmp_path)
    try:
        time.sleep(0.5)
        for i in range(200):
            os.kill(target.pid, signal.SIGUSR1)
            arrives(target, i + 1)
        os.kill(target.pid, signal.SIGSTOP)
        time.sleep(0.3)
        assert state(target.pid)[0] in "Tt"
        recorder.send_signal(signal.SIGINT)
        recorder.wait(20)
        assert state(target.pid) == ("T", 0)
        os.kill(target.pid, signal.SIGCONT)
        goes_on(target)
    finally:
        for process in (recorder, target):
            process.kill()
            process.communicate()


def test_traced_already(keisoku: str, a_python: Interpreter, tmp_path: Path) -> None:
    target = spinning(a_python)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    try:
        if libc.ptrace(0x4206, target.pid, None, None) != 0:  # PTRACE_SEIZE
            pytest.skip(f"ptrace: {os.strerror(ctypes.get_errno())}")
        words = [keisoku, "attach", str(target.pid), *STOP, "-q", "--duration", "1s", "--no-html", "-o", "x.kei"]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=30)
        assert done.returncode == 1
        assert f"is traced by process {os.getpid()} already" in done.stderr and done.stderr.count("\n") == 1, done
        assert not list(tmp_path.iterdir())
    finally:
        target.kill()
        target.communicate()
