"""What a finding names to be measured next can be typed as it stands: every NEXT row of findings.def, run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))
import interpreters  # noqa: E402
import limits  # noqa: E402

SCRIPT = """
import gc
import os
import sys

import helper

assert __name__ == "__main__" and sys.argv == [__file__, "5"], sys.argv
kept = [[number] for number in range(20_000)]
gc.collect()
helper.call()
sys.exit(0)
"""
TOLD = {"GC_PRESSURE": "gc: ", "LEAK": "size="}
TOLD["UNBOUNDED_CACHE"] = TOLD["LEAK"]
COMMANDS = limits.next_commands()


def test_the_rows_are_known() -> None:
    assert {name for name, command in COMMANDS.items() if not command.startswith("keisoku ")} == set(TOLD)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_it_runs(name: str, keisoku: str, a_python: interpreters.Interpreter, tmp_path: Path) -> None:
    command = COMMANDS[name]
    if command.startswith("keisoku "):
        words = command.split()
        help_of = subprocess.run([keisoku, words[1], "--help"], capture_output=True, text=True)
        assert help_of.returncode == 0, help_of.stderr
        for option in re.findall(r"--[a-z]+", command):
            assert option in help_of.stdout, option
        return
    (tmp_path / "place").mkdir()
    (tmp_path / "place" / "helper.py").write_text("def call():\n    pass\n")
    (tmp_path / "place" / "app.py").write_text(SCRIPT)
    command = re.sub(r"\{python3?\}", str(a_python.path), command).replace("{script}", "place/app.py 5")
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert TOLD[name] in done.stdout + done.stderr, done.stdout + done.stderr
