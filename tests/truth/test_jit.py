"""The compiler that some builds of 3.13 and later can switch on: its code keeps the frames that are read, and names,
lines and chains stay possible."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from interpreters import Interpreter
from oracle import PROGRAMS, Oracle
from recording import Recording
from support import Run, never

ON = {"PYTHON_JIT": "1"}
ASK = "import sys; print(hasattr(sys, '_jit') and sys._jit.is_available() and sys._jit.is_enabled())"


@pytest.mark.parametrize("name", ["alternate", "recursion", "generators", "deep"])
def test_no_impossible_stack(run_keisoku: Run, python: Interpreter, tmp_path: Path, name: str) -> None:
    python.since(3, 13, "such a compiler")
    asked = subprocess.run([python.path, "-c", ASK], env=ON, capture_output=True, text=True)
    if asked.stdout.strip() != "True":
        pytest.skip(f"Python {python.name} was built without its compiler")
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
