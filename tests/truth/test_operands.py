"""What an instruction works on: its operands' types and numbers of items, against programs that know them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import packages
import pytest
from interpreters import Interpreter
from measured import measured
from support import Run, sql

Report = Callable[[Path], dict[str, Any]]

PROGRAM = """\
import collections, time

numbers, words, pairs = list(range(50000)), "ab" * 40000, tuple(range(60000))
queue, table = collections.deque(range(70000)), {i: i for i in range(45000)}
chosen = {i for i in range(55000)}

def work(end):
    text = b"x" * 300000
    while time.perf_counter() < end:
        for i in range(4):
            found = -1 in numbers
            found = "ba!" in words
            found = -1 in pairs
            found = -1 in queue
            total = max(table)
            total = max(chosen)
            numbers.count(-1)
            longer = text + b"abc"

work(time.perf_counter() + 2.5)
"""
# line: operation, slot, type, items
TRUTH = {
    "in numbers": ("in", 0, "list", 50000),
    "in words": ("in", 0, "str", 80000),
    "in pairs": ("in", 0, "tuple", 60000),
    "in queue": ("in", 0, "collections.deque", 70000),
    "max(table)": ("call", 1, "dict", 45000),
    "max(chosen)": ("call", 1, "set", 55000),
    "numbers.count": ("call", 0, "list", 50000),
    "text + ": ("+", 0, "bytes", 300000),
}


def rows_at(recording: Path, line: int) -> list[tuple[Any, ...]]:
    return sql(
        recording,
        "SELECT o.text, slot, t.text, looks, sized, least, most FROM operand JOIN frame ON frame.id = frame"
        " JOIN string o ON o.id = operation JOIN string t ON t.id = type WHERE line = ?",
        line,
    )


def test_types_and_sizes(run_keisoku: Run, report: Report, python: Interpreter, tmp_path: Path) -> None:
    python.since(3, 8, "operands")
    program = tmp_path / "operands.py"
    program.write_text(PROGRAM)
    done = measured(run_keisoku, python, program)
    looks, right, seen = 0, 0, set()
    for place, (operation, slot, kind, items) in TRUTH.items():
        line = next(i for i, text in enumerate(PROGRAM.splitlines(), 1) if place in text and "=" not in text.split()[0])
        for what, side, name, count, sized, least, most in rows_at(done.path, line):
            assert what in (operation, "for"), f"{place}: {what} is no operation of that line"
            if (what, side) != (operation, slot):
                continue
            looks += count
            if (name, sized, least, most) == (kind, count, items, items):
                right += count
                seen.add(place)
    print(f"{right} of {looks} looks right at {sorted(seen)}")
    assert looks >= 20 and right >= 0.99 * looks
    assert len(seen) >= 5, seen
    shown = operands_of(report(done.path), program)
    assert any(one["type"] == "tuple" and one["items_most"] == 60000 for one in sum(shown.values(), []))


def operands_of(told: dict[str, Any], program: Path) -> dict[int, list[dict[str, Any]]]:
    """By line of the program: what it imports has lines of the same numbers."""
    return {row["line"]: row.get("operands", []) for row in told["lines"] if row["file"] == str(program)}


LOOPS = """\
import time

kept, pairs = list(range(40000)), tuple(range(30000))

def work(end):
    last = 0
    while time.perf_counter() < end:
        for one in kept:
            last = one
        for one in pairs:
            last = one

work(time.perf_counter() + 2)
"""
GONE_OVER = {"in kept": ("list", 40000), "in pairs": ("tuple", 30000)}


@pytest.mark.sparse
def test_what_a_loop_goes_over(run_keisoku: Run, python: Interpreter, tmp_path: Path) -> None:
    """A loop's operand is an iterator (3.15: the list itself): the size is that of what it goes over, where it still was
    there when that was read."""
    python.since(3, 8, "operands")
    program = tmp_path / "loops.py"
    program.write_text(LOOPS)
    done = measured(run_keisoku, python, program)
    looks = 0
    for place, (kind, items) in GONE_OVER.items():
        line = next(i for i, text in enumerate(LOOPS.splitlines(), 1) if place in text)
        for what, side, name, count, sized, least, most in rows_at(done.path, line):
            if (what, side) == ("for", 0) and name in (kind, f"{kind}_iterator") and sized > 0:
                assert (least, most) == (items, items), f"{place}: {sized} of {count} sized"
                looks += sized
    if looks < 4:
        pytest.skip(f"{looks} sizes of loops: the machine was too busy, or other instructions were seen")


ARRAYS = """\
import time
import numpy

grid, line = numpy.zeros((300, 200)), numpy.arange(5000.0)
cube = numpy.zeros((4, 5, 6))[:, 1:4, :]

def work(end):
    total = 0.0
    while time.perf_counter() < end:
        for i in range(200):
            total += grid[i, 7]
            total += line[i]
            total += cube[1, 2, i & 3]

