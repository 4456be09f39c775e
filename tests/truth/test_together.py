"""Several threads of the target on several cores at once: each is read from its own core, exactly, whenever it runs."""

from __future__ import annotations

import pytest
from interpreters import Interpreter
from measured import measured
from oracle import PROGRAMS, Oracle
from support import Run, never

PROGRAM = PROGRAMS / "together.py"
RATE_HZ = 1000


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_workers_side_by_side(run_keisoku: Run, python: Interpreter, kind: str) -> None:
    python.since(3, 9, "SimpleQueue.put of multiprocessing as the program uses it")
    done, _, recording, shown = measured(
        run_keisoku, python, PROGRAM, "1.5", kind, options=("--rate", str(RATE_HZ)), env={"PYTHONWARNINGS": "ignore"}
    )
    never(recording.impossible(Oracle(PROGRAM)), f"impossible of {shown}")
    dropped = sum(int(count) for (count,) in done.sql("SELECT count FROM loss WHERE name <> 'process-missed'"))
    assert dropped <= max(0.01 * shown, 10), (dropped, shown)
    for side in ("left", "right"):
        own = [sample for sample in recording if any(frame[0] == side for frame in sample.stack)]
        run_s, ticks = sum(sample.run_s for sample in own), sum(sample.ticks for sample in own)
        assert ticks > 20 and ticks > 0.25 * RATE_HZ * run_s, (side, ticks, run_s)  # all of its time was looked at
