"""What threads had of each core, against what the scheduler counted for threads that stay where they are."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from interpreters import Interpreter
from oracle import PROGRAMS
from support import Result, Run

pytestmark = pytest.mark.sparse
SHARE = 0.08  # of a time: its last part may be over before it is read, and what it ran before it moved counts elsewhere
LATE_S = 0.05  # a wait before its end that nobody reads any more

CORES = sorted(os.sched_getaffinity(0))
HOWS = {"one-core": ([0, 0], "spin"), "two-cores": ([0, 1], "spin"), "asleep": ([1, 0], "naps")}


def measured(run_keisoku: Run, python: Interpreter, reader: str, how: str) -> tuple[Result, dict[int, list[float]]]:
    """The run, and the seconds of CPU time and run delay that were counted for the threads of each core."""
    places, work = HOWS[how]
    if len(CORES) <= max(places):
        pytest.skip(f"needs two cores, this machine lets us have {len(CORES)}")
    python.since(3, 8, "threading.get_native_id")
    pinned = ",".join(str(CORES[place]) for place in places)
    words = ["run", "--reader", reader, "-q", "--no-html", "--json=report.json", "-o", "truth.kei"]
    done = run_keisoku(*words, python.path, PROGRAMS / "cores.py", pinned, work, env=python.environment)
    if reader == "kernel" and done.status != 0 and "--reader kernel" in done.err:
        pytest.skip(done.err.strip().splitlines()[-1])
    assert done.status == 0, done.err
    truth: dict[int, list[float]] = {}
    for core, run, delay in json.loads(done.out):
        sums = truth.setdefault(core, [0, 0])
        sums[0] += run / 1e9
        sums[1] += delay / 1e9
    return done, truth


def check(done: Result, truth: dict[int, list[float]]) -> None:
    """Each core has what its threads had, and all together no more than there was: the rest is the first thread's, which
    imports and waits."""
    report: dict[str, Any] = json.loads((done.folder / "report.json").read_text())
    told = {row["core"]: row for row in report["stat"]["cores"]}
    assert truth.keys() <= told.keys()
    for core, (run, delay) in truth.items():
        assert told[core]["used_s"] >= run * (1 - SHARE), (truth, told)
        assert told[core]["run_delay_s"] >= delay * (1 - SHARE) - LATE_S, (truth, told)
        assert told[core]["used_share"] == pytest.approx(told[core]["used_s"] / report["stat"]["wall_s"])
    for key, whole in (("used_s", "cpu_s"), ("run_delay_s", "run_delay_s")):
        assert sum(row[key] for row in told.values()) == pytest.approx(report["stat"][whole], abs=LATE_S), (key, told)


@pytest.mark.parametrize("how", HOWS)
def test_each_core(run_keisoku: Run, python: Interpreter, how: str) -> None:
    done, truth = measured(run_keisoku, python, "core", how)
    check(done, truth)
    if how == "one-core":  # two that want it all: it is used all along, and one of them waits all along
        ((run, delay),) = truth.values()
        assert 0.8 * run <= delay, truth


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("reader", ["kernel", "free"])
def test_by_other_readers(run_keisoku: Run, a_python: Interpreter, reader: str, how: str) -> None:
    check(*measured(run_keisoku, a_python, reader, how))


def test_the_table_says_the_same(run_keisoku: Run, a_python: Interpreter) -> None:
    done, truth = measured(run_keisoku, a_python, "core", "one-core")
    (core,) = truth
    shown = run_keisoku("report", done.recording, "--threads").out.splitlines()
    at = next(i for i, line in enumerate(shown) if line.startswith(" core "))
    row = shown[at + 1].split()
    report = json.loads((done.folder / "report.json").read_text())
    told = next(row for row in report["stat"]["cores"] if row["core"] == core)
    assert row[0] == str(core)
    assert [float(row[1]), float(row[-2])] == pytest.approx([told["used_s"], told["run_delay_s"]], rel=0.01), row
    thread = run_keisoku("report", done.recording, "--threads", "--process", report["recording"]["processes"][0]["pid"])
    assert thread.status == 0 and "waited for" not in thread.out


def test_its_last_values_are_of_the_end(run_keisoku: Run, a_python: Interpreter) -> None:
    """Not of a moment before it, which would be the very beginning of a short program."""
    code = "import time\nwhile time.process_time() < 0.3: pass"
    done = run_keisoku("run", "-q", "--no-html", "-o", "truth.kei", a_python.path, "-c", code)
    assert done.status == 0, done.err
    ((used_to_s,),) = done.sql("SELECT max(last_s) FROM counters WHERE counter = 'core_used'")
    ((sampled_to_ns,),) = done.sql("SELECT max(end_ns) FROM sample_chunk")
    assert used_to_s >= sampled_to_ns / 1e9 - 1e-3, (used_to_s, sampled_to_ns)
