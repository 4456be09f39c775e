"""The parts of the bench, part_NAME each: on which interpreters, how long."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import accuracy
import agree
import cost
import evidence
import inside
import ledger
import matrix
import sizes
from interpreters import Interpreter


class Bench(NamedTuple):
    folder: Path
    quick: bool
    found: dict[str, Interpreter]
    main: list[Interpreter]  # what is measured on few is measured on these
    say: Callable[[str], None]


def part_startup(bench: Bench) -> Any:
    return cost.startup(bench.main[0], bench.folder, 5 if bench.quick else 15)


def part_cost(bench: Bench) -> Any:
    names = [
        "keisoku",
        "keisoku 1 kHz",
        "keisoku 1 kHz, core",
        "py-spy 100 Hz",
        "py-spy 1 kHz",
        "3.15's sampler 1 kHz",
        "3.15's sampler 1 kHz, stopping",
    ]
    rounds, seconds, sliced_s = (5, 1.0, 5) if bench.quick else (6, 4.0, 80)
    rows = []
    for python in bench.main:
        bench.say(f"cost on {python.version}")
        row = cost.measure(python, names, bench.folder, rounds, seconds, 20)
        row["slices"] = cost.by_slices(python, names[:2], bench.folder, sliced_s)
        rows.append(row)
    return rows


def part_threads(bench: Bench) -> Any:
    rows = []
    for python in bench.main:
        bench.say(f"threads and depths, against bare runs, on {python.version}")
        rows += cost.by_threads(python, bench.folder, 5 if bench.quick else 60)
    return rows


def part_evidence(bench: Bench) -> Any:
    return evidence.measure(bench.main[0], bench.folder, 4 if bench.quick else 10, 0.6 if bench.quick else 2.0)


def part_inside(bench: Bench) -> Any:
    pythons = [one for name, one in bench.found.items() if name == "3.11"] + bench.main
    rows = []
    for python in pythons:
        bench.say(f"counting in the program, on {python.version}")
        rows.append(inside.measure(python, bench.folder, 3 if bench.quick else 7, 0.2 if bench.quick else 0.5))
    return rows


def part_sizes(bench: Bench) -> Any:
    return {
        "steady": sizes.steady(bench.main[0], bench.folder, 12 if bench.quick else 40),
        "synthetic": sizes.synthetic(bench.folder),
    }


def part_matrix(bench: Bench) -> Any:
    others = [] if bench.quick else [one for one in bench.found.values() if one not in bench.main]
    return matrix.measure(bench.main, others, bench.folder, bench.quick, bench.say)


def part_ends(bench: Bench) -> Any:
    return matrix.ends(bench.main, bench.folder, bench.quick, bench.say)


def part_sampler(bench: Bench) -> Any:
    python = bench.found.get("3.15")
    return matrix.beside_sampler(python, bench.folder, bench.quick) if python else None


def part_accuracy(bench: Bench) -> Any:
    pythons = list(bench.found.values())
    if bench.quick:
        pythons = accuracy.chosen(pythons)
    return accuracy.measure_stacks(pythons, bench.folder, 0.8 if bench.quick else 1.3, bench.say)


def part_shares(bench: Bench) -> Any:
    if bench.quick:
        return None
    return accuracy.measure_shares(list(bench.found.values()), bench.folder, 20, 10, 3, bench.say)


def part_ledger(bench: Bench) -> Any:
    only = os.environ.get("KEISOKU_ONLY", "3.8,3.11,3.15" if bench.quick else ",".join(bench.found)).split(",")
    pythons = [one for one in bench.found.values() if one.name in only]
    return ledger.measure(pythons, bench.folder, 1.5 if bench.quick else 4, bench.say)


def part_agree(bench: Bench) -> Any:
    return agree.measure(bench.found.get("3.14", bench.main[0]), bench.folder, bench.quick, bench.say)
