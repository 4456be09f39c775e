"""What was asked for is what is measured: delay, duration, a low rate; and what is the program's own stays so."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest
from interpreters import Interpreter
from support import Run

TWO_PHASES = """
import time
clock = getattr(time, 'process_time', None) or time.clock
def spin(seconds):
    end = clock() + seconds
    while clock() < end: pass
def first(): spin(1.0)
def second(): spin(1.0)
first()
open("between", "w").close()
while not __import__("os").path.exists("go"): time.sleep(0.01)
second()
"""

SLEEPERS = """
import sys, threading, time
threads = [threading.Thread(target=time.sleep, args=(float(sys.argv[2]),)) for _ in range(int(sys.argv[1]))]
[thread.start() for thread in threads]
"""


def report(keisoku: str, recording: Path) -> dict:  # type: ignore[type-arg]
    done = subprocess.run([keisoku, "report", "--json", str(recording)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_duration_ends_the_measurement_not_the_program(
    keisoku: str, run_keisoku: Run, python: Interpreter, tmp_path: Path
) -> None:
    code = "import time, sys; time.sleep(2.5); open('finished', 'w').close(); sys.exit(5)"
    done = run_keisoku("run", "--duration", "1", "--no-html", "-o", "x.kei", python.path, "-c", code)
    assert done.status == 5, done.err
    assert (tmp_path / "finished").exists()
    got = report(keisoku, tmp_path / "x.kei")
    assert got["recording"]["duration_s"] == pytest.approx(1, abs=0.01)
    wall = {state: share["share"] for state, share in got["states"]["wall"].items()}
    assert sum(wall.values()) == pytest.approx(1, abs=1e-6)
    assert wall.get("unknown", 0) < 0.5, wall  # the part that was not measured is no part of it


def test_what_came_before_the_delay_has_no_share(keisoku: str, a_python: Interpreter, tmp_path: Path) -> None:
    words = [keisoku, "run", "-q", "--delay", "4", "--no-html", "-o", "x.kei", a_python.path, "-c", TWO_PHASES]
    run = subprocess.Popen(words, cwd=tmp_path)
    started = time.monotonic()
    while not (tmp_path / "between").exists():
        assert run.poll() is None
        if time.monotonic() - started > 3.5:
            run.kill()
            pytest.skip("the machine is too busy: one second of work took more than three")
        time.sleep(0.02)
    time.sleep(max(0.0, 4.3 - (time.monotonic() - started)))
    (tmp_path / "go").touch()
    assert run.wait(60) == 0
    got = report(keisoku, tmp_path / "x.kei")
    names = {row["function"] for row in got["functions"] if row.get("self_cpu_s", 0) > 0.05}
    assert not {name for name in names if name.endswith("first")}, names
    assert sum(row.get("self_cpu_s", 0) for row in got["functions"]) < 1.6  # second() alone


def test_redacted_arguments_take_the_code_with_them(
    keisoku: str, run_keisoku: Run, a_python: Interpreter, tmp_path: Path
) -> None:
    code = "SECRET = 1\nfor _ in range(6000000):\n    SECRET += 1\n"
    done = run_keisoku("run", "--redact-args", "-o", "x.kei", "--html", "x.html", a_python.path, "-c", code)
    assert done.status == 0 and "SECRET" not in done.err, done.err
    for words in (["--json"], ["--lines", "<module>"]):
        shown = subprocess.run([keisoku, "report", *words, "x.kei"], cwd=tmp_path, capture_output=True, text=True)
        assert "SECRET" not in shown.stdout
    kept = run_keisoku("run", "--no-html", "-o", "y.kei", a_python.path, "-c", code)
    assert "SECRET" in kept.err  # without it the line is shown: the check above can fail


def test_the_signal_mask_is_the_callers(keisoku: str, tmp_path: Path) -> None:
    words = ["grep", "-E", "SigBlk|SigIgn", "/proc/self/status"]

    def block() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])

    bare = subprocess.run(words, capture_output=True, text=True, preexec_fn=block)
    under = subprocess.run(
        [keisoku, "run", "-q", *words], cwd=tmp_path, capture_output=True, text=True, preexec_fn=block
    )
    assert "0000200" in bare.stdout
    assert under.stdout == bare.stdout


def test_a_low_rate_does_not_hold_the_end(run_keisoku: Run, a_python: Interpreter) -> None:
    for _ in range(3):
        started = time.monotonic()
        done = run_keisoku("run", "--rate", "0.1", "--no-html", a_python.path, "-c", "import time; time.sleep(0.1)")
        assert done.status == 0
        assert time.monotonic() - started < 8  # the mean wait of that rate is 10 s


def limited(soft: int, hard: int):  # type: ignore[no-untyped-def]
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_our_descriptors_are_as_many_as_we_may_have(keisoku: str, a_python: Interpreter, tmp_path: Path) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < 1024:
        pytest.skip(f"at most {hard} descriptors here")
    code = SLEEPERS + "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])\n"
    words = [keisoku, "run", "-q", "--no-html", "-o", "x.kei", a_python.path, "-c", code, "60", "1.5"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, preexec_fn=limited(64, hard))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "64\n"  # the program's limit is what it was
    got = report(keisoku, tmp_path / "x.kei")
    assert len(got["states"]["threads"]) == 61 and "thread-missed" not in got["trust"]["lost"], got["trust"]


def test_threads_beyond_the_limit_are_counted(keisoku: str, a_python: Interpreter, tmp_path: Path) -> None:
    words = [keisoku, "run", "-q", "--no-html", "-o", "x.kei", a_python.path, "-c", SLEEPERS, "60", "1.5"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, preexec_fn=limited(64, 64))
    assert done.returncode == 0, done.stderr
    got = report(keisoku, tmp_path / "x.kei")
    assert 0 < len(got["states"]["threads"]) < 61
    assert got["trust"]["lost"]["thread-missed"] > 0


def test_attach_short_of_descriptors_does_not_end_early(keisoku: str, a_python: Interpreter, tmp_path: Path) -> None:
    target = subprocess.Popen([a_python.path, "-c", SLEEPERS, "120", "20"], cwd=tmp_path)
    try:
        while len(os.listdir(f"/proc/{target.pid}/task")) < 121:
            assert target.poll() is None
            time.sleep(0.05)
        words = [keisoku, "attach", str(target.pid), "--duration", "1.5", "--no-html", "-q", "-o", "x.kei"]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, preexec_fn=limited(254, 254))
        assert done.returncode == 0, done.stderr
        got = report(keisoku, tmp_path / "x.kei")
        assert got["recording"]["duration_s"] == pytest.approx(1.5, abs=0.01)
        assert got["trust"]["lost"]["thread-missed"] > 0
    finally:
        target.kill()
        target.wait()
