"""Shares against what the program measured of itself, each within four sigma of its own sampling noise."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from interpreters import Interpreter
from measured import measured
from oracle import PROGRAMS, Oracle
from support import Run

Report = Callable[[Path], dict[str, Any]]


def sigma(share: float, samples: float) -> float:
    return math.sqrt(max(share * (1 - share), 1e-6) / samples)


def test_shares(run_keisoku: Run, report: Report, python: Interpreter) -> None:
    program = PROGRAMS / "shares.py"
    done, path, recording, _ = measured(run_keisoku, python, program, "2.5")
    truth = json.loads(done.out)["shares"]
    assert not recording.impossible(Oracle(program))
    own = recording.ticks_by_function()
    ticks = {name: own[name] for name in truth}
    total = sum(ticks.values())
    for name, share in truth.items():
        error = ticks[name] / total - share
        assert abs(error) < 4 * sigma(share, total), f"{name}: {error * 100:+.2f} points, {total} samples"

    # The report's own numbers are the same. It weighs by the time between samples, whose spread doubles the variance.
    functions = {row["function"]: row for row in report(path)["functions"]}
    wall = sum(functions[name]["self_wall_s"] for name in truth)
    for name, share in truth.items():
        error = functions[name]["self_wall_s"] / wall - share
        assert abs(error) < 4 * math.sqrt(2) * sigma(share, total), f"{name}: {error * 100:+.2f} points in the report"


def test_short_functions(run_keisoku: Run, python: Interpreter) -> None:
    """A function of 20 ns that is called three times as often as its twin has three times its samples."""
    own = measured(run_keisoku, python, PROGRAMS / "short.py", "2.5").recording.ticks_by_function()
    samples = own["tiny_a"] + own["tiny_b"]
    assert samples > 20, dict(own)
    error = own["tiny_a"] / samples - 0.75
    assert abs(error) < 4 * sigma(0.75, samples), f"tiny_a: {own['tiny_a']} of {samples} samples"


def test_states_sum_to_one(run_keisoku: Run, report: Report, python: Interpreter) -> None:
    done = measured(run_keisoku, python, PROGRAMS / "many_threads.py", "1", "8")
    states = report(done.path)["states"]
    for clock in ("wall", "cpu"):
        assert abs(sum(row["share"] for row in states[clock].values()) - 1) < 1e-3, states[clock]
        for name, row in states[clock].items():
            assert 0 <= row["low"] <= row["share"] + 1e-9 <= row["high"] + 2e-9 <= 1 + 1e-6, (name, row)
    for thread in states["threads"]:
        assert abs(sum(row["share"] for row in thread["states"].values()) - 1) < 1e-3, thread
