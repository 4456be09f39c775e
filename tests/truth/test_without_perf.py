"""Where the kernel refuses its software clock and BPF (a seccomp filter, as containers have): time on the CPU is one state,
`on-cpu`, and the report says what it had to go by. All that is told by the scheduler, the system call and the
interpreter itself stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ledgers
import pytest
from interpreters import Interpreter
from measured import needs_kernel_pointers
from oracle import PROGRAMS
from support import Result, Run, confined, never_crashed, never_hangs, sql

pytestmark = pytest.mark.sparse
Report = Callable[[Path], dict[str, Any]]
WITHOUT = [sys.executable, str(PROGRAMS / "without_perf.py")]
TOLD_BY_POINTERS = {"python", "native", "native+gil", "kernel"}
NOTE = "the kernel's software clock is not permitted"
SIGMAS = 4


@pytest.fixture
def refused(keisoku: str, tmp_path: Path) -> Run:
    """run_keisoku where the two calls are refused."""
    if subprocess.run([*WITHOUT, "/bin/true"], capture_output=True).returncode != 0:
        pytest.skip("no seccomp filter can be set here")

    def run(*arguments: object, env: dict[str, str] | None = None) -> Result:
        words = [*WITHOUT, keisoku, *map(str, arguments)]
        with never_hangs(words):
            done = subprocess.run(
                words,
                cwd=tmp_path,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=120,
            )
        never_crashed(done)
        return Result(done.returncode, done.stdout, done.stderr, tmp_path, words)

    return run


def states(got: dict[str, Any], kind: str) -> dict[str, float]:
    return {name: share["share"] for name, share in got["states"][kind].items()}


@pytest.mark.parametrize("reader", ["auto", "free"])
def test_on_the_cpu_is_one_state(
    refused: Run, report: Report, python: Interpreter, tmp_path: Path, reader: str
) -> None:
    words = ("--reader", reader, "--rate", "1000", "--no-html", python.path, PROGRAMS / "kinds.py", "0.8")
    done = refused("run", "-o", "x.kei", *words)
    assert done.status == 0, done.err
    got = report(tmp_path / "x.kei")
    for kind in ("wall", "cpu"):
        shares = states(got, kind)
        assert shares["on-cpu"] > 0 and not TOLD_BY_POINTERS & {name for name, of in shares.items() if of > 0}, shares
        assert sum(shares.values()) == pytest.approx(1, abs=1e-6)
    # All of its CPU time but the imports and collections, which the interpreter tells itself.
    cpu = states(got, "cpu")
    assert cpu["on-cpu"] + cpu.get("import", 0) + cpu.get("gc", 0) == pytest.approx(1, abs=1e-6), cpu
    assert got["trust"]["evidence"] == ["/proc"], got["trust"]
    said = " ".join(done.err.split())
    assert "; evidence: /proc" in said and "perf clock" not in said and (NOTE in said or reader == "free"), done.err
    assert [text for (text,) in sql(tmp_path / "x.kei", "SELECT text FROM note") if NOTE in text]
    if reader == "auto":  # the other one knows of stacks only what was found asleep
        assert {row["function"] for row in got["functions"]} >= {"spins", "hashes", "draws"}


def test_with_the_clock_it_is_several(run_keisoku: Run, report: Report, a_python: Interpreter, tmp_path: Path) -> None:
    """The same program where nothing is refused: what is zero above can be more."""
    needs_kernel_pointers(run_keisoku)
    words = ("--reader", "core", "--rate", "1000", "--no-html", a_python.path, PROGRAMS / "kinds.py", "0.8")
    assert run_keisoku("run", "-o", "x.kei", *words).status == 0
    got = report(tmp_path / "x.kei")
    told = {name for name, of in states(got, "cpu").items() if of > 0.05}
    assert {"python", "kernel"} <= told and got["trust"]["evidence"] == ["perf clock", "/proc"], got
    assert not [text for (text,) in sql(tmp_path / "x.kei", "SELECT text FROM note") if NOTE in text]


@pytest.mark.parametrize("phase", ["waits", "gc"])
def test_the_rest_of_the_ledger(refused: Run, python: Interpreter, tmp_path: Path, phase: str) -> None:
    """Waits, and what the interpreter tells itself, against what the thread timed, as test_ledger.py does."""

    def check() -> None:
        done = refused(*ledgers.words(python, phase, "core", "1.2", None), env=python.environment)
        assert done.status == 0, done.err
        path = tmp_path / "report.json"
        got = json.loads(path.read_text())
        path.unlink()
        row, truth = ledgers.subject(got), ledgers.said(done.out)
        assert got["trust"]["evidence"] == ["/proc"], got["trust"]
        ledgers.undisturbed(phase, truth, row)
        for compared in ledgers.compare(phase, truth, row):
            assert compared.near(SIGMAS), (compared, truth, row)

    why = ledgers.again(check)
    if why:
        pytest.skip(f"the machine was too busy: {why}")


def test_doctor_says_why(refused: Run) -> None:
    rows = {line[:22].strip(): line[23:] for line in refused("doctor").out.splitlines()}
    assert rows["perf clock"].split()[0] == "no" and "seccomp filter" in rows["perf clock"], rows
    assert rows["kernel sampler"].split()[0] == "no", rows
    assert "one state (on-cpu)" in rows["what this costs you"], rows


def test_the_kernel_sampler_is_refused_before_the_program_starts(
    refused: Run, a_python: Interpreter, tmp_path: Path
) -> None:
    done = refused("run", "--reader", "kernel", a_python.path, "-c", "open('started', 'w')")
    assert done.status == 125 and done.err.startswith("keisoku: --reader kernel cannot be used: "), done
    assert done.err.count("\n") == 1 and not list(tmp_path.iterdir())


def test_core_not_open(refused: Run, report: Report, a_python: Interpreter, tmp_path: Path) -> None:
    """Where we may not run, nothing can be learned of a thread that never sleeps: its time stays, its stacks do not."""
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("a single core: it is open to us")
    program = PROGRAMS / "alternate.py"
    ours, theirs = sorted(os.sched_getaffinity(0))[:2]
    code = (
        f"import os, sys, runpy; os.sched_setaffinity(0, [{theirs}]); sys.argv = ['alternate.py', '1.5'];"
        f"runpy.run_path({str(program)!r}, run_name='__main__')"
    )
    with confined(ours):
        done = refused("run", "--rate", "1000", "--no-html", "-o", "x.kei", a_python.path, "-c", code)
    assert done.status == 0, done.err
    trust = report(tmp_path / "x.kei")["trust"]
    lost = {name: count for name, count in trust["lost"].items() if name != "process-missed"}
    assert trust["samples"] > 50 and set(lost) <= {"unlearned", "other-core", "ran-meanwhile"}, trust
    assert lost.get("unlearned", 0) > 0.5 * trust["samples"], trust
    assert "ran on cores that keisoku may not run on" in " ".join(done.err.split()), done.err
