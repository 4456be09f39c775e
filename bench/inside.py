"""What it costs a program to have its calls counted and its allocations sampled: bare, measured without that, with it,
and under what Python brings for it, in turn."""

from __future__ import annotations

import random
import statistics
from pathlib import Path
from typing import Any, NamedTuple

from cost import program_says
from interpreters import Interpreter
from intervals import ratio
from peers import KEISOKU, execute

PROGRAMS = Path(__file__).resolve().parent / "programs"
RUN = [KEISOKU, "run", "-q", "--no-html", "-o", "OUT"]


class Kind(NamedTuple):
    program: str
    ways: dict[str, tuple[list[str], list[str]]]  # words before the interpreter, and behind it
    peer: str


KINDS = {
    "calls": Kind(
        "calls.py",
        {
            "bare": ([], []),
            "run": (RUN, []),
            "--calls": ([*RUN, "--calls"], []),
            "--arg-hash": ([*RUN, "--arg-hash"], []),
            "cProfile": ([], ["-m", "cProfile", "-o", "OUT"]),
        },
        "cProfile",
    ),
    "allocations": Kind(
        "allocs.py",
        {
            "bare": ([], []),
            "run": (RUN, []),
            "--allocs": ([*RUN, "--allocs"], []),
            "tracemalloc": ([], ["-X", "tracemalloc"]),
        },
        "tracemalloc",
    ),
}


def one(kind: Kind, way: str, python: Interpreter, folder: Path, units: int) -> dict[str, float]:
    before, behind = kind.ways[way]
    file = folder / "inside"
    file.unlink(missing_ok=True)
    words = [*before, python.path, *behind, str(PROGRAMS / kind.program), str(units)]
    run = execute([str(file) if word == "OUT" else word for word in words], file, folder)
    row: dict[str, float] = program_says(run)
    return row


def measure_kind(kind: Kind, python: Interpreter, folder: Path, rounds: int, seconds: float) -> dict[str, Any]:
    units = max(1, int(20 * seconds / min(one(kind, "bare", python, folder, 20)["wall_s"] for _ in "123")))
    order = random.Random(1)
    rows = [
        {way: one(kind, way, python, folder, units) for way in order.sample(list(kind.ways), len(kind.ways))}
        for _ in range(rounds)
    ]
    found: dict[str, Any] = {"wall_s": statistics.median(row["bare"]["wall_s"] for row in rows), "peer": kind.peer}
    for way in kind.ways:
        if way != "bare":
            found[way] = {"bare": ratio([(row[way]["cpu_s"], row["bare"]["cpu_s"]) for row in rows])}
            added = [row[way]["cpu_s"] - row["bare"]["cpu_s"] for row in rows]
            found[way]["added"] = statistics.median(added) / statistics.median(
                row[kind.peer]["cpu_s"] - row["bare"]["cpu_s"] for row in rows
            )
            if "calls" in rows[0]["bare"]:
                found[way]["ns"] = statistics.median(added) / rows[0]["bare"]["calls"] * 1e9
    return found


def measure(python: Interpreter, folder: Path, rounds: int, seconds: float) -> dict[str, Any]:
    kinds = {name: measure_kind(kind, python, folder, rounds, seconds) for name, kind in KINDS.items()}
    return {"python": python.version, "rounds": rounds, **kinds}
