"""What a process used, from its birth to its end, against its own getrusage()."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from interpreters import Interpreter
from measured import TRIES
from oracle import PROGRAMS
from support import Run, sql

pytestmark = pytest.mark.sparse
COUNTERS = ["minor_faults", "voluntary_switches", "user_time", "system_time"]


def counted(recording: Path) -> dict[str, list[int]]:
    """The last value of each counter, of each program that the process was."""
    rows = sql(
        recording,
        "SELECT counter, last FROM counters JOIN processes ON processes.id = process"
        " WHERE processes.python IS NOT NULL ORDER BY processes.id",
    )
    return {name: [int(last) for counter, last in rows if counter == name] for name in COUNTERS}


def check(truth: dict[str, Any], sums: dict[str, int]) -> bool:
    """False where the machine left us too late for a thread: then only most of its switches may be missing."""
    # it takes a page fault or two to say and to end; /proc counts time in ticks of 10 ms, and splits it by samples
    assert truth["minor_faults"] <= sums["minor_faults"] <= truth["minor_faults"] + 50
    assert 0.4 * truth["voluntary_switches"] <= sums["voluntary_switches"] <= truth["voluntary_switches"] + 5
    for name in ("user_time", "system_time"):
        assert abs(sums[name] / 1e9 - truth[name]) <= 0.025, name
    # those of a thread are read five times a second at best, on a busy machine less often
    return sums["voluntary_switches"] >= 0.75 * truth["voluntary_switches"]


@pytest.mark.parametrize("programs", [1, 2], ids=["one", "exec"])
def test_counters_from_birth_to_end(run_keisoku: Run, python: Interpreter, programs: int) -> None:
    words = [PROGRAMS / "usage.py", "exec"][:programs]
    for attempt in range(TRIES):
        done = run_keisoku("run", "-q", "--no-html", "-o", f"{attempt}.kei", python.path, *words)
        assert done.status == 0, done.err
        values = counted(done.folder / f"{attempt}.kei")
        assert all(len(of) == programs for of in values.values()), values
        if check(json.loads(done.out), {name: sum(of) for name, of in values.items()}):
            return
    pytest.fail(f"the switches of a thread are missing, {TRIES} times: {values}")


def test_counters_of_a_child(run_keisoku: Run, a_python: Interpreter) -> None:
    """It is waited for at once, so its last reading may be 0.2 s old: most of it is there, from the first page on."""
    code = (
        "import subprocess, sys; done = subprocess.Popen([sys.executable, sys.argv[1]], stdout=-1);"
        "line = done.stdout.readline(); done.wait(); print(line.decode())"
    )
    done = run_keisoku("run", "-q", "--no-html", "-o", "truth.kei", a_python.path, "-c", code, PROGRAMS / "usage.py")
    assert done.status == 0, done.err
    truth = json.loads(done.out)
    (faults,) = done.sql(
        "SELECT last FROM counters JOIN processes ON processes.id = process WHERE counter = 'minor_faults' AND pid = ?",
        truth["pid"],
    )[0]
    assert 2800 < faults <= truth["minor_faults"] + 50  # 2048 before the first wait, and what the interpreter takes


def test_attached_counts_from_then_on(run_keisoku: Run, a_python: Interpreter) -> None:
    code = "b = bytearray(64 << 20); b[::4096] = b'1' * 16384; print(flush=True); import time; time.sleep(20)"
    with subprocess.Popen([a_python.path, "-c", code], stdout=subprocess.PIPE) as target:
        assert target.stdout is not None
        target.stdout.readline()
        done = run_keisoku("attach", target.pid, "-q", "--no-html", "--duration", "0.6", "-o", "truth.kei")
        target.kill()
    assert done.status == 0, done.err
    assert all(faults < 100 for faults in counted(done.recording)["minor_faults"])


def test_what_children_wrote_counts_once(run_keisoku: Run, a_python: Interpreter, tmp_path: Path) -> None:
    """The kernel adds it to their parent's as well, once that has waited for them."""
    own, child = 3 << 20, 5 << 20
    words = [a_python.path, PROGRAMS / "io_family.py", tmp_path, own, child]
    done = run_keisoku("run", "-q", "--no-html", "-o", "truth.kei", *words)
    assert done.status == 0, done.err
    if json.loads(done.out)["own"] < own:
        pytest.skip(f"the file system of {tmp_path} does not count what is written to it")
    stat = json.loads(run_keisoku("report", "truth.kei", "--json").out)["stat"]
    least = own + 3 * child
    rows = done.sql("SELECT process, last FROM counters WHERE counter = 'write_bytes'")
    assert least <= stat["write_bytes"] <= least + (1 << 20), rows