work(time.perf_counter() + 2)
"""
SHAPES = {"grid[": (60000, "300 x 200"), "line[": (5000, None), "cube[": (72, "4 x 3 x 6")}


@pytest.mark.sparse
def test_shapes_of_arrays(run_keisoku: Run, report: Report, python: Interpreter, tmp_path: Path) -> None:
    """An array's dimensions, read by their place in it: never more than that."""
    python.since(3, 8, "operands")
    environment = packages.import_path(python, "numpy")
    program = tmp_path / "arrays.py"
    program.write_text(ARRAYS)
    done = measured(run_keisoku, python, program, env=environment)
    shown = operands_of(report(done.path), program)
    seen = 0
    for place, (items, shape) in SHAPES.items():
        line = next(i for i, text in enumerate(ARRAYS.splitlines(), 1) if place in text)
        for one in shown.get(line, []):
            if one["type"] != "numpy.ndarray" or one["operation"] != "[]":
                continue
            assert (one["items_least"], one["items_most"], one.get("shape")) == (items, items, shape), one
            seen += 1
    if seen == 0 and sum(one["looks"] for row in shown.values() for one in row) < 20:
        pytest.skip("the machine was too busy: fewer than 20 looks")
    assert seen >= 2, shown
    # what was taken out stands in the array's place when the instruction ends: nearly never seen
    on = [one for row in shown.values() for one in row if (one["operation"], one["side"]) == ("[]", "on")]
    wrong = sum(one["looks"] for one in on if one["type"] != "numpy.ndarray")
    looks = sum(one["looks"] for one in on)
    print(f"{wrong} of {looks} looks at [] saw the result")
    assert wrong <= 3 + 0.02 * looks, on


FRAMES = """\
import time
import numpy
import pandas

frame = pandas.DataFrame({name: numpy.arange(30000.0) for name in "abcde"})
series = frame["a"]
levels = pandas.MultiIndex.from_product([range(300), list("abcdefghij")])
leveled = pandas.DataFrame({name: numpy.arange(3000.0) for name in "xyz"}, index=levels)
of_levels = leveled["x"]
named = pandas.DataFrame({"a": numpy.arange(500), "b": 0.5, "t": "text"}, index=[f"row {i}" for i in range(500)])

def rows(end):
    while time.perf_counter() < end:
        for index, row in frame.iterrows():
            if time.perf_counter() > end:
                break

def values(end):
    while time.perf_counter() < end:
        for i in range(100):
            series[i]

def walk(end):
    while time.perf_counter() < end:
        for value in series:
            value + 1

def copies_leveled(end):
    while time.perf_counter() < end:
        leveled.copy()

def copies_of_levels(end):
    while time.perf_counter() < end:
        of_levels.copy()

def copies_named(end):
    while time.perf_counter() < end:
        named.copy()

for one in rows, values, walk, copies_leveled, copies_of_levels, copies_named:
    one(time.perf_counter() + 0.7)
"""
FRAME_SHAPES = {
    "iterrows": ("for", "DataFrame", 30000, "30000 x 5"),
    "series[i]": ("[]", "Series", 30000, None),
    "in series": ("for", "numpy.ndarray", 30000, None),
    " leveled.copy": ("call", "DataFrame", 3000, "3000 x 3"),
    "of_levels.copy": ("call", "Series", 3000, None),
    "named.copy": ("call", "DataFrame", 500, "500 x 3"),
}


@pytest.mark.sparse
@pytest.mark.network
def test_shapes_of_frames(run_keisoku: Run, report: Report, python: Interpreter, tmp_path: Path) -> None:
    """What pandas was called on, and its shape, at the line of the program that called it."""
    python.since(3, 8, "operands")
    environment = packages.import_path(python, "pandas")
    program = tmp_path / "frames.py"
    program.write_text(FRAMES)
    done = measured(run_keisoku, python, program, env=environment)
    told = report(done.path)
    shown, seen, looks = operands_of(told, program), 0, 0
    for place, (operation, kind, items, shape) in FRAME_SHAPES.items():
        line = next(i for i, text in enumerate(FRAMES.splitlines(), 1) if place in text)
        for one in shown.get(line, []):
            looks += one["looks"]
            if (one["operation"], one["side"], one["type"]) != (operation, "on", kind):
                continue
            assert (one["items_least"], one["items_most"], one.get("shape")) == (items, items, shape), one
            seen += 1
    if seen < 4 and looks < 60:
        pytest.skip(f"the machine was too busy: {looks} looks")
    assert seen >= 4, shown


@pytest.mark.sparse
def test_no_operands(run_keisoku: Run, python: Interpreter, tmp_path: Path) -> None:
    """--no-operands: the same program, and nothing was looked at."""
    python.since(3, 8, "operands")
    program = tmp_path / "operands.py"
    program.write_text(PROGRAM.replace("2.5)", "1)"))
    done = measured(run_keisoku, python, program, options=("--no-operands",))
    assert sql(done.path, "SELECT count(*) FROM operand") == [(0,)]
