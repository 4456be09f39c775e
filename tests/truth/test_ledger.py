"""The ledger of a thread against what it timed itself: every state within two points, beside the report's own interval.

Off the CPU the thread knows what it waited in and how long; on it, how long it collected or imported. Run delay and CPU
time come from the scheduler on both sides.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from interpreters import Interpreter
from oracle import PROGRAMS
from support import Result, Run

pytestmark = pytest.mark.sparse
Report = Callable[[Path], dict[str, Any]]
POINTS = 0.02
SIGMAS = 4
POINTS_OF_COUNTERS = 0.005  # between the report's states and the scheduler's counters in it
DELAY_MAX = 0.25
TRIES = 3
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
# Nearly all of their time the thread is on a core: where there is none, nothing can be said.
NEED_A_CORE = ("spin", "naps", "handoffs", "disk")
CPU = {"gc": ("gc",), "import": ("import",), "hash": ("native", "native+gil")}
QUOTA = Path("/sys/fs/cgroup/cpu")  # of control groups, version 1


@pytest.fixture
def group() -> Iterator[Path | None]:
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


def told_by(done: Result) -> dict[str, Any]:
    path = done.folder / "report.json"
    report: dict[str, Any] = json.loads(path.read_text())
    path.unlink()  # else that of the next look has another name
    return report


def ledger(run_keisoku: Run, python: Interpreter, phase: str, *more: Path) -> tuple[dict[str, int], dict[str, Any]]:
    """What the thread says, and what the report says of it."""
    if python.minor < (3, 8):
        pytest.skip("the program asks the clocks of 3.8 and later")
    seconds = SECONDS.get(phase, "1.5")
    words = ("--reader", "core", "--rate", 1000, "-q", "--no-html", "--json=report.json")
    done = run_keisoku("run", *words, python.path, PROGRAMS / "ledger.py", phase, seconds, *more)
    assert done.status == 0, done.err
    report = told_by(done)
    rows = [row for row in report["states"]["threads"] if row.get("name") == "subject"]
    if not rows and report["trust"]["samples"] < 300:
        raise Disturbed(f"there were {report['trust']['samples']} samples, and none of it")
    (row,) = rows
    parts(report)
    row["throttled_s"] = report["stat"].get("throttled_s", 0)
    return json.loads(done.out), row


def parts(report: dict[str, Any]) -> None:
    """Processes and stretches of time are all of it, and the states of each are all of that."""
    whole = sum(row["wall_s"] for row in report["states"]["threads"])
    for each in (report["states"]["processes"], report["states"]["windows"]):
        assert sum(part["wall_s"] for part in each) == pytest.approx(whole, rel=1e-6)
    for part in report["states"]["processes"] + report["states"]["windows"]:
        assert sum(share["share"] for share in part["states"].values()) == pytest.approx(1, abs=1e-7)
    for function in report["functions"]:
        assert (
            function["self_low"] <= function["self_share"] + 1e-9
            and function["self_share"] <= function["self_high"] + 1e-9
        )
        if "states" in function:
            assert sum(share["share"] for share in function["states"].values()) == pytest.approx(1, abs=1e-7)


def near(shown: dict[str, Any], state: str, truth: float) -> None:
    """Two points and four times the sampling error, of which the report's interval is two."""
    share = shown.get(state, {"share": 0.0, "low": 0.0, "high": 0.0})
    below, above = (SIGMAS / 1.96 * (share["share"] - share["low"]), SIGMAS / 1.96 * (share["high"] - share["share"]))
    assert share["share"] - below - POINTS <= truth <= share["share"] + above + POINTS, (state, truth, shown)


class Disturbed(Exception):
    """The machine had no core for the thread: it was seen late, or its waits ended late."""


def undisturbed(phase: str, truth: dict[str, int], row: dict[str, Any]) -> None:
    wanting = truth["runnable"] / truth["wall"]
    if phase not in ("starved", "pair", "fight", "held", *QUOTAS) and wanting > DELAY_MAX:
        raise Disturbed(f"it wanted a core for {wanting:.0%} of its time")
    if abs(row["wall_s"] - truth["wall"] / 1e9) > 0.03 * row["wall_s"]:
        raise Disturbed(f"it lived {row['wall_s']:.2f} s as was seen and {truth['wall'] / 1e9:.2f} s by its own clock")


def twice(check: Callable[[], None]) -> None:
    """A sampled share lies outside of its interval now and then: not twice in a row."""
    failed, disturbed = None, ""
    for _ in range(TRIES):
        try:
            return check()
        except Disturbed as why:
            disturbed = str(why)
        except AssertionError as why:
            if failed is not None:
                raise
            failed = why
    pytest.skip(f"the machine was too busy: {disturbed}")


