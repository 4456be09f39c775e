"""Bytes sent and received on sockets, against a program that counts its own."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from interpreters import Interpreter
from oracle import PROGRAMS
from support import Nobody, Run, sql

pytestmark = pytest.mark.sparse
PROGRAM = PROGRAMS / "sockets.py"
SIZE, DATAGRAMS = 300_000, 50
OF_ONE = 2 * SIZE + DATAGRAMS * 1200 + 2


@pytest.fixture
def permitted(run_keisoku: Run) -> None:
    row = next(line for line in run_keisoku("doctor").out.splitlines() if line.startswith("kernel sampler"))
    if "yes" not in row.split():
        pytest.skip(row)


def counted(recording: Path) -> dict[int, tuple[int, int]]:
    """What each process sent and received."""
    rows = sql(
        recording,
        "SELECT pid, counter, last FROM counters JOIN processes ON processes.id = process"
        " WHERE counter IN ('socket_sent', 'socket_received')",
    )
    found: dict[int, dict[str, int]] = {}
    for pid, counter, last in rows:
        found.setdefault(pid, {})[counter] = last
    return {pid: (of["socket_sent"], of["socket_received"]) for pid, of in found.items()}


def stat_of(run_keisoku: Run, recording: Path) -> dict[str, Any]:
    stat = json.loads(run_keisoku("report", recording, "--json").out)["stat"]
    assert isinstance(stat, dict)
    return stat


def test_each_byte_of_each_process(permitted: None, run_keisoku: Run, python: Interpreter) -> None:
    words = ["run", "-q", "--no-html", "-o", "truth.kei", "--reader", "kernel", python.path, PROGRAM]
    done = run_keisoku(*words, "0", str(SIZE), str(DATAGRAMS))
    assert done.status == 0, done.err
    told = [json.loads(line) for line in done.out.splitlines()]
    assert [one["sent"] for one in told] == [OF_ONE, OF_ONE]
    truth = {one["pid"]: (one["sent"], one["received"]) for one in told}
    assert counted(done.recording) == truth
    stat = stat_of(run_keisoku, done.recording)
    assert (stat["socket_sent_bytes"], stat["socket_received_bytes"]) == (2 * OF_ONE, 2 * OF_ONE)


def test_as_it_comes(permitted: None, run_keisoku: Run, a_python: Interpreter) -> None:
    """Loaded beside the program: what it sent before is not in it, and from when on is said."""
    words = ["run", "-q", "--no-html", "-o", "truth.kei", a_python.path, PROGRAM, "3", str(SIZE), str(DATAGRAMS)]
    done = run_keisoku(*words)
    truth = {one["pid"]: (one["sent"], one["received"]) for one in map(json.loads, done.out.splitlines())}
    stat = stat_of(run_keisoku, done.recording)
    from_s = stat.get("socket_from_s", float("inf"))
    if from_s > 3:
        pytest.skip(f"the machine left no room to load it in the first 3 s: {from_s}")
    assert counted(done.recording) == truth


def test_a_program_without_sockets_has_zero(permitted: None, run_keisoku: Run, a_python: Interpreter) -> None:
    code = "import time; end = time.time() + 0.5\nwhile time.time() < end: pass"
    words = ["run", "-q", "--no-html", "-o", "truth.kei", "--reader", "kernel", a_python.path, "-c", code]
    done = run_keisoku(*words)
    stat = stat_of(run_keisoku, done.recording)
    assert (stat["socket_sent_bytes"], stat["socket_received_bytes"]) == (0, 0)


def test_attached_counts_from_then_on(permitted: None, run_keisoku: Run, a_python: Interpreter, tmp_path: Path) -> None:
    code = (
        "import os, socket, sys, time; a, b = socket.socketpair()\n"
        "a.send(b'1' * 5000); b.recv(5000); print(flush=True)\n"
        "while not os.path.exists(sys.argv[1]): time.sleep(0.01)\n"
        "time.sleep(1.5)  # the first reading is what later ones are counted from\n"
        "a.send(b'1' * 700); b.recv(600); time.sleep(20)"
    )
    with subprocess.Popen([a_python.path, "-c", code, tmp_path / "truth.kei"], stdout=subprocess.PIPE) as target:
        assert target.stdout is not None
        target.stdout.readline()
        words = ["attach", target.pid, "-q", "--no-html", "--duration", "3", "--reader", "kernel", "-o", "truth.kei"]
        done = run_keisoku(*words)
        target.kill()
    assert done.status == 0, done.err
    assert counted(done.recording) == {target.pid: (700, 600)}


def test_without_rights_nothing_is_said(nobody: Nobody, run_keisoku: Run) -> None:
    """Never zero: it is not known."""
    python = shutil.which("python3", path="/usr/bin:/bin") or pytest.skip("no Python that everybody may run")
    program = shutil.copy(PROGRAM, nobody.place)
    done = nobody.keisoku("run", "-q", "--no-html", "-o", "truth.kei", python, program, "0.5", "100", "1")
    assert done.returncode == 0, done.stderr
    recording = nobody.place / "truth.kei"
    assert counted(recording) == {}
    stat = stat_of(run_keisoku, recording)
    assert "socket_sent_bytes" not in stat and "socket_received_bytes" not in stat
    assert "minor_faults" in stat
