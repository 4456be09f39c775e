"""Clocks that step or differ: every duration is the monotonic clock's, whatever the wall clock does, and the kernel's
times are told in ours where a time namespace puts them years apart."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from faulty import Bounded, rounds
from interpreters import Interpreter
from recording import Recording
from support import preloadable, sql

SHIM = Path(__file__).resolve().parent / "programs" / "wall_clock.c"
YEAR_S = 365 * 24 * 3600
# Says how often the wall clock stepped under it, and how long it took.
PROGRAM = """
import os, sys, time
start, seen = time.monotonic(), set()
def work():
    end = time.process_time() + 0.4
    while time.process_time() < end:
        seen.add(int(time.time()) // 10000000)
def rest():
    time.sleep(0.4)
for i in range(3):
    work()
    rest()
    if os.fork() == 0:
        os._exit(0)
    os.wait()
print(len(seen), time.monotonic() - start)
"""


@pytest.fixture(scope="session")
def keisoku(keisoku: str) -> str:
    return preloadable(keisoku)


@pytest.fixture(scope="module")
def stepping(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """What to put in front of a command: its wall clock is stepped by years, fifty times a second."""
    compiler = shutil.which("cc")
    if not compiler:
        pytest.skip("needs a C compiler")
    library = tmp_path_factory.mktemp("shim") / "wall_clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, SHIM], check=True)
    return ("env", f"LD_PRELOAD={library}")


def check_times(bounded: Bounded, recording: Path, long_s: float) -> None:
    """All of it lies in a recording as long as it took, and the threads' time adds up."""
    done = bounded("report", recording.name, "--json")
    assert done.status == 0, done.err
    duration_s = json.loads(done.out)["recording"]["duration_s"]
    assert long_s <= duration_s < long_s + 60, (long_s, duration_s)
    ((first, last),) = sql(recording, "SELECT min(start_ns), max(end_ns) FROM sample_chunk")
    assert 0 <= first <= last <= duration_s * 1e9 + 1
    processes = sql(recording, "SELECT start_ns, end_ns FROM process")
    assert all(0 <= start <= end <= duration_s * 1e9 + 1 for start, end in processes), processes
    ((wall_s,),) = sql(recording, "SELECT sum(wall_s) FROM states")
    lives = sql(recording, "SELECT coalesce(end_s, ?) - start_s FROM threads", duration_s)
    assert wall_s == pytest.approx(sum(life for (life,) in lives), abs=0.1)


def check_shares(recording: Path, work_s: float = 1.2) -> None:
    """`work` ran for as long as it says, by its process's own clock."""
    run_s = sum(sample.run_s for sample in Recording(recording) if any(f == "work" for f, _, _ in sample.stack))
    assert run_s == pytest.approx(work_s, rel=0.1)


@pytest.mark.company
@pytest.mark.parametrize("reader", ["core", "kernel"])
def test_a_wall_clock_that_steps(
    bounded: Bounded, a_python: Interpreter, stepping: Sequence[str], tmp_path: Path, reader: str
) -> None:
    if reader == "kernel" and os.geteuid() != 0:
        pytest.skip("the kernel sampler needs root")
    for _ in range(rounds(1, 10)):
        words = ("--rate", "1000", "--reader", reader, "--no-html", "-o", "x.kei", a_python.path, "-c", PROGRAM)
        done = bounded("run", *words, prefix=stepping)
        assert done.status == 0, done.err
        steps, took_s = done.out.split()
        assert int(steps) > 3, "the clock did not step"
        check_times(bounded, tmp_path / "x.kei", float(took_s))
        check_shares(tmp_path / "x.kei")
        ((start,),) = sql(tmp_path / "x.kei", "SELECT value FROM meta WHERE key = 'start_unix_ns'")
        assert abs(int(start) / 1e9 - time.time()) > YEAR_S / 2, "the recorder's own clock did not step"
        (tmp_path / "x.kei").unlink()


@pytest.mark.company
def test_bounds_and_comparisons_on_a_wall_clock_that_steps(
    bounded: Bounded, a_python: Interpreter, stepping: Sequence[str], tmp_path: Path
) -> None:
    """--delay, --duration, --keep; stat and bench."""
    code = "import time\nend = time.monotonic() + 3\nwhile time.monotonic() < end: sum(range(99))"
    words = ("--delay", "500ms", "--duration", "2s", "--keep", "1s", "--no-html", "-o", "x.kei")
    done = bounded("run", *words, a_python.path, "-c", code, prefix=stepping)
    assert done.status == 0, done.err
    ((duration,),) = sql(tmp_path / "x.kei", "SELECT value FROM meta WHERE key = 'duration_ns'")
    assert 0.9e9 < int(duration) < 2.1e9
    short = f"{a_python.path} -c 'import time; time.sleep(0.1)'"
    done = bounded("stat", "--repeat", "2", "--json", "stat.json", "--", "/bin/sh", "-c", short, prefix=stepping)
    assert done.status == 0, done.err
    check_seconds(json.loads((tmp_path / "stat.json").read_text()))
    done = bounded("bench", "--rounds", "3", "--no-warmup", "--json", "bench.json", short, short, prefix=stepping)
    assert done.status == 0, done.err
    check_seconds(json.loads((tmp_path / "bench.json").read_text()))


def check_seconds(value: object, unit: str = "") -> None:
    """No time that a step made."""
    if isinstance(value, dict):
        for key, inner in value.items():
            check_seconds(inner, str(value.get("unit", key)))
    elif isinstance(value, list):
        for inner in value:
            check_seconds(inner, unit)
    elif isinstance(value, float | int) and (unit == "s" or unit.endswith("_s")):
        assert -60 < value < 60, (unit, value)


@pytest.mark.company
@pytest.mark.parametrize("reader", ["core", "kernel"])
@pytest.mark.parametrize("ahead_s", [100000, -1000])
def test_a_time_namespace(bounded: Bounded, a_python: Interpreter, tmp_path: Path, reader: str, ahead_s: int) -> None:
    """Ours and the program's clock are ahead of the kernel's own, by which perf, BPF and the connector tell times."""
    away = ("unshare", "-T", "--monotonic", str(ahead_s), "--boottime", str(ahead_s), "--fork")
    if os.geteuid() != 0 or subprocess.run([*away, "true"], capture_output=True).returncode != 0:
        pytest.skip("needs root, for a time namespace")
    if time.monotonic() + ahead_s < 0:
        pytest.skip("the machine runs for too short a time for a clock that is behind")
    words = ("--rate", "1000", "--reader", reader, "--no-html", "-o", "x.kei", a_python.path, "-c", PROGRAM)
    done = bounded("run", *words, prefix=away)
    assert done.status == 0, done.err
    check_times(bounded, tmp_path / "x.kei", float(done.out.split()[1]))
    check_shares(tmp_path / "x.kei")
    ((evidence,),) = sql(tmp_path / "x.kei", "SELECT value FROM meta WHERE key = 'evidence'")
    if "clock" in evidence:  # instruction pointers were had, and met their samples
        ((told,),) = sql(tmp_path / "x.kei", "SELECT sum(cpu_s) FROM states WHERE state IN ('python', 'kernel')")
        assert told > 0.1, told  # of 1.2; none with a wrong clock, fewer where cores are short
    assert len(sql(tmp_path / "x.kei", "SELECT pid FROM process")) == 4
