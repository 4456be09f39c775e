"""No stack that the program cannot have, on every interpreter: functions, lines, whole chains, threads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from interpreters import Interpreter
from measured import Measured, check_dropped, measured
from oracle import PROGRAMS, Oracle
from recording import read_collapsed
from support import Run, never, sql

Report = Callable[[Path], dict[str, Any]]


class Case(NamedTuple):
    program: str
    arguments: list[str]
    depth: int  # of its chains; 0: has none
    seen: list[str]  # functions that must have samples of their own
    since: tuple[int, int] = (2, 7)


CASES = [
    Case("alternate", ["1.2"], 0, ["leaf_a", "leaf_b", "mid_a", "mid_b", "leaf_l", "leaf_r", "middle"]),
    Case("recursion", ["1.2"], 0, ["even", "odd", "sink"]),
    Case("generators", ["1.2"], 0, ["count_a", "count_b", "double", "triple", "inner_c", "relay"], (3, 3)),
    Case("awaits", ["1.2"], 0, ["mid_a", "mid_b", "hop"], (3, 5)),
    Case("deep", ["1", "20"], 20, ["down", "leaf_l", "leaf_r"]),
    Case("deep", ["1", "500"], 500, ["down"]),
    Case("deep", ["1.5", "5000"], 5000, ["down"]),
    Case("many_threads", ["1.2", "64"], 0, ["nap"]),
    Case("many_threads", ["3", "1000"], 0, ["nap"]),
    Case("short", ["1"], 0, ["tiny_a", "tiny_b"]),
    Case("reuse", ["1.2"], 0, []),
]


# Those, and at these rates: instants come faster than a sweep ends at the last one.
RATES = ("1000", "10000", "max")
AT_RATES = [
    *(case for case in CASES if case.program not in ("deep", "many_threads")),
    Case("deep", ["1", "200"], 200, ["down"]),
    Case("many_threads", ["1.2", "16"], 0, ["nap"]),
]
STACKS = [(case, rate) for case in AT_RATES for rate in RATES]


def check_stacks(
    run_keisoku: Run, report: Report, python: Interpreter, case: Case, *options: str
) -> tuple[Measured, dict[str, Any]]:
    """Runs it and looks at every stack, and at what the report says of them, which it returns."""
    name = case.program
    python.since(*case.since, f"syntax of {name}.py")
    program = PROGRAMS / f"{name}.py"
    truth = Oracle(program, depth=case.depth)
    least = 150 if case.depth < 5000 else 20  # our own budget makes samples of such stacks few
    done = measured(run_keisoku, python, program, *case.arguments, least=least, options=options)
    _, path, recording, shown = done
    wrong = recording.impossible(truth)
    if python.minor < (3, 8):  # nothing tells a thread's name from that of one which had the identifier just before
        misnamed = [sample for _, sample in wrong if not truth.impossible(sample.stack)]
        assert sum(sample.ticks for sample in misnamed) <= 0.01 * shown, misnamed[0]
        wrong = [(reason, sample) for reason, sample in wrong if sample not in misnamed]
    never(wrong, f"impossible of {shown}")
    own = recording.ticks_by_function()
    if shown > 500:
        assert not [function for function in case.seen if not own[function]], dict(own)

    trust = report(path)["trust"]
    assert not trust["proved_by"].get("free") and not trust["proved_by"].get("kernel"), trust
    assert trust["samples"] >= shown * 0.9, trust
    check_dropped(trust)
    return done, trust


@pytest.mark.sparse
@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join([case.program, *case.arguments[1:]]))
def test_no_impossible_stack(run_keisoku: Run, report: Report, python: Interpreter, case: Case) -> None:
    (done, path, recording, _), _ = check_stacks(run_keisoku, report, python, case)
    if case.program == "many_threads":
        threads = set(json.loads(done.out)["threads"])
        known = [name for (name,) in sql(path, "SELECT name FROM threads")]
        (missed,) = sql(path, "SELECT coalesce(sum(count), 0) FROM loss WHERE name = 'thread-missed'")[0]
        nameless = sum(1 for name in known if not name or "-" not in name)
        assert len(threads - set(known)) <= missed + nameless, (sorted(threads - set(known)), missed, nameless)
        # where the sampler itself waits for a core, some live long and still have no sample
        assert len(threads - {sample.thread for sample in recording}) <= 0.5 * len(threads)


@pytest.mark.sparse(8)
@pytest.mark.parametrize("case,rate", STACKS, ids=[f"{case.program}-{rate}" for case, rate in STACKS])
def test_no_impossible_stack_at(run_keisoku: Run, report: Report, python: Interpreter, case: Case, rate: str) -> None:
    _, trust = check_stacks(run_keisoku, report, python, case, "--rate", rate)
    assert trust["proved_by"].get("core"), trust


@pytest.mark.parametrize("name", ["alternate", "many_threads"])
def test_exports_have_the_same_stacks(run_keisoku: Run, a_python: Interpreter, name: str) -> None:
    """What `export --format collapsed` shows passes the same oracle and weighs the same as the report."""
    program = PROGRAMS / f"{name}.py"
    truth = Oracle(program)
    done, path, _, _ = measured(run_keisoku, a_python, program, "1")
    exported = run_keisoku("export", path, "--format", "collapsed")
    assert exported.status == 0, exported.err
    lines = list(read_collapsed(exported.out))
    assert lines
    wrong = [(reason, line) for line in lines if (reason := truth.impossible(line[1], line[0]))]
    never(wrong, "impossible")
    assert all(weight > 0 for _, _, weight in lines)
    if name == "many_threads":
        threads = set(json.loads(done.out)["threads"])
        assert len(threads - {line[0] for line in lines}) <= 0.5 * len(threads)