def check_wall(run_keisoku: Run, python: Interpreter, phase: str, *more: Path) -> None:
    truth, row = ledger(run_keisoku, python, phase, *more)
    states, wall = row["states"], truth["wall"]
    undisturbed(phase, truth, row)
    near(states, "runnable", truth["runnable"] / wall)
    on = sum(share["share"] for state, share in states.items() if state in ON_CPU)
    assert abs(on - truth["cpu"] / wall) < POINTS, (truth, states)
    assert abs(on - row["cpu_s"] / row["wall_s"]) < POINTS_OF_COUNTERS, row
    if len(WALL[phase]) == 1 and phase not in ("starved", *QUOTAS):  # then the counters tell exactly how long
        truth[WALL[phase][0]] = wall - truth["cpu"] - truth["runnable"]
    for state in WALL[phase]:
        if state == "gil-wait" and python.free_threaded:
            continue
        near(states, state, truth.get(state, 0) / wall)
    assert sum(share["share"] for share in states.values()) == pytest.approx(1, abs=1e-7)
    for folder in more:  # the group's own account, which may go on behind the last reading
        stat = dict(line.split() for line in (folder / "cpu.stat").read_text().splitlines())
        throttled = int(stat["throttled_time"]) / 1e9
        assert row["throttled_s"] <= throttled + 0.01, (stat, row)
        assert row["throttled_s"] > 0 or throttled < 0.7, (stat, row)


def check_cpu(run_keisoku: Run, python: Interpreter, phase: str) -> None:
    truth, row = ledger(run_keisoku, python, phase)
    undisturbed(phase, truth, row)
    for state in CPU[phase]:
        near(row["cpu"], state, truth.get(state, 0) / truth["cpu"])
    assert sum(share["share"] for share in row["cpu"].values()) == pytest.approx(1, abs=1e-7)


@pytest.mark.parametrize(
    "phase", [pytest.param(n, marks=[pytest.mark.alone] if n in NEED_A_CORE else []) for n in WALL]
)
def test_wall(run_keisoku: Run, python: Interpreter, phase: str, group: Path | None) -> None:
    if phase in QUOTAS and group is None:
        pytest.skip("no quota of control groups version 1 that we may set")
    more = (group,) if phase in QUOTAS and group is not None else ()
    twice(lambda: check_wall(run_keisoku, python, phase, *more))


@pytest.mark.alone
@pytest.mark.parametrize("phase", CPU)
def test_cpu(run_keisoku: Run, python: Interpreter, phase: str) -> None:
    twice(lambda: check_cpu(run_keisoku, python, phase))


def check_holder(run_keisoku: Run, python: Interpreter) -> None:
    truth, row = ledger(run_keisoku, python, "held")
    undisturbed("held", truth, row)
    waited = row["states"]["gil-wait"]["share"]
    if waited < 0.1:
        raise Disturbed(f"it came to wait for the GIL for {waited:.0%} of its time only")
    held = sum(holder["share"] for holder in row["gil_holders"] if holder["thread"] == "sorter")
    assert held > 0.8 * waited, row
    assert row["gil_holders"][0]["function"].endswith("sort_much"), row["gil_holders"]


def test_who_holds_the_gil(run_keisoku: Run, python: Interpreter) -> None:
    if python.free_threaded:
        pytest.skip("no GIL")
    twice(lambda: check_holder(run_keisoku, python))


def check_kinds(run_keisoku: Run, python: Interpreter) -> None:
    words = ("--reader", "core", "--rate", 1000, "-q", "--no-html", "--json=report.json")
    done = run_keisoku("run", *words, python.path, PROGRAMS / "io_kinds.py", "0.4")
    assert done.status == 0, done.err
    truth, states = json.loads(done.out), told_by(done)["states"]
    whole = sum(thread["wall_s"] for thread in states["threads"])
    for kind, seconds in truth.items():
        near(states["io"], kind, seconds / 1e9 / whole)
    assert states["io"].get("other", {"share": 0})["share"] < 0.02, states["io"]


def test_what_a_wait_is_for(run_keisoku: Run, python: Interpreter) -> None:
    """By its system call and descriptor: read, select, poll, wait4, fsync."""
    if python.minor < (3, 8):
        pytest.skip("the program asks the clocks of 3.8 and later")
    twice(lambda: check_kinds(run_keisoku, python))
