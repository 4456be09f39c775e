"""attach and dump on programs that run: what is seen is what they do, and they go on without a trace."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from interpreters import Interpreter
from settled import when_settled
from support import TOP, Run, preloadable, sql

# Threads in known states; says "ready", ends when its standard input does.
PROGRAM = """
import sys, threading, time

def spin():
    while True:
        inner_loop()

def inner_loop():
    total = 0
    for i in range(20000):
        total += i
    return total

def wait_for_lock():
    with lock:
        pass

def rest():
    time.sleep(600)

lock = threading.Lock()
lock.acquire()
for name, what in (("spinner", spin), ("locked \\x1b[31m", wait_for_lock), ("sleeper", rest)):
    thread = threading.Thread(target=what, name=name)
    thread.daemon = True
    thread.start()
sys.stdout.write("ready\\n")
sys.stdout.flush()
sys.stdin.read()
"""

TRIES = 20  # dumps until one has proved the stack of a thread that runs

Start = Callable[[Interpreter], subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    running: list[subprocess.Popen[str]] = []

    def start_one(python: Interpreter) -> subprocess.Popen[str]:
        words = [python.path, "-c", PROGRAM]
        run = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        running.append(run)
        assert run.stdout is not None
        assert run.stdout.readline() == "ready\n"
        when_settled(run.pid, 3, lambda: None)  # all but the spinner
        return run

    yield start_one
    for run in running:
        run.kill()
        run.wait()
        for stream in (run.stdin, run.stdout):
            if stream is not None:
                stream.close()


def by_name(dump: dict[str, Any]) -> dict[str, Any]:
    return {thread["name"]: thread for thread in dump["threads"]}


def test_dump(run_keisoku: Run, python: Interpreter, start: Start) -> None:
    run = start(python)
    done = run_keisoku("dump", run.pid, "--json")
    assert done.status == 0, done.err
    dump = json.loads(done.out)
    assert (dump["schema"], dump["pid"]) == ("keisoku-dump/1", run.pid)
    assert dump["python"].startswith(python.name.rstrip("tdx"))
    threads = by_name(dump)
    assert set(threads) == {"MainThread", "spinner", "locked \x1b[31m", "sleeper"}
    assert threads["sleeper"]["state"] == "sleep"
    assert threads["sleeper"]["frames"][0]["function"] == "rest"
    assert threads["sleeper"]["frames"][0]["line"] == PROGRAM.split("\n").index("    time.sleep(600)") + 1
    assert threads["locked \x1b[31m"]["state"] == "lock"
    assert threads["MainThread"]["state"] == "io"
    assert threads["MainThread"]["frames"][-1]["function"] == "<module>"
    assert run.poll() is None


def test_dump_of_a_running_thread(run_keisoku: Run, python: Interpreter, start: Start) -> None:
    """Its stack is proved, in one dump of many at the latest, and is then one that it can have."""
    run = start(python)
    for _ in range(TRIES):
        done = run_keisoku("dump", run.pid, "--json")
        assert done.status == 0, done.err
        spinner = by_name(json.loads(done.out))["spinner"]
        assert spinner["state"] in ("python", "gil-wait", "runnable", "on-cpu"), spinner
        if spinner["proved"]:
            break
    assert spinner["proved"], f"{TRIES} dumps, and none could prove it"
    stack = [frame["function"] for frame in reversed(spinner["frames"])]
    stack = stack[stack.index("spin") :]
    assert stack in (["spin"], ["spin", "inner_loop"]), spinner["frames"]


def test_dump_as_text(run_keisoku: Run, a_python: Interpreter, start: Start) -> None:
    run = start(a_python)
    done = run_keisoku("dump", run.pid)
    assert done.status == 0, done.err
    assert done.out.startswith(f"{run.pid}  ")
    assert "\x1b" not in done.out
    lines = [line for line in done.out.splitlines() if line.startswith("  ")]
    assert len(lines) == 4
    assert any("locked \\x1b[31m" in line and " lock " in line and "wait_for_lock" in line for line in lines)
    colored = run_keisoku("dump", run.pid, "--color", "always").out
    assert "\x1b[36m" in colored and "\x1b[31m" not in colored


def test_dump_tells_idle_workers(run_keisoku: Run, a_python: Interpreter) -> None:
    """As a recording does: a worker that waits for work, a thread that waits for another."""
    program = (
        "import sys, threading, concurrent.futures as futures\n"
        "pool = futures.ThreadPoolExecutor(1)\n"
        "pool.submit(len, '').result()\n"
        "threading.Thread(target=sys.stdin.read, name='reader', daemon=True).start()\n"
        "print('ready', flush=True)\n"
        "threading.enumerate()[-1].join()\n"
    )
    wanted = {"MainThread": "idle", "ThreadPoolExecutor-0_0": "idle", "reader": "io"}
    with subprocess.Popen(
        [a_python.path, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None and run.stdin is not None
        assert run.stdout.readline() == "ready\n"
        done = when_settled(run.pid, len(wanted), lambda: run_keisoku("dump", run.pid, "--json"))
        run.stdin.close()
    assert done.status == 0, done.err
    states = {thread["name"]: thread["state"] for thread in json.loads(done.out)["threads"]}
    assert states == wanted


def test_attach_for_a_while(run_keisoku: Run, python: Interpreter, start: Start) -> None:
    run = start(python)
    done = run_keisoku("attach", run.pid, "--duration", "1s", "--no-html")
    assert done.status == 0, done.err
    assert run.poll() is None
    assert f".{run.pid}.kei" in done.recording.name
    names = {name for (name,) in done.sql("select distinct name from functions")}
    assert {"rest", "wait_for_lock", "spin", "inner_loop"} <= names, names
    assert run.stdin is not None
    run.stdin.close()
    assert run.wait(timeout=120) == 0


def test_attach_ends_with_the_program(run_keisoku: Run, a_python: Interpreter) -> None:
    run = subprocess.Popen([a_python.path, "-c", "import time; time.sleep(1.5); raise SystemExit(7)"])
    time.sleep(0.3)
    done = run_keisoku("attach", run.pid, timeout=30)
    assert done.status == 0, done.err
    assert run.wait() == 7


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_attach_ends_when_asked(keisoku: str, a_python: Interpreter, start: Start, tmp_path: Path, number: int) -> None:
    run = start(a_python)
    words = [keisoku, "attach", str(run.pid), "-o", "x.kei", "--no-html"]
    attach = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 20
    while not (tmp_path / "x.kei").exists() and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(1)
    os.kill(attach.pid, number)
    _, err = attach.communicate(timeout=30)
    assert attach.returncode == 0, err
    assert "x.kei" in err
    assert run.poll() is None
    assert sql(tmp_path / "x.kei", "select count(*) from threads")[0][0] == 4


def test_attach_to_two(run_keisoku: Run, a_python: Interpreter, start: Start) -> None:
    runs = [start(a_python), start(a_python)]
    done = run_keisoku("attach", runs[0].pid, runs[1].pid, "--duration", "800ms", "--no-html")
    assert done.status == 0, done.err
    assert {pid for (pid,) in done.sql("select pid from processes")} >= {run.pid for run in runs}
    out = run_keisoku("export", done.recording, "--format", "collapsed").out
    assert {line.split("/")[0] for line in out.splitlines()} == {str(run.pid) for run in runs}


# ---- what a dump takes -----------------------------------------------------------------------------------------------

PARKED = TOP / "bench" / "programs" / "parked.py"
CALLS_A_THREAD_MAX = 10  # its wait, its stack, the way to its name; each proved by itself would take twice as many
RECORDING_PARTS = ("sqlite", "zstd", "protobuf", "libbpf", "libelf", "libz.")


@pytest.fixture
def calls(keisoku: str, a_python: Interpreter, tmp_path: Path) -> Callable[[int], list[str]]:
    """The system calls of a dump of that many sleeping threads."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")

    def count(threads: int) -> list[str]:
        words = [a_python.path, str(PARKED), str(threads)]
        log = tmp_path / f"calls-{threads}"
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as target:
            try:
                assert target.stdout is not None and target.stdout.readline() == "ready\n"
                time.sleep(0.3)
                done = subprocess.run(
                    ["strace", "-qq", "-o", log, keisoku, "dump", str(target.pid), "--json"],
                    capture_output=True,
                    timeout=60,
                )
            finally:
                target.kill()
        if b"PTRACE_TRACEME: Operation not permitted" in done.stderr:
            pytest.skip("this machine does not let strace trace")
        assert done.returncode == 0, done.stderr
        seen = json.loads(done.stdout)["threads"]
        assert len(seen) == threads and all(thread["proved"] for thread in seen)
        assert sorted(len(thread["frames"]) for thread in seen)[-1] == 20
        return log.read_text().splitlines()

    return count


def test_calls_of_a_dump(calls: Callable[[int], list[str]]) -> None:
    one, many = calls(1), calls(33)
    assert len(one) < 400
    assert len(many) - len(one) <= 32 * CALLS_A_THREAD_MAX


def test_libraries_of_a_dump(keisoku: str, calls: Callable[[int], list[str]]) -> None:
    """What a recording needs is part of the program, so that a dump neither loads nor relocates it."""
    options = Path(keisoku).resolve().parent.parent / "meson-info" / "intro-buildoptions.json"
    if not options.exists():
        pytest.skip(f"{options} is not there: KEISOKU_BINARY names no build folder")
    if not next(option["value"] for option in json.loads(options.read_text()) if option["name"] == "prefer_static"):
        pytest.skip("built with prefer_static=false")
    lines = calls(1)
    assert any(line.startswith("open") for line in lines), lines
    opened = [line for line in lines if ".so" in line and line.startswith("open") and "/proc/" not in line]
    if preloadable(keisoku) != keisoku:  # the C library is part of it as well
        assert not opened
    assert not [line for line in opened if any(part in line for part in RECORDING_PARTS)], opened
