"""Shares of time by function of programs that others wrote, told by each reader and by clocks, and how far they are apart.

The clocks are between the calls (tests/tools/time_frames.c): the interpreter's evaluation of a frame is put between two
readings, so that what they show of a function is more than its own time. How much more lies, for each call, between
`reading_ns`, the time of one reading, of which the end and the beginning are in it, and `call_ns`, the time of a call that
does nothing but make two numbers and let go of them and of an object with three; both are measured in the same run. That
time is its caller's, so the own time of a function that was called `calls` times and called `made` times lies in

    ns - calls * call_ns + made * reading_ns … ns - calls * reading_ns + made * call_ns

and its share is that by the time of all. No fitted cost and no model of the interpreter is in it. The timed run is not the
bare one: calls cost more in it, so shares are others. Hence a reader is compared with the clocks of the very run that it
sampled, and readers are compared with each other in bare runs.

What shares may differ by is the chance of their samples, sqrt(p (1 - p) (1/n + 1/m)). Runs of the same differ by more: a
program is laid out elsewhere in memory, and where it waits for a core its samples come in bunches. So there are some runs by
each reader, and n is less by the square of `spread`, which is how much more they differ than chance makes them.
"""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ledgers import ON_CPU
from recording import Recording

PROGRAM = Path(__file__).resolve().parent / "programs" / "timed.py"
PROGRAMS = ("richards", "hexiom", "raytrace")
RATES = {"kernel": 4000, "core": 4000, "stop": 1000}
LEAST = 0.02  # shares below say little: their samples are few
SAMPLES_MIN = 500


class RefusedError(Exception):
    """The reader or the clocks cannot be had here; the text says why."""


class DisturbedError(Exception):
    """The machine left the program too little time to be sampled in."""


@dataclass
class Told:
    """One run: the samples of each function of the script, and what the clocks say of it where it was timed."""

    reader: str
    ticks: Counter[str]
    low: dict[str, float] = field(default_factory=dict)  # by the clocks
    high: dict[str, float] = field(default_factory=dict)
    spread: float = 1.0

    @property
    def total(self) -> int:
        return sum(self.ticks.values())

    @property
    def weight(self) -> float:
        """So many samples of chance alone would say as much."""
        return self.total / self.spread**2

    def share(self, name: str) -> float:
        return self.ticks[name] / self.total


class Apart(NamedTuple):
    """Two shares of a function, and their distance in units of what chance makes of it (0 inside the clocks' bounds)."""

    function: str
    between: tuple[str, str]
    share: float
    other: float
    sigmas: float

    def __str__(self) -> str:
        first, second = self.between
        return f"{self.function}: {self.share:.2%} by {first}, {self.other:.2%} by {second}: {self.sigmas:.1f} sigmas"


def words(python: str, script: Path, name: str, seconds: float, reader: str, library: Path | None) -> list[str]:
    """Of the command line that writes x.kei."""
    options = ["--reader", reader, "--rate", str(RATES[reader]), "-q", "--no-html", "--no-operands", "-o", "x.kei"]
    return [
        "run",
        *options,
        python,
        str(PROGRAM),
        str(script),
        name,
        str(seconds),
        *([str(library)] if library else []),
    ]


def told(reader: str, status: int, out: str, err: str, recording: Path, script: Path) -> Told:
    """What the run that `words` asks for came to; takes its recording away."""
    if status == 125:
        raise RefusedError((err.strip().splitlines() or ["no reason given"])[-1])
    if status != 0:
        raise AssertionError(f"status {status}: {err}")
    ticks: Counter[str] = Counter()
    for sample in Recording(recording):
        if sample.stack and sample.stack[-1][1] == str(script) and sample.state in ON_CPU:
            ticks[sample.stack[-1][0]] += sample.ticks
    recording.unlink()
    del ticks["<module>"]
    run = Told(reader, ticks)
    if run.total < SAMPLES_MIN:
        raise DisturbedError(f"{run.total} samples by {reader}")
    if out.strip():
        bound(run, json.loads(out))
    return run


def bound(run: Told, clocks: Mapping[str, Any]) -> None:
    whole = sum(row["ns"] for row in clocks["functions"].values())
    least, most = clocks["reading_ns"], clocks["call_ns"]
    for name, row in clocks["functions"].items():
        run.low[name] = max(0.0, (row["ns"] - row["calls"] * most + row["made"] * least) / whole)
        run.high[name] = (row["ns"] - row["calls"] * least + row["made"] * most) / whole


def chance(share: float, *weights: float) -> float:
    return math.sqrt(share * (1 - share) * sum(1 / weight for weight in weights))


def by_clocks(run: Told) -> Iterator[Apart]:
    for name, high in run.high.items():
        share, low = run.share(name), run.low[name]
        if max(share, low) >= LEAST:
            nearest = min(max(share, low), high)
            sigma = chance(nearest, run.weight)
            yield Apart(name, (run.reader, "clocks"), share, nearest, abs(share - nearest) / sigma)


def by_readers(runs: list[Told]) -> Iterator[Apart]:
    for one, other in itertools.combinations(runs, 2):
        for name in {**one.ticks, **other.ticks}:
            pooled = (one.ticks[name] + other.ticks[name]) / (one.total + other.total)
            if pooled >= LEAST:
                sigma = chance(pooled, one.weight, other.weight)
                shares = one.share(name), other.share(name)
                yield Apart(name, (one.reader, other.reader), *shares, abs(shares[0] - shares[1]) / sigma)


def together(runs: list[Told]) -> Told:
    """Rounds of the same as one: their samples, and bounds that weigh as many as each has."""
    whole = Told(runs[0].reader, Counter())
    for run in runs:
        whole.ticks.update(run.ticks)
    for run in runs:
        for mine, its in ((whole.low, run.low), (whole.high, run.high)):
            for name, share in its.items():
                mine[name] = mine.get(name, 0.0) + share * run.total / whole.total
    apart = [] if whole.low else [one.sigmas**2 for one in by_readers(runs)]  # timed ones have clocks of their own
    whole.spread = max(1.0, math.sqrt(sum(apart) / max(1, len(apart))))
    return whole
