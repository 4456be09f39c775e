"""One way for all truth tests to run a program under keisoku and read what came out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from interpreters import Interpreter
from recording import Recording
from support import Result, Run, busy, never

TRIES = 3
READER = ("--reader", "core")  # what everybody has; test_kernel.py has the other one, and the way from one to the other
DROPPED = 0.005  # of the samples, at the most, by the readers that are exact
DROPPED_BUSY = 0.02  # where a thread waits for its core again and again in the middle of being read


class Measured(NamedTuple):
    done: Result
    path: Path
    recording: Recording
    shown: int  # samples with a stack


def measured(
    run_keisoku: Run,
    python: Interpreter,
    program: Path | str,
    *arguments: str,
    least: int = 150,
    status: int = 0,
    env: dict[str, str] | None = None,
    options: tuple[str, ...] = (),
) -> Measured:
    """Runs the program until there are enough samples: on a busy machine a program may hardly run at all."""
    chosen = options if "--reader" in options else (*READER, *options)
    for attempt in range(TRIES):
        name = f"truth-{attempt}.kei"
        words = ["run", *chosen, "--no-html", "-o", name, python.path, program, *arguments]
        done = run_keisoku(*words, env={**python.environment, **(env or {})})
        never([done.err] if done.status != status else [], f"status {done.status}")
        path = done.folder / name
        if not path.exists():
            continue
        recording = Recording(path)
        shown = sum(sample.ticks for sample in recording if sample.stack)
        if shown >= least:
            return Measured(done, path, recording, shown)
    cores = len(os.sched_getaffinity(0))
    if os.getloadavg()[0] > 2 * cores:
        pytest.skip(f"a load of {os.getloadavg()[0]:.0f} on {cores} cores leaves too few samples")
    pytest.fail(f"fewer than {least} samples with a stack, {TRIES} times\n{done.err}", pytrace=False)


def check_dropped(trust: dict[str, Any], few: int = 10) -> None:
    """Samples without a stack, by what the report says: hardly any, or a few of a short run."""
    share = DROPPED_BUSY if busy() else DROPPED
    assert trust["dropped"] <= max(few, share * trust["samples"]), trust


def needs_kernel_pointers(run_keisoku: Run) -> None:
    """Skips the test where the kernel's software clock tells nothing of the kernel's own code."""
    row = next(line for line in run_keisoku("doctor").out.splitlines() if line.startswith("perf clock"))
    if "user and kernel code are told apart" not in row:
        pytest.skip(f"time in the kernel is not told here: {row}")
