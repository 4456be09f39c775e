"""The parts of the bench, a function each under its name: on which interpreters, how long."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import accuracy as accuracies
import agree as agreements
import cost as costs
import evidence as evidences
import ledger as ledgers
import matrix as matrices
import sizes as made
from interpreters import Interpreter


class Bench(NamedTuple):
    folder: Path
    quick: bool
    found: dict[str, Interpreter]
    main: list[Interpreter]  # what is measured on few is measured on these
    say: Callable[[str], None]


def startup(bench: Bench) -> Any:
    return costs.startup(bench.main[0], bench.folder, 5 if bench.quick else 15)


def cost(bench: Bench) -> Any:
    names = [
        "keisoku",
        "keisoku 1 kHz",
        "keisoku 1 kHz, core",
        "py-spy 100 Hz",
        "py-spy 1 kHz",
        "3.15's sampler 1 kHz",
        "3.15's sampler 1 kHz, stopping",
    ]
    rounds, seconds, sliced_s = (5, 1.0, 5) if bench.quick else (8, 4.0, 150)
    rows = []
    for python in bench.main:
        bench.say(f"cost on {python.version}")
        row = costs.measure(python, names, bench.folder, rounds, seconds, 20)
        row["slices"] = costs.by_slices(python, names[:2], bench.folder, sliced_s)
        rows.append(row)
    return rows


def threads(bench: Bench) -> Any:
    rows = []
    for python in bench.main:
        bench.say(f"threads and depths, against bare runs, on {python.version}")
        rows += costs.by_threads(python, bench.folder, 5 if bench.quick else 60)
    return rows


def evidence(bench: Bench) -> Any:
    return evidences.measure(bench.main[0], bench.folder, 4 if bench.quick else 10, 0.6 if bench.quick else 2.0)


def sizes(bench: Bench) -> Any:
    return {
        "steady": made.steady(bench.main[0], bench.folder, 12 if bench.quick else 40),
        "synthetic": made.synthetic(bench.folder),
    }


def matrix(bench: Bench) -> Any:
    others = [] if bench.quick else [one for one in bench.found.values() if one not in bench.main]
    return matrices.measure(bench.main, others, bench.folder, bench.quick, bench.say)


def ends(bench: Bench) -> Any:
    return matrices.ends(bench.main, bench.folder, bench.quick, bench.say)


def sampler(bench: Bench) -> Any:
    python = bench.found.get("3.15")
    return matrices.beside_sampler(python, bench.folder, bench.quick) if python else None


def accuracy(bench: Bench) -> Any:
    pythons = list(bench.found.values())
    if bench.quick:
        pythons = accuracies.chosen(pythons)
    return accuracies.measure_stacks(pythons, bench.folder, 0.8 if bench.quick else 1.3, bench.say)


def shares(bench: Bench) -> Any:
    if bench.quick:
        return None
    return accuracies.measure_shares(list(bench.found.values()), bench.folder, 20, 10, 3, bench.say)


def ledger(bench: Bench) -> Any:
    only = os.environ.get("KEISOKU_ONLY", "3.8,3.11,3.15" if bench.quick else ",".join(bench.found)).split(",")
    pythons = [one for one in bench.found.values() if one.name in only]
    return ledgers.measure(pythons, bench.folder, 1.5 if bench.quick else 4, bench.say)


def agree(bench: Bench) -> Any:
    return agreements.measure(bench.found.get("3.14", bench.main[0]), bench.folder, bench.quick, bench.say)
