"""Shares of time by function in pyperformance's programs: by every reader, and by clocks between the calls (agreement.py)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import agreement
import packages
import pytest
from interpreters import Interpreter
from peers import KEISOKU

REQUIREMENTS = agreement.PROGRAM.parents[1] / "requirements.txt"
LIBRARY = Path(KEISOKU).resolve().parent.parent / "tests" / "tools" / "libtime-frames.so"


def benchmarks(python: Interpreter) -> tuple[str, Path]:
    """The Python of an environment with pyperformance, and the folder of its programs."""
    lines = [line for line in REQUIREMENTS.read_text().splitlines() if line and not line.startswith("#")]
    try:
        folder = packages.environment(python, *lines)
    except pytest.skip.Exception as why:
        raise agreement.RefusedError(str(why)) from None
    (programs,) = folder.glob("lib/python*/site-packages/pyperformance/data-files/benchmarks")
    return str(folder / "bin" / "python"), programs


def once(
    python: str, script: Path, name: str, seconds: float, reader: str, folder: Path, timed: bool
) -> agreement.Told:
    words = agreement.words(python, script, name, seconds, reader, LIBRARY if timed else None)
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(
        [KEISOKU, *words],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return agreement.told(reader, done.returncode, done.stdout, done.stderr, folder / "x.kei", script)


def shown(run: agreement.Told) -> dict[str, Any]:
    return {
        "samples": run.total,
        "spread": run.spread,
        "shares": {name: run.share(name) for name in run.ticks},
        "low": run.low,
        "high": run.high,
    }


def program(python: str, programs: Path, name: str, folder: Path, rounds: int, seconds: float) -> dict[str, Any]:
    """All readers in turn, round after round, so that what the machine does meanwhile is shared out; rounds are added up."""
    script = programs / f"bm_{name}" / "run_benchmark.py"
    runs: dict[tuple[str, bool], list[agreement.Told]] = {}
    row: dict[str, Any] = {"program": name, "bare": {}, "timed": {}, "refused": {}}
    for _ in range(rounds):
        for reader, rate in agreement.RATES.items():
            for timed in (False, True):
                if reader not in row["refused"]:
                    try:
                        length = seconds * (1 if rate > 1000 else 2)
                        one = once(python, script, name, length, reader, folder, timed)
                        runs.setdefault((reader, timed), []).append(one)
                    except (agreement.RefusedError, agreement.DisturbedError) as why:
                        row["refused"][reader] = str(why)
    whole = {key: agreement.together(some) for key, some in runs.items()}
    for (reader, timed), run in whole.items():
        row["timed" if timed else "bare"][reader] = shown(run)
    bare = [run for (_, timed), run in whole.items() if not timed]
    row["readers"] = [list(one) for one in agreement.by_readers(bare)]
    row["clocks"] = [list(one) for (_, timed), run in whole.items() if timed for one in agreement.by_clocks(run)]
    return row


def measure(python: Interpreter, folder: Path, quick: bool, say: Callable[[str], None]) -> list[dict[str, Any]]:
    try:
        inside, programs = benchmarks(python)
    except agreement.RefusedError as why:
        say(f"shares by every reader left out: {why}")
        return []
    rows = []
    for name in agreement.PROGRAMS:
        rows.append({"python": python.version, **program(inside, programs, name, folder, 2 if quick else 6, 1.2)})
        say(f"shares of {name} by every reader")
    return rows
