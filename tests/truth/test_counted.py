"""What a sweep in steady state asks of the kernel and of the allocator, counted by a library that is loaded into keisoku."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import crossed
import pytest
from interpreters import Interpreter
from oracle import PROGRAMS, bare
from recording import Recording
from support import Run, busy, preloadable

pytestmark = pytest.mark.usefixtures("kind_of_frames")
RATE = 1000
READS_MAX = 3  # a sweep, whatever the number of threads, up to 64, and their depth
WARM_TENTHS = 10  # what is new is read, interned and named until then


@pytest.fixture(scope="session")
def keisoku(keisoku: str) -> str:
    return preloadable(keisoku)


@pytest.fixture
def counter(keisoku: str) -> str:
    library = Path(keisoku).resolve().parent.parent / "tests" / "tools" / "libcount-calls.so"
    if not library.exists():
        pytest.skip(f"{library} is not there: KEISOKU_BINARY names no build folder, or one with sanitizers")
    return str(library)


@pytest.fixture
def kind_of_frames(python: Interpreter) -> None:
    if python.name not in ("3.8", "3.11", "3.15") and not crossed.WHOLE:
        pytest.skip("over one interpreter of each kind of frame (tools/test --all: over every one)")


@pytest.fixture
def target(python: Interpreter, kind_of_frames: None, request: pytest.FixtureRequest) -> Iterator[int]:
    words = [python.path, str(PROGRAMS / "counted.py"), *map(str, request.param)]
    environment = {**os.environ, **python.environment}
    program = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert program.stdout is not None and program.stdout.readline() == "ready\n"
        yield program.pid
    finally:
        program.kill()
        program.communicate()


Tenths = list[dict[str, int]]


def steady(run_keisoku: Run, counter: str, pid: int, file: Path, rate: int = RATE) -> Tenths:
    """What was counted in each tenth of a second of a measurement, without those at its beginning and its end."""
    environment = {"LD_PRELOAD": counter, "KEISOKU_COUNTS": str(file)}
    words = ["attach", pid, "-q", "--duration", "2s", "--rate", rate, "--reader", "core", "--no-html"]
    done = run_keisoku(*words, env=environment)
    assert done.status == 0, done.err
    tenths: Tenths = [json.loads(line) for line in file.read_text().splitlines()]
    kept = [row for row in tenths if WARM_TENTHS <= row["tenth"] < tenths[-1]["tenth"] - 1]
    if total(kept, "sleeps") < rate / 10:
        pytest.skip(f"only {total(kept, 'sleeps')} sweeps: no core was to be had")
    return kept


def total(tenths: Tenths, *names: str) -> int:
    return sum(row[name] for row in tenths for name in names)


def a_sweep(tenths: Tenths, name: str, share: float) -> float:
    """How many, in the tenth of a second below which that share of them lie."""
    ratios = sorted(row[name] / row["sleeps"] for row in tenths if row["sleeps"])
    return ratios[int(share * len(ratios))]


@pytest.mark.parametrize("target", [(1, 200, "contend"), (64, 200, "turns"), (64, 200, "parked")], indirect=True)
def test_reads_and_allocations(run_keisoku: Run, counter: str, target: int, tmp_path: Path) -> None:
    """No allocation but for stacks that were never seen: of three measurements one meets none."""
    allocations = []
    for attempt in range(3):
        tenths = steady(run_keisoku, counter, target, tmp_path / f"counts-{attempt}")
        assert total(tenths, "remote_reads", "word_reads") <= READS_MAX * total(tenths, "sleeps"), tenths
        assert total(tenths, "remote_reads") > 0 and total(tenths, "schedstat") > 0, tenths
        allocations.append(total(tenths, "allocations"))
        if allocations[-1] == 0:
            return
    if busy():
        pytest.skip(f"the machine was too busy: threads were seen in stacks of another depth ({allocations})")
    pytest.fail(f"the sampler allocates in steady state: {allocations}")


@pytest.mark.alone
@pytest.mark.parametrize("target", [(64, 200, "contend")], indirect=True)
def test_reads_of_threads_that_wait_for_each_other(
    run_keisoku: Run, python: Interpreter, counter: str, target: int, tmp_path: Path
) -> None:
    """Each of them wakes 200 times a second, so in each sweep there are some whose stack is another and some that run while
    it is read. Reads of stacks are three a sweep here too; those of state and of the proof are counted apart, as they are
    one word each (who holds the GIL, on which core a thread is) and only of threads whose state can have changed.

    Before 3.11 frames lie apart on the heap, some 30 parts for 200 of them, and one call takes 1024 parts: such a fight
    needs several. Where others take our core away in the middle of a read, all that ran meanwhile are read again: three
    times together, then singly. In the quarter of the time in which that happened least twice as many are allowed, in half of
    it four times as many. One read a thread would be 64."""
    tenths = steady(run_keisoku, counter, target, tmp_path / "counts")
    fights = 2 if python.minor < (3, 11) else 1
    assert a_sweep(tenths, "remote_reads", 0.25) <= 2 * fights * READS_MAX, tenths
    assert a_sweep(tenths, "remote_reads", 0.5) <= 4 * fights * READS_MAX, tenths
    assert a_sweep(tenths, "word_reads", 0.25) <= READS_MAX, tenths


@pytest.mark.parametrize("target", [(64, 200, "parked")], indirect=True)
def test_proof_reads_of_those_that_may_have_run(run_keisoku: Run, counter: str, target: int, tmp_path: Path) -> None:
    """One thread runs: a sweep reads its counters before and after, and now and then looks whether it sleeps; nothing of
    the 63 that cannot have run."""
    tenths = steady(run_keisoku, counter, target, tmp_path / "counts")
    proofs = total(tenths, "schedstat", "syscall", "stat")
    assert total(tenths, "sleeps") <= proofs <= 8 * total(tenths, "sleeps"), tenths


@pytest.mark.parametrize("target", [(600, 3, "rounds")], indirect=True)
def test_proof_reads_of_many_that_sleep(
    run_keisoku: Run, counter: str, target: int, python: Interpreter, tmp_path: Path
) -> None:
    """In each sweep some have run, a dozen of six hundred: the others are not looked at one by one."""
    tenths = steady(run_keisoku, counter, target, tmp_path / "counts", 100)
    quietest = a_sweep(tenths, "schedstat", 0.1)  # one by one it is 600 in every tenth of a second
    if busy() and quietest > 200:
        pytest.skip("the machine was too busy: threads ran while others were looked at")
    assert quietest <= 200, tenths


THREADS, STEPS = 300, 20
STEP_RATE = 200


def test_no_sleep_is_taken_for_the_one_before(run_keisoku: Run, python: Interpreter, tmp_path: Path) -> None:
    """Each sleep is one call deeper. Who is believed to sleep on while it does not stays where it was."""
    path = tmp_path / "x.kei"
    words = ["run", "-q", "--no-html", "--rate", STEP_RATE, "--reader", "core", "-o", path.name]
    done = run_keisoku(*words, python.path, PROGRAMS / "steps.py", THREADS, STEPS)
    assert done.status == 0, done.err
    longest_s = json.loads(done.out)["longest_s"]
    seen: dict[int, dict[int, int]] = {}
    for one in Recording(path):
        depth = sum(bare(name) == "down" for name, _, _ in one.stack)
        if depth:
            steps = seen.setdefault(one.tid, {})
            steps[depth] = steps.get(depth, 0) + one.ticks
    ticks = [count for steps in seen.values() for count in steps.values()]
    # Distances between instants are exponential: 4 sigma more than the mean of them fall into a sleep, of so many.
    mean = longest_s * STEP_RATE
    assert max(ticks) <= mean + 5 * mean**0.5 + 5, (max(ticks), longest_s)
    if len(ticks) < 0.9 * THREADS * STEPS and busy():
        pytest.skip(f"the machine was too busy: {len(ticks)} of {THREADS * STEPS} sleeps were seen")
    assert len(ticks) >= 0.9 * THREADS * STEPS, (len(ticks), longest_s)
