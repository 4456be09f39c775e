"""A program that makes new code for ever is measured in bounded memory, and what is let go of changes nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from interpreters import Interpreter
from measured import measured
from oracle import PROGRAMS, Oracle
from support import Run, never, sql

pytestmark = pytest.mark.sparse
TINY = {"KEISOKU_MEMORY": "1"}  # bytes: everything is let go of as soon as it may be
MADE = re.compile(r"link_(\d+)_(\d+)")
DEEP = 50
MB = 1 << 20


def figure(path: Path, key: str) -> float:
    return float(sql(path, f"SELECT value FROM self WHERE key = '{key}'")[0][0])


@pytest.mark.parametrize(
    ("name", "reader"),
    [("reuse", "core"), ("reuse", "free"), ("reuse", "kernel"), ("awaits", "core"), ("many_threads", "core")],
)
def test_no_impossible_stack(run_keisoku: Run, python: Interpreter, name: str, reader: str) -> None:
    """Stacks are read anew and named anew all the time, and none of them is another's."""
    python.since(3, 5, f"syntax of {name}.py")
    if reader == "kernel" and run_keisoku("run", "--reader", "kernel", "-q", "--no-html", "-c", "0").status != 0:
        pytest.skip("the kernel sampler is not permitted here")
    arguments = ["1.5", "64"] if name == "many_threads" else ["1.5"]
    program = PROGRAMS / f"{name}.py"
    _, path, recording, shown = measured(
        run_keisoku, python, program, *arguments, env=TINY, options=("--reader", reader)
    )
    wrong = recording.impossible(Oracle(program))
    if python.minor < (3, 8):
        wrong = [(reason, sample) for reason, sample in wrong if Oracle(program).impossible(sample.stack)]
    never(wrong, f"impossible of {shown}")
    assert sql(path, "SELECT count(*) - count(DISTINCT text) FROM string") == [(0,)]
    assert sql(path, "SELECT count(*) FROM (SELECT 1 FROM stack GROUP BY parent, frame HAVING count(*) > 1)") == [(0,)]


def test_sums_are_those_of_the_chains(run_keisoku: Run, python: Interpreter) -> None:
    """Of a thousand functions: each sample has one whole chain, and nothing is counted twice or lost."""
    options = ("--reader", "core", "--no-source")
    _, path, recording, shown = measured(
        run_keisoku, python, PROGRAMS / "makes.py", "20", "0.08", env=TINY, options=options
    )
    chains = 0
    for sample in recording:
        links = [MADE.fullmatch(function.rpartition(".")[2]) for function, _, _ in sample.stack]
        made = [(int(link[1]), int(link[2])) for link in links if link]
        if made:
            assert made == [(made[0][0], at) for at in range(len(made))], made
            chains += sample.ticks if len(made) == DEEP else 0
    assert chains > 0.5 * shown, (chains, shown)
    columns = "name, file, first_line, kind"
    assert not sql(path, f"SELECT {columns} FROM function GROUP BY {columns} HAVING count(*) > 1")
    chunks, sums, times = (
        sql(path, f"SELECT sum({column}) FROM {table}")[0][0]
        for column, table in (("samples", "sample_chunk"), ("ticks", "stack_sum"), ("wall_ns", "stack_time"))
    )
    lives = sql(path, "SELECT sum(end_s - start_s) FROM threads")[0][0]
    assert sums >= chunks > 0
    assert times / 1e9 == pytest.approx(lives, abs=1e-3)


def test_memory_is_bounded(run_keisoku: Run, python: Interpreter) -> None:
    """Each function that was met takes more than half a kilobyte where nothing is let go of."""
    limit = 4 * MB
    least = 30_000  # functions, for the difference to be plain
    sizes = {}
    for memory in (limit, 1 << 40):
        options = ("--reader", "core", "--no-source", "--rate", "2000")
        _, path, _, _ = measured(
            run_keisoku,
            python,
            PROGRAMS / "makes.py",
            "1000",
            "0.002",
            env={"KEISOKU_MEMORY": str(memory)},
            options=options,
        )
        functions = sql(path, "SELECT count(*) FROM function")[0][0]
        if functions < least:
            pytest.skip(f"only {functions} functions were met: the machine is too busy")
        sizes[memory] = figure(path, "own_rss_bytes")
        path.unlink()
    assert sizes[limit] + 10 * MB < sizes[1 << 40], sizes
