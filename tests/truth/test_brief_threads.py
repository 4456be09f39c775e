"""500 threads a second: each is in the recording or counted as missed, none twice, under its own name."""

from __future__ import annotations

import pytest
from interpreters import Interpreter
from oracle import PROGRAMS
from support import Run


@pytest.mark.parametrize("life_s", [0.001, 0.02])
def test_brief_threads_are_named_or_counted(run_keisoku: Run, python: Interpreter, life_s: float) -> None:
    words = [PROGRAMS / "brief_threads.py", 500, 1.5, life_s]
    done = run_keisoku("run", "-q", "--no-html", "-o", "truth.kei", python.path, *words)
    assert done.status == 0, done.err
    if not done.sql("SELECT 1 FROM meta WHERE key = 'evidence' AND value LIKE '%perf%'"):
        pytest.skip("the kernel tells of no births here: threads are found by looking")
    started = int(done.out)
    names = [str(name) for (name,) in done.sql("SELECT name FROM threads WHERE tid <> pid")]
    losses: dict[str, int] = dict(done.sql("SELECT name, sum(count) FROM loss GROUP BY name"))
    missed = losses.get("thread-missed", 0)
    dropped = losses.get("ip-lost", 0)  # by the kernel, where the machine is too busy to look: births, too
    own = [name for name in names if name.startswith("brief-")]
    if python.minor >= (3, 8):  # before, a name may be that of the thread which had the identifier just before
        assert len(own) == len(set(own))
    assert len(names) + missed <= started + 2, (started, len(names), missed)
    assert 0.99 * started <= len(names) + missed + dropped, (started, len(names), missed, dropped)
    if life_s >= 0.02:
        assert len(own) >= started / 4, (started, len(own), missed)
