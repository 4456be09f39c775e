"""What looking at operands costs: one program, bare, measured, and measured with --no-operands, in turn; at 1 kHz, where no
budget makes up for what a sample costs."""

from __future__ import annotations

import random
import sqlite3
import statistics
from pathlib import Path
from typing import Any

from cost import program_says, report_of
from interpreters import Interpreter
from intervals import mean95, ratio
from peers import KEISOKU, execute

PROGRAM = Path(__file__).resolve().parent / "programs" / "operands.py"
RATE = ("--rate", "1000", "--reader", "core")
WAYS: dict[str, list[str]] = {
    "bare": [],
    "with": [KEISOKU, "run", "-q", "--no-html", *RATE, "-o"],
    "without": [KEISOKU, "run", "-q", "--no-html", *RATE, "--no-operands", "-o"],
}


def looks_in(file: Path) -> int:
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        (looks,) = connection.execute("SELECT coalesce(sum(looks), 0) FROM operand WHERE slot = 0").fetchone()
    finally:
        connection.close()
    return int(looks)


def one(way: str, python: Interpreter, folder: Path, units: int) -> dict[str, float]:
    file = folder / "out"
    file.unlink(missing_ok=True)
    words = [*WAYS[way], str(file)] if way != "bare" else []
    run = execute([*words, python.path, str(PROGRAM), str(units)], file, folder)
    said = program_says(run)
    row = {"wall_s": said["wall_s"], "cpu_s": said["cpu_s"]}
    if way != "bare":
        report = report_of(file)
        row["taken"] = report["trust"]["core_time_taken_s"] / report["recording"]["duration_s"]
        row["own_cpu"] = report["trust"]["own_cpu_s"] / report["recording"]["duration_s"]
        row["rate_hz"] = report["trust"]["rate_hz"]
        row["looks_hz"] = looks_in(file) / said["wall_s"]
    return row


def measure(python: Interpreter, folder: Path, rounds: int, seconds: float) -> dict[str, Any]:
    fastest = min(
        program_says(execute([python.path, str(PROGRAM), "500"], folder / "x", folder))["wall_s"] for _ in "123"
    )
    units = max(1, int(500 * seconds / fastest))
    order = random.Random(1)
    rows = [
        {way: one(way, python, folder, units) for way in order.sample(list(WAYS), len(WAYS))} for _ in range(rounds)
    ]

    def added(key: str) -> tuple[float, float, float]:
        middle, half = mean95([row["with"][key] - row["without"][key] for row in rows])
        return middle, middle - half, middle + half

    return {
        "python": python.version,
        "rounds": rounds,
        "wall_s": statistics.median(row["bare"]["wall_s"] for row in rows),
        "looks_hz": statistics.fmean(row["with"]["looks_hz"] for row in rows),
        "looks_without": sum(row["without"]["looks_hz"] for row in rows),
        "rate_hz": statistics.fmean(row["with"]["rate_hz"] for row in rows),
        "cpu": ratio([(row["with"]["cpu_s"], row["without"]["cpu_s"]) for row in rows]),
        "wall": ratio([(row["with"]["wall_s"], row["without"]["wall_s"]) for row in rows]),
        "taken": added("taken"),
        "own_cpu": added("own_cpu"),
        "own_with": statistics.fmean(row["with"]["own_cpu"] for row in rows),
        "own_without": statistics.fmean(row["without"]["own_cpu"] for row in rows),
        "taken_with": statistics.fmean(row["with"]["taken"] for row in rows),
        "taken_without": statistics.fmean(row["without"]["taken"] for row in rows),
    }
