"""What being sampled costs a program, by slices of one run: measured and not (`keisoku ctl pause`) by turns.

Runs that follow each other differ by the placing of their memory and by what the machine does meanwhile: by a tenth and
more on a shared host. Here a third of a second in which the program is sampled lies between two in which it is not, in one
process; the ratio is of its time for a unit of work, by the mean of its neighbours'. What drifts falls out, and of many
such ratios the median counts: a host takes the cores away now and then. Every other one is not sampled but interrupted by
a clock that reads nothing (empty_clock.py): what that costs is the limit.
"""

from __future__ import annotations

import array
import bisect
import contextlib
import json
import math
import subprocess
import time
from pathlib import Path
from typing import Any, NamedTuple

from empty_clock import EmptyClock
from interpreters import Interpreter
from intervals import median95
from peers import KEISOKU, Tool

PROGRAM = Path(__file__).resolve().parent / "programs" / "slices.py"
SLICE_S = 0.3
START_S = 1.0  # of the program and the recorder, before the first slice
SETTLE_NS = 100_000_000  # of each slice: until the clocks run on the cores where the program is
UNITS_MIN = 8
# Neighbouring ratios of one kind share a slice, where there is only one: each pair's correlation is 1/6, so their mean's
# variance is 4/3 of independent ones'.
SHARED = math.sqrt(4 / 3)
RESTS, SAMPLED, EMPTY = "rests", "sampled", "empty"


class Slice(NamedTuple):
    kind: str
    begin_ns: int
    end_ns: int


def told(file: Path, word: str) -> None:
    subprocess.run([KEISOKU, "ctl", str(file), word], check=True, capture_output=True)


def wait_for_start(file: Path) -> None:
    """Until the recorder hears us; and the program is past its start."""
    time.sleep(START_S)
    for _ in range(50):
        if subprocess.run([KEISOKU, "ctl", str(file), "status"], capture_output=True).returncode == 0:
            return
        time.sleep(0.1)
    raise RuntimeError("keisoku does not answer")


def clock_here() -> EmptyClock | None:
    try:
        return EmptyClock()
    except OSError:  # not permitted, or no such events here
        return None


def take_slices(file: Path, until: float) -> list[Slice]:
    clock = clock_here()
    order = [RESTS, SAMPLED, RESTS, EMPTY] if clock else [RESTS, SAMPLED]
    slices: list[Slice] = []
    told(file, "pause")
    with contextlib.closing(clock) if clock else contextlib.nullcontext():
        while time.monotonic() < until:
            kind = order[len(slices) % len(order)]
            if kind == SAMPLED:
                told(file, "resume")
            if clock:
                clock.turn(kind == EMPTY)
            begin = time.monotonic_ns() + SETTLE_NS
            time.sleep(SLICE_S)
            slices.append(Slice(kind, begin, time.monotonic_ns()))
            if kind == SAMPLED:
                told(file, "pause")
    told(file, "resume")
    return slices


def unit_ns(ends: array.array[int], piece: Slice) -> float | None:
    first, last = bisect.bisect_left(ends, piece.begin_ns), bisect.bisect_right(ends, piece.end_ns) - 1
    return (ends[last] - ends[first]) / (last - first) if last - first >= UNITS_MIN else None


def ratios(ends: array.array[int], slices: list[Slice], kind: str = SAMPLED) -> list[float]:
    """Of each slice of that kind: its time for a unit, by the mean of the two beside it."""
    found = []
    for before, piece, behind in zip(slices, slices[1:], slices[2:], strict=False):
        units = [unit_ns(ends, one) for one in (before, piece, behind)]
        if piece.kind == kind and units[0] and units[1] and units[2]:
            found.append(units[1] / math.sqrt(units[0] * units[2]))
    return found


def measure(
    tool: Tool, python: Interpreter, folder: Path, seconds: float, depth: int, threads: int = 1
) -> dict[str, Any]:
    """The ratio with its interval, of how many slices; the limit in the same run; what keisoku says of that."""
    file, ends_file = folder / "slices.kei", folder / "ends"
    for old in (file, ends_file):
        old.unlink(missing_ok=True)
    words = [str(PROGRAM), str(threads), str(depth), str(seconds + START_S), str(ends_file)]
    begin = time.monotonic()
    with subprocess.Popen(tool.words(python, file, words), cwd=folder, stderr=subprocess.PIPE, text=True) as run:
        try:
            wait_for_start(file)
            slices = take_slices(file, begin + seconds)
        finally:
            _, err = run.communicate(timeout=60 + seconds)
    if run.returncode != 0:
        raise RuntimeError(f"status {run.returncode}: {err[-500:]}")
    ends = array.array("q")
    ends.frombytes(ends_file.read_bytes())
    done = subprocess.run([KEISOKU, "report", str(file), "--json"], capture_output=True, text=True, check=True)
    report = json.loads(done.stdout)
    found = ratios(ends, slices)
    limit = ratios(ends, slices, EMPTY)
    return {
        "python": python.version,
        "threads": threads,
        "depth": depth,
        "wall": median95(found, 1 if limit else SHARED),
        "slices": len(found),
        **({"limit": median95(limit)} if limit else {}),
        "rate_hz": report["trust"]["rate_hz"],
        "taken": report["trust"]["core_time_taken_s"] / report["recording"]["duration_s"],
    }
