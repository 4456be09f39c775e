"""CPython's own tests give the same result with and without us at 10 kHz: large writes, interrupted calls, signals,
sockets, threads."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from faulty import LONG
from interpreters import Interpreter
from support import Run

SHORT = [["test.test_thread"], ["-k", "communicate", "-k", "pipe", "test.test_subprocess"]]
WHOLE = [[f"test.{name}"] for name in ("test_subprocess", "test_socket", "test_signal", "test_eintr", "test_threading")]


def result(out: str) -> str:
    """ "Ran 35 tests: OK (skipped=2)", without the time it took."""
    ran = re.findall(r"^Ran (\d+) tests?", out, re.MULTILINE)
    told = re.findall(r"^(?:OK|FAILED)\b.*", out, re.MULTILINE)
    assert ran and told, out[-2000:]
    return f"Ran {ran[-1]} tests: {told[-1]}"


@pytest.mark.parametrize("words", WHOLE if LONG else SHORT, ids=lambda words: words[-1].rpartition(".")[2])
def test_same_result(run_keisoku: Run, python: Interpreter, tmp_path: Path, words: list[str]) -> None:
    python.since(3, 8, "tests that -k chooses from")
    if not LONG and python.name != "3.13":
        pytest.skip("in the long run only (make faults)")
    command = [python.path, "-m", "unittest", "-q", *words]
    if subprocess.run([python.path, "-c", f"import {words[-1]}"], capture_output=True).returncode != 0:
        pytest.skip(f"Python {python.name} came without its own tests")
    seen: list[str] = []
    for _ in range(3):  # some of them fail now and then by themselves
        bare = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=300)
        done = run_keisoku("run", "-q", "--rate", "10000", "--no-html", "-o", "x.kei", *command, timeout=300)
        (tmp_path / "x.kei").unlink()
        if (done.status, result(done.err)) == (bare.returncode, result(bare.stderr)):
            return
        seen.append(f"with us: {done.status}, {result(done.err)}; without: {bare.returncode}, {result(bare.stderr)}")
    pytest.fail("\n".join(seen))
