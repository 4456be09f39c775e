"""The ledger of a thread against what it timed itself: every state within two points, beside the report's own interval.

Off the CPU the thread knows what it waited in and how long; on it, how long it collected or imported. Run delay and CPU
time come from the scheduler on both sides. `python3 bench/run.py --only ledger` prints the errors of all phases over all
interpreters; KEISOKU_ALL=1 with this file tests them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ledgers
import pytest
from interpreters import Interpreter
from measured import needs_kernel_pointers
from oracle import PROGRAMS
from support import Result, Run

pytestmark = pytest.mark.sparse
SIGMAS = 4
POINTS_OF_COUNTERS = 0.005  # between the report's states and the scheduler's counters in it
# Nearly all of their time the thread is on a core: where there is none, nothing can be said.
NEED_A_CORE = ("spin", "naps", "handoffs", "disk")
# That the other readers tell them alike is shown by these: gil-wait; sleep, lock and io; a lock of four.
ALIKE = ("fight", "waits", "convoy", "capped")


@pytest.fixture
def group() -> Iterator[Path | None]:
    with ledgers.quota_group() as folder:
        yield folder


def told_by(done: Result) -> dict[str, Any]:
    path = done.folder / "report.json"
    report: dict[str, Any] = json.loads(path.read_text())
    path.unlink()  # else that of the next look has another name
    return report


def ledger(
    run_keisoku: Run, python: Interpreter, phase: str, group: Path | None = None, reader: str = "core"
) -> tuple[dict[str, int], dict[str, Any]]:
    """What the thread says, and what the report says of it."""
    words = ledgers.words(python, phase, reader, ledgers.SECONDS.get(phase, "1.5"), group)
    done = run_keisoku(*words, env=python.environment)
    if reader == "kernel" and done.status != 0 and "--reader kernel" in done.err:
        pytest.skip(done.err.strip().splitlines()[-1])
    assert done.status == 0, done.err
    report = told_by(done)
    row = ledgers.subject(report)
    parts(report)
    return ledgers.said(done.out), row


def of_row(row: dict[str, Any], share: float) -> None:
    """A function or a line: the states of its own time, wall and CPU, are all of that."""
    if share > 0.0101:
        assert "states" in row, row
    if "states" in row:
        assert sum(share["share"] for share in row["states"].values()) == pytest.approx(1, abs=1e-7), row
        assert row["cpu"].keys() <= ledgers.ON_CPU, row
        if row["cpu"]:
            assert sum(share["share"] for share in row["cpu"].values()) == pytest.approx(1, abs=1e-7), row


def parts(report: dict[str, Any]) -> None:
    """Processes and stretches of time are all of it; their states, and those of functions and lines, all of that."""
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
        of_row(function, function["self_wall_s"] / whole)
    for line in report["lines"]:
        of_row(line, line["share"])


def again(check: Callable[[], None]) -> None:
    why = ledgers.again(check)
    if why:
        pytest.skip(f"the machine was too busy: {why}")


def check_states(run_keisoku: Run, python: Interpreter, phase: str, group: Path | None, reader: str = "core") -> None:
    truth, row = ledger(run_keisoku, python, phase, group, reader)
    ledgers.undisturbed(phase, truth, row)
    for compared in ledgers.compare(phase, truth, row):
        assert compared.near(SIGMAS), (compared, truth, row)
    assert sum(share["share"] for share in row["states"].values()) == pytest.approx(1, abs=1e-7)
    assert sum(share["share"] for share in row["cpu"].values()) == pytest.approx(1, abs=1e-7)
    on = sum(share["share"] for state, share in row["states"].items() if state in ledgers.ON_CPU)
    assert abs(on - row["cpu_s"] / row["wall_s"]) < POINTS_OF_COUNTERS, row
    if phase in ledgers.QUOTAS and group is not None:  # its own account, which may go on behind the last reading
        stat = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
        throttled = int(stat["throttled_time"]) / 1e9
        assert row["throttled_s"] <= throttled + 0.01, (stat, row)
        assert row["throttled_s"] > 0 or throttled < 0.7, (stat, row)


def check_phase(run_keisoku: Run, python: Interpreter, phase: str, group: Path | None, reader: str = "core") -> None:
    why = ledgers.not_told(python, phase)
    if why:
        pytest.skip(f"{phase} on {python.name}: {why}")
    if phase in ledgers.QUOTAS and group is None:
        pytest.skip("no quota of control groups version 1 that we may set")
    again(lambda: check_states(run_keisoku, python, phase, group, reader))


@pytest.mark.parametrize(
    "phase", [pytest.param(n, marks=[pytest.mark.alone] if n in NEED_A_CORE else []) for n in ledgers.WALL]
)
def test_wall(run_keisoku: Run, python: Interpreter, phase: str, group: Path | None) -> None:
    check_phase(run_keisoku, python, phase, group)


@pytest.mark.alone
@pytest.mark.parametrize("phase", ledgers.CPU)
def test_cpu(run_keisoku: Run, python: Interpreter, phase: str) -> None:
    if phase == "kernel":
        needs_kernel_pointers(run_keisoku)
    check_phase(run_keisoku, python, phase, None)


@pytest.mark.parametrize("reader", ["kernel", "free"])
@pytest.mark.parametrize("phase", ALIKE)
def test_readers_agree(run_keisoku: Run, python: Interpreter, phase: str, group: Path | None, reader: str) -> None:
    """With the truth, as the reader from the core does, and so with each other."""
    check_phase(run_keisoku, python, phase, group, reader)


def check_holder(run_keisoku: Run, python: Interpreter) -> None:
    truth, row = ledger(run_keisoku, python, "held")
    ledgers.undisturbed("held", truth, row)
    waited = row["states"]["gil-wait"]["share"]
    if waited < 0.1:
        raise ledgers.DisturbedError(f"it came to wait for the GIL for {waited:.0%} of its time only")
    held = sum(holder["share"] for holder in row["gil_holders"] if holder["thread"] == "sorter")
    assert held > 0.8 * waited, row
    assert row["gil_holders"][0]["function"].endswith("sort_much"), row["gil_holders"]


def test_who_holds_the_gil(run_keisoku: Run, python: Interpreter) -> None:
    why = ledgers.not_told(python, "held")
    if why:
        pytest.skip(why)
    again(lambda: check_holder(run_keisoku, python))


def check_kinds(run_keisoku: Run, python: Interpreter) -> None:
    words = ("--reader", "core", "--rate", 1000, "-q", "--no-html", "--json=report.json")
    done = run_keisoku("run", *words, python.path, PROGRAMS / "io_kinds.py", "0.4", env=python.environment)
    assert done.status == 0, done.err
    truth, states = json.loads(done.out), told_by(done)["states"]
    whole = sum(thread["wall_s"] for thread in states["threads"])
    for kind, seconds in truth.items():
        compared = ledgers.of(states["io"], kind, seconds / 1e9 / whole)
        assert compared.near(SIGMAS), (compared, states["io"])
    assert states["io"].get("other", {"share": 0})["share"] < 0.02, states["io"]


def test_what_a_wait_is_for(run_keisoku: Run, python: Interpreter) -> None:
    """By its system call and descriptor: read, select, poll, wait4, fsync."""
    again(lambda: check_kinds(run_keisoku, python))
