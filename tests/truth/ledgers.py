"""What the thread of programs/ledger.py timed itself beside what the report says of it: shares of its time, state by state."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from interpreters import Interpreter
from oracle import PROGRAMS

PROGRAM = PROGRAMS / "ledger.py"
POINTS = 0.02
DELAY_MAX = 0.25
ON_CPU = {"python", "native", "native+gil", "on-cpu", "kernel", "gc", "import"}
SECONDS = {"starved": "1.2", "fight": "1.5", "capped": "0.6"}
QUOTAS = ("throttled", "capped")
# Phase → the states that it times.
WALL: dict[str, tuple[str, ...]] = {
    "spin": (),
    "naps": ("sleep",),
    "handoffs": ("lock",),
    "waits": ("sleep", "lock", "io"),
    "disk": ("io",),
    "loop": ("sleep", "idle"),
    "convoy": ("lock", "sleep"),
    "pair": ("gil-wait",),
    "fight": ("gil-wait",),
    "held": ("gil-wait",),
    "throttled": ("runnable",),
    "capped": ("runnable",),
    "starved": ("runnable",),
}
# Phase → those that are shares of its CPU time.
CPU = {
    "gc": ("gc",),
    "import": ("import",),
    "hash": ("native", "native+gil"),
    "kept": ("native+gil",),
    "kernel": ("kernel",),
}
# What a phase is, for who reads a table of them.
TITLES = {
    "spin": "computes",
    "naps": "sleeps of 0.1 ms",
    "handoffs": "lock handed over",
    "waits": "sleeps, a lock, a socket",
    "disk": "writes to the disk",
    "loop": "event loop held up by a sleep",
    "convoy": "lock convoy of 4",
    "pair": "GIL fight of 2",
    "fight": "GIL fight of 8",
    "held": "beside native code with the GIL",
    "throttled": "quota of a tenth",
    "capped": "ends while throttled",
    "starved": "one core for two",
    "gc": "collections",
    "import": "imports",
    "hash": "hashes without the GIL",
    "kept": "native call with the GIL",
    "kernel": "reads random bytes",
}
QUOTA = Path("/sys/fs/cgroup/cpu")  # of control groups, version 1


class DisturbedError(Exception):
    """The machine had no core for the thread: it was seen late, or its waits ended late."""


class Compared(NamedTuple):
    """A share of the thread's time, or of its CPU time, by its own clocks and by the report with its interval."""

    state: str
    truth: float
    share: float
    low: float
    high: float

    @property
    def error(self) -> float:
        return self.share - self.truth

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2

    def near(self, sigmas: float) -> bool:
        """Two points and so many times the sampling error, of which the report's interval is two."""
        below, above = (sigmas / 1.96 * (self.share - self.low), sigmas / 1.96 * (self.high - self.share))
        return self.share - below - POINTS <= self.truth <= self.share + above + POINTS


@contextlib.contextmanager
def quota_group() -> Iterator[Path | None]:
    """A control group with a tenth of a core; None where there can be none."""
    folder = QUOTA / f"keisoku-test-{os.getpid()}"
    try:
        folder.mkdir()
        (folder / "cpu.cfs_quota_us").write_text("10000")
    except OSError:
        yield None
        return
    yield folder
    with contextlib.suppress(OSError):
        folder.rmdir()


def not_told(python: Interpreter, phase: str) -> str:
    """Why the phase says nothing there; "" where it does."""
    if python.minor < (3, 0) and phase == "loop":
        return "no event loop"
    if python.minor < (3, 3) and phase == "import":
        return "what imports is no Python"
    if python.minor < (3, 3) and phase == "starved":
        return "no os.sched_setaffinity"
    if python.minor < (3, 2) and phase in ("pair", "fight", "held"):
        return "its GIL is a plain lock, whose waits are not told from others"
    if python.free_threaded and phase in ("pair", "fight", "held"):
        return "no GIL"
    return ""


def words(python: Interpreter, phase: str, reader: str, seconds: str, group: Path | None) -> list[str]:
    """Of the command line that measures it and writes report.json."""
    options = ["--reader", reader, "--rate", "1000", "-q", "--no-html", "--json=report.json"]
    more = [str(group)] if phase in QUOTAS else []
    return ["run", *options, python.path, str(PROGRAM), phase, seconds, *more]


def subject(report: dict[str, Any]) -> dict[str, Any]:
    """The row of the thread."""
    rows = [row for row in report["states"]["threads"] if row.get("name") == "subject"]
    if not rows and report["trust"]["samples"] < 300:
        raise DisturbedError(f"there were {report['trust']['samples']} samples, and none of it")
    (row,) = rows
    row["throttled_s"] = report["stat"].get("throttled_s", 0)
    return dict(row)


def said(out: str) -> dict[str, int]:
    """What the program printed."""
    truth: dict[str, int] = json.loads(out)
    return truth


def undisturbed(phase: str, truth: dict[str, int], row: dict[str, Any]) -> None:
    wanting = truth["runnable"] / truth["wall"]
    if phase not in ("starved", "pair", "fight", "held", *QUOTAS) and wanting > DELAY_MAX:
        raise DisturbedError(f"it wanted a core for {wanting:.0%} of its time")
    if abs(row["wall_s"] - truth["wall"] / 1e9) > 0.03 * row["wall_s"]:
        raise DisturbedError(
            f"it lived {row['wall_s']:.2f} s as was seen and {truth['wall'] / 1e9:.2f} s by its own clock"
        )


def of(shares: dict[str, Any], state: str, truth: float) -> Compared:
    share = shares.get(state, {"share": 0.0, "low": 0.0, "high": 0.0})
    return Compared(state, truth, share["share"], share["low"], share["high"])


def compare(phase: str, truth: dict[str, int], row: dict[str, Any]) -> list[Compared]:
    """Each state that the phase times, and for shares of its whole time those that the scheduler counts."""
    if phase in CPU:
        return [of(row["cpu"], state, truth.get(state, 0) / truth["cpu"]) for state in CPU[phase]]
    states, wall = row["states"], truth["wall"]
    on = sum(share["share"] for state, share in states.items() if state in ON_CPU)
    counted = {"runnable": truth["runnable"], **{state: truth.get(state, 0) for state in WALL[phase]}}
    if len(WALL[phase]) == 1 and WALL[phase] != ("runnable",):  # then the counters tell exactly how long
        counted[WALL[phase][0]] = wall - truth["cpu"] - truth["runnable"]
    return [
        Compared("on the CPU", truth["cpu"] / wall, on, on, on),
        *(of(states, state, ns / wall) for state, ns in counted.items()),
    ]


def again(check: Callable[[], None], tries: int = 3) -> str:
    """Why the machine was too busy to say; "" after a good one. A sampled share lies outside of its interval now and
    then: not twice in a row."""
    failed, disturbed = None, ""
    for _ in range(tries):
        try:
            check()
            return ""
        except DisturbedError as why:
            disturbed = str(why)
        except AssertionError as why:
            if failed is not None:
                raise
            failed = why
    return disturbed or f"it was wrong once: {failed}"
