"""Processes at any rate of birth: each is in the recording once, with its end, and the recorder does not grow with them."""

from __future__ import annotations

import json
import resource
import subprocess
from pathlib import Path

import pytest
from interpreters import Interpreter
from oracle import PROGRAMS
from support import Run, sql


def losses(recording: Path) -> int:
    return sum(int(count) for (count,) in sql(recording, "SELECT count FROM loss WHERE name = 'process-missed'"))


@pytest.mark.parametrize("kind", ["fork", "exec"])
def test_every_child_is_seen(run_keisoku: Run, a_python: Interpreter, kind: str) -> None:
    done = run_keisoku("run", "-q", "--no-html", "-o", "truth.kei", a_python.path, PROGRAMS / "storm.py", 200, 3, kind)
    assert done.status == 0, done.err
    truth = dict(json.loads(done.out))
    rows = done.sql("SELECT pid, start_ns, end_ns, exit_status, python FROM process WHERE id > 1 ORDER BY id")
    if not done.sql("SELECT 1 FROM meta WHERE key = 'evidence' AND value LIKE '%perf%'"):
        pytest.skip("the kernel tells of no births here: they are found by looking, and some are missed")
    assert {pid for pid, *_ in rows} == set(truth)
    assert all(end > start for _, start, end, _, _ in rows)
    ends = {pid: status for pid, _, _, status, _ in rows}  # the last program of each
    known = {pid: status for pid, status in ends.items() if status >= 0}
    assert all(status == truth[pid] << 8 for pid, status in known.items())
    unseen = sum(1 for *_, python in rows if not python)
    assert losses(done.recording) <= unseen  # those that may have been Python and could not be looked into


def test_a_number_given_again_is_another_process(run_keisoku: Run, a_python: Interpreter) -> None:
    done = run_keisoku(
        "run", "-q", "--no-html", "-o", "truth.kei", a_python.path, PROGRAMS / "storm.py", 15, 1.5, "reuse"
    )
    if done.status == 77:
        pytest.skip(f"no number can be chosen here: {done.out}")
    assert done.status == 0, done.err
    truth = json.loads(done.out)
    number = truth[0][0]
    rows = done.sql("SELECT start_ns, end_ns, exit_status FROM process WHERE pid = ? ORDER BY start_ns", number)
    assert (
        [pid for pid, _ in truth].count(number) == len(rows) >= 2
    )  # more than one process; on a busy machine not many more
    assert all(end <= start for (_, end, _), (start, _, _) in zip(rows, rows[1:], strict=False))
    expected = [status << 8 for pid, status in truth if pid == number]
    assert all(status in (right, -2) for (_, _, status), right in zip(rows, expected, strict=True))
    parents = done.sql(
        "SELECT DISTINCT pid FROM process WHERE id IN (SELECT parent FROM process WHERE pid = ?)", number
    )
    assert len(parents) == 1


def test_the_recorder_does_not_grow(keisoku: str, a_python: Interpreter, tmp_path: Path) -> None:
    """Its memory in the middle and at the end of a storm: what a child took is given back."""
    words = [keisoku, "run", "-q", "--no-html", "-o", "truth.kei", a_python.path]
    sizes: dict[int, int] = {}
    for seconds in (1, 4):
        run = subprocess.run(
            [*words, PROGRAMS / "storm.py", "150", str(seconds), "fork"],
            cwd=tmp_path,
            capture_output=True,
            check=True,
            timeout=120,
        )
        sizes[len(json.loads(run.stdout))] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    (few, before), (many, after) = sorted(sizes.items())
    assert (after - before) / (many - few) < 6, f"kB for each child: {sizes}"
