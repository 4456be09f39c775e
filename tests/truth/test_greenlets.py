"""The stack of a running greenlet is its own: nothing of the one that it took over from, nothing of its parent."""

from __future__ import annotations

import subprocess
import sys
import sysconfig

import pytest
from interpreters import Interpreter
from measured import measured
from oracle import PROGRAMS, Oracle
from support import Run


def test_greenlets(run_keisoku: Run, python: Interpreter) -> None:
    environment = dict(python.environment)
    if python.minor == sys.version_info[:2] and not python.free_threaded:
        environment["PYTHONPATH"] = sysconfig.get_paths()["purelib"]  # of the tests' own, which has greenlet
    words = [python.path, "-c", "import greenlet"]
    if subprocess.run(words, env=environment, stderr=subprocess.DEVNULL, check=False).returncode != 0:
        pytest.skip(f"Python {python.name} here has no greenlet")
    program = PROGRAMS / "greenlets.py"
    run = measured(run_keisoku, python, program, "1", env=environment, options=("--rate", "4000", "--budget", "0.5"))
    assert run.recording.impossible(Oracle(program)) == []
    roots = {sample.stack[0][0] for sample in run.recording if len(sample.stack) > 1}
    assert {"left", "right"} <= roots
