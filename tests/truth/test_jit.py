"""The compiler that some builds of 3.13 and later can switch on: its code keeps the frames that are read, and names,
lines and chains stay possible."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from interpreters import Interpreter
from oracle import PROGRAMS, Oracle
from recording import Recording
from support import Run, never

ON = {"PYTHON_JIT": "1"}
ASK = "import sys; print(hasattr(sys, '_jit') and sys._jit.is_available() and sys._jit.is_enabled())"


LOOP = """
import time
def work(n):
    total = 0
    for i in range(n):
        total += i & 7
    return total
end = time.process_time() + 1
while time.process_time() < end:
    work(100000)
"""


def has_compiler(python: Interpreter) -> None:
    python.since(3, 13, "such a compiler")
    asked = subprocess.run([python.path, "-c", ASK], env=ON, capture_output=True, text=True)
    if asked.stdout.strip() != "True":
        pytest.skip(f"Python {python.name} was built without its compiler")


@pytest.mark.parametrize("name", ["alternate", "recursion", "generators", "deep"])
def test_no_impossible_stack(run_keisoku: Run, python: Interpreter, tmp_path: Path, name: str) -> None:
    has_compiler(python)
    program = PROGRAMS / f"{name}.py"
    done = run_keisoku(
        "run",
        "--no-html",
        "--rate",
        "1000",
        "-o",
        "jit.kei",
        python.path,
        program,
        "1.2",
        env={**python.environment, **ON},
    )
    assert done.status == 0, done.err
    recording = Recording(tmp_path / "jit.kei")
    never(recording.impossible(Oracle(program, depth=20)), "impossible")
    assert sum(sample.ticks for sample in recording if sample.stack) > 100


def test_its_code_is_the_loop_s(run_keisoku: Run, python: Interpreter) -> None:
    """It lies in no file, as what Numba makes does, and is Python's own for all that."""
    has_compiler(python)
    words = ("run", "--no-html", "--rate", "1000", "-o", "jit.kei", python.path, "-c", LOOP)
    done = run_keisoku(*words, env={**python.environment, **ON})
    assert done.status == 0, done.err
    report = json.loads(run_keisoku("report", "--json", "jit.kei").out)
    code = report["code"]
    if code is None or not set(code["evidence"]) - {"none"}:
        pytest.skip("no evidence of where instructions lie here (perf events are not permitted)")
    assert code["cpu"].get("loop", 0) > 0.1, code
    assert sum(share for name, share in code["cpu"].items() if "anonymous" in name) == 0, code
    assert "already-native" not in [finding["tag"] for finding in report["findings"]], report["findings"]
