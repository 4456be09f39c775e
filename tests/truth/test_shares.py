"""Shares against what the program measured of itself.

A share may be off by what its samples can be by chance once in a million: this file makes less than 200 such
comparisons, so it fails by chance once in 5000 runs at most. Of 2000 samples a true half may then be 5.5 points off,
and a share that is 8 points off is found 98 times in 100.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from interpreters import Interpreter
from measured import measured
from oracle import PROGRAMS, Oracle
from recording import Recording
from support import Run, never

pytestmark = pytest.mark.sparse
Report = Callable[[Path], dict[str, Any]]
CHANCE = 1e-6
SIGMAS = 4.9  # the same of a normal distribution
SHARES_S = "2"


def tail(count: int, samples: int, share: float) -> float:
    """How likely so few of the samples, or so many, are when each falls there with probability `share`."""

    def exactly(k: int) -> float:
        ways = math.lgamma(samples + 1) - math.lgamma(k + 1) - math.lgamma(samples - k + 1)
        return math.exp(ways + k * math.log(share) + (samples - k) * math.log1p(-share))

    return 2 * sum(map(exactly, range(count + 1) if count < samples * share else range(count, samples + 1)))


def check_shares(truth: Mapping[str, float], recording: Recording) -> int:
    own = recording.ticks_by_function(without="runnable")  # those that wait for a core come in bunches
    total = sum(own[name] for name in truth)
    for name, share in truth.items():
        error = own[name] / total - share
        assert tail(own[name], total, share) > CHANCE, f"{name}: {error * 100:+.2f} points, {total} samples"
    return total


def test_the_check_itself() -> None:
    assert tail(1000, 2000, 0.5) > 0.9 and tail(1100, 2000, 0.5) > CHANCE > tail(1111, 2000, 0.5)
    assert tail(900, 2000, 0.5) > CHANCE > tail(889, 2000, 0.5)
    # the rare one is no normal distribution: 20 are expected, and none is too few
    assert tail(44, 2000, 0.01) > CHANCE > tail(48, 2000, 0.01) and tail(0, 2000, 0.01) < CHANCE


def test_shares(run_keisoku: Run, report: Report, python: Interpreter) -> None:
    program = PROGRAMS / "shares.py"
    done, path, recording, _ = measured(run_keisoku, python, program, SHARES_S)
    truth = json.loads(done.out)["shares"]
    never(recording.impossible(Oracle(program)), "impossible")
    total = check_shares(truth, recording)

    # The report's own numbers are the same. It weighs by the time between samples, whose spread doubles the variance.
    times = {row["function"]: row["self_cpu_s"] for row in report(path)["functions"]}
    spent = sum(times.get(name, 0) for name in truth)
    for name, share in truth.items():
        error = times.get(name, 0) / spent - share
        noise = math.sqrt(2 * share * (1 - share) / total)
        assert abs(error) < SIGMAS * noise, f"{name}: {error * 100:+.2f} points in the report, {total} samples"


def test_short_functions(run_keisoku: Run, python: Interpreter) -> None:
    """A function of 20 ns that is called three times as often as its twin has three times its samples."""
    done = measured(run_keisoku, python, PROGRAMS / "short.py", "2.5")
    assert check_shares({"tiny_a": 0.75, "tiny_b": 0.25}, done.recording) > 20


def test_states_sum_to_one(run_keisoku: Run, report: Report, python: Interpreter) -> None:
    done = measured(run_keisoku, python, PROGRAMS / "many_threads.py", "1", "8")
    states = report(done.path)["states"]
    for clock in ("wall", "cpu"):
        assert abs(sum(row["share"] for row in states[clock].values()) - 1) < 1e-3, states[clock]
        for name, row in states[clock].items():
            assert 0 <= row["low"] <= row["share"] + 1e-9 <= row["high"] + 2e-9 <= 1 + 1e-6, (name, row)
    for thread in states["threads"]:
        assert abs(sum(row["share"] for row in thread["states"].values()) - 1) < 1e-3, thread
