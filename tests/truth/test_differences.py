"""Two real runs with a known difference: keisoku diff finds it, with its size, and nothing where nothing changed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from interpreters import Interpreter
from support import Run

pytestmark = pytest.mark.xdist_group("differences")  # they share two recordings
PROGRAM = """
import sys, time

def spin(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass

def first(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass

def second(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass

def extra(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass

for name, seconds in zip(sys.argv[1::2], sys.argv[2::2]):
    globals()[name](float(seconds))
"""


@pytest.fixture(scope="module")
def pair(keisoku: str, a_python: Interpreter, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("pair")
    (folder / "app.py").write_text(PROGRAM)
    for name, words in (("a", "first 0.8 second 0.8 spin 0.4"), ("b", "first 0.8 second 1.5 extra 0.3")):
        command = [
            keisoku,
            "run",
            "--no-html",
            "-q",
            "--rate",
            "1000",
            "-o",
            f"{name}.kei",
            str(a_python.path),
            "app.py",
        ]
        subprocess.run([*command, *words.split()], cwd=folder, check=True, timeout=120)
    return folder / "a.kei", folder / "b.kei"


def self_times(run_keisoku: Run, *words: object) -> tuple[dict[str, Any], dict[str, Any]]:
    done = run_keisoku("diff", *words, "--json", "--clock", "cpu")
    assert done.status == 0, done.err
    value = json.loads(done.out)
    return value, {row["function"]: row["self"] for row in value["functions"] if row["file"].endswith("app.py")}


def test_a_known_difference(run_keisoku: Run, pair: tuple[Path, Path]) -> None:
    found, functions = self_times(run_keisoku, *pair)
    assert found["normalised"] == {"per": "run", "clock": "cpu"}
    truth = {"first": 0, "second": 0.7, "spin": -0.4, "extra": 0.3}
    for name, seconds in truth.items():
        # process_time() itself is asked a little after its end, and a sample's window is 25 ms long.
        assert functions[name]["low"] - 0.03 <= seconds <= functions[name]["high"] + 0.03, (name, functions[name])
        assert functions[name]["change"] == pytest.approx(seconds, abs=0.2)
    assert {name: functions[name]["kind"] for name in ("second", "spin", "extra")} == {
        "second": "more",
        "spin": "vanished",
        "extra": "new",
    }
    assert found["verdict"]["detail"].startswith("second ")
    # A native frame may be innermost: process_time() asks the kernel.
    told = {(name, stack["self"]["kind"]) for stack in found["stacks"] for name in stack["frames"][:2]}
    assert {("spin", "vanished"), ("extra", "new"), ("second", "more")} <= told


def test_a_recording_and_itself(run_keisoku: Run, pair: tuple[Path, Path]) -> None:
    found, functions = self_times(run_keisoku, pair[0], pair[0])
    assert found["noise"]["changed"] == 0 and found["stacks"] == []
    assert all(change["kind"] == "noise" and change["change"] == 0 for change in functions.values())
