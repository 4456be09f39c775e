"""A thread with states in several interpreters is read where it runs, or ran last."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from interpreters import Interpreter
from oracle import PROGRAMS, bare
from recording import Recording
from support import Run


@pytest.mark.parametrize("where", ["main", "thread"])
def test_the_current_state_is_read(run_keisoku: Run, python: Interpreter, where: str) -> None:
    if python.minor < (3, 12):
        pytest.skip(f"{python.name}: its interpreters share one lock and one list; the oldest state is read")
    words = [PROGRAMS / "interpreters.py"] + (["thread"] if where == "thread" else [])
    done = run_keisoku("run", "-q", "--no-html", "-o", "truth.kei", python.path, *words)
    if done.status == 77:
        pytest.skip(f"{python.name} was built without subinterpreters")
    assert done.status == 0, done.err
    truth = json.loads(done.out)
    run_s: Counter[str] = Counter()
    for sample in Recording(done.recording):
        for name in {bare(function) for function, _, _ in sample.stack}:
            run_s[name] += sample.run_s
    # What is read of the outer state while the inner one is not known yet counts as `work`, and the sampler may come late
    # where it waits for a core; the wrong state would show none of the time, or twice as much.
    for name in ("inside_spin", "outside_spin"):
        assert abs(run_s[name] - truth["spin_s"]) < 0.4 * truth["spin_s"], (name, run_s)
    slept = {bare(str(name)): float(wall) for name, wall in done.sql("SELECT name, total_wall_s FROM functions")}
    for name in ("inside_sleep", "outside_sleep"):
        assert abs(slept[name] - truth["sleep_s"]) < 0.4 * truth["sleep_s"] + 0.05, (name, slept)
