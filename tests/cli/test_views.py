"""The SQL views of a recording and its report say the same, also where the rate changed."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support import TOP, Run, make_recording

DESCRIPTION = TOP / "tests" / "recordings" / "rates.txt"
# What the description says, idle worker left out. Run delay is the wait for a core, on the stack of that moment.
RUNNABLE = 0.3 * 1 + 0.25 * 2
CPU = 2 + 0.7 * 1 + 0.75 * 2 + 2.5 + 0.013
WALL = 2 + 2 + 1.5 + 0.3 + 1 + 2.5 + 0.013


def ask(recording: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{recording}?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()


def compare(recording: Path, report: dict[str, Any], off: float) -> None:
    own = "FROM {} WHERE thread IN (SELECT id FROM threads WHERE NOT idle)"
    states = dict(
        ask(recording, f"SELECT state, sum(wall_s) {own.format('states')} GROUP BY state HAVING sum(wall_s) > 0")
    )
    total = sum(states.values())
    assert total == pytest.approx(WALL, abs=1e-3)
    shares = {name: row["share"] * total for name, row in report["states"]["wall"].items() if row["share"] > 0}
    assert states == pytest.approx(shares, abs=off)
    assert ask(recording, f"SELECT sum(cpu_s) {own.format('states')}")[0][0] == pytest.approx(CPU, abs=1e-3)
    functions = {
        name: (wall, under, cpu)
        for name, wall, under, cpu in ask(
            recording, "SELECT name, self_wall_s, total_wall_s, self_cpu_s FROM functions WHERE name <> 'idle'"
        )
    }
    said = {
        row["function"]: (row["self_wall_s"], row["total_wall_s"], row["self_cpu_s"]) for row in report["functions"]
    }
    assert functions.keys() == said.keys()
    for name, times in functions.items():
        assert times == pytest.approx(said[name], abs=off), name
    lines = {
        line: wall for line, wall in ask(recording, "SELECT line, self_wall_s FROM lines WHERE function <> 'idle'")
    }
    wall = sum(row["self_wall_s"] for row in report["functions"])
    assert lines == pytest.approx({row["line"]: row["share"] * wall for row in report["lines"]}, abs=off)


def report_of(run_keisoku: Run, recording: Path) -> dict[str, Any]:
    done = run_keisoku("report", recording, "--json")
    assert done.status == 0, done.err
    report: dict[str, Any] = json.loads(done.out)
    return report


def test_complete(run_keisoku: Run, keisoku: str, tmp_path: Path) -> None:
    recording = make_recording(keisoku, DESCRIPTION, tmp_path / "rates.kei")
    report = report_of(run_keisoku, recording)
    compare(recording, report, 1e-5)  # JSON has six digits
    assert report["states"]["wall"]["runnable"]["share"] * WALL == pytest.approx(RUNNABLE, abs=0.01)
    # The control: the truth about `fast` on the main thread, and what its ticks would make of it over the whole life.
    fast = "stack IN (SELECT id FROM stack WHERE parent = 0)"
    weighed = ask(recording, f"SELECT sum(cpu_s) FROM stack_times WHERE thread = 1 AND on_cpu AND {fast}")[0][0]
    by_life = ask(
        recording,
        f"SELECT 3.5 * sum(ticks * ({fast})) / sum(ticks) FROM stack_times WHERE thread = 1 AND on_cpu",
    )[0][0]
    assert weighed == pytest.approx(0.7 * 2 + 0.1 * 1.5, abs=0.25)  # a window at 100 Hz is a quarter of a second
    assert by_life > 2.2


def test_cut_off(run_keisoku: Run, keisoku: str, tmp_path: Path) -> None:
    """After a kill the last window of a thread is weighed in the view: the sums are the same, a stack's time is off by
    less than the run delay of that window."""
    description = tmp_path / "cut.txt"
    description.write_text(DESCRIPTION.read_text() + "unfinished\n")
    recording = make_recording(keisoku, description, tmp_path / "cut.kei")
    assert ask(recording, "SELECT sum(open_ticks) FROM stack_time")[0][0] > 0
    compare(recording, report_of(run_keisoku, recording), 0.01)


def test_every_thread_adds_up(keisoku: str, tmp_path: Path) -> None:
    for ending in ("", "unfinished\n"):
        description = tmp_path / "sums.txt"
        description.write_text(DESCRIPTION.read_text() + ending)
        recording = make_recording(keisoku, description, tmp_path / f"sums{len(ending)}.kei")
        rows = ask(
            recording,
            "SELECT thread, sum(wall_s), sum(cpu_s), life_s, run_s FROM states JOIN thread_times USING (thread)"
            " GROUP BY thread",
        )
        assert len(rows) == 3
        for _, wall, cpu, life, run in rows:
            assert wall == pytest.approx(life, abs=1e-4)
            assert cpu == pytest.approx(run, abs=1e-4)
