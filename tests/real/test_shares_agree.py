"""The readers agree on where the time of real programs goes, and so does a count without samples.

richards, hexiom and raytrace are small methods that call each other millions of times a second: what is hard for whoever
looks at instants. Each is recorded bare by the kernel sampler, from its own core and by stops, and their shares of every
function above 2 % are compared pair by pair: they may differ by what their samples do by chance once in a million. Then each
reader records the program while clocks run between all of its calls (agreement.py says what these prove): its shares must
lie within the clocks' bounds, or beside them by as much chance. The bounds are narrow, a tenth of the share, where a
function computes for a microsecond between its calls; for one that takes 0.1 µs they are as wide as its share, and there
the readers say more of each other than the clocks of them.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from support import Run, busy

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "truth"))
import agreement  # noqa: E402
from agreement import Apart, DisturbedError, RefusedError, Told  # noqa: E402

SIGMAS = 4.9  # once in a million, of a normal distribution; some 200 comparisons are made
SECONDS = {"kernel": 0.9, "core": 0.9, "stop": 1.6}  # of CPU time, in whole rounds of the program
ROUNDS = 2  # of a bare one


@pytest.fixture(scope="session")
def clocks(keisoku: str) -> Path:
    library = Path(keisoku).resolve().parent.parent / "tests" / "tools" / "libtime-frames.so"
    if not library.exists():
        pytest.skip(f"{library} is not there: KEISOKU_BINARY names no build folder, or one with sanitizers")
    return library


def recorded(run_keisoku: Run, real: Any, name: str, reader: str, library: Path | None = None) -> Told:
    script = real.benchmarks / f"bm_{name}" / "run_benchmark.py"
    words = agreement.words(real.python, script, name, SECONDS[reader], reader, library)
    done = run_keisoku(*words, env={"PYTHONHASHSEED": "0"})
    return agreement.told(reader, done.status, done.out, done.err, done.folder / "x.kei", script)


def check(found: Iterable[Apart]) -> int:
    compared = list(found)
    wrong = [str(one) for one in compared if one.sigmas > SIGMAS]
    if wrong and busy():
        pytest.skip(f"the machine was too busy: {wrong[0]}")
    assert not wrong, wrong
    return len(compared)


def runs_of(run_keisoku: Run, real: Any, name: str, library: Path | None = None) -> tuple[list[Told], list[str]]:
    """A run by each reader, and why there is none by the others."""
    runs, refused = [], []
    for reader in agreement.RATES:
        try:
            rounds = [recorded(run_keisoku, real, name, reader, library) for _ in range(1 if library else ROUNDS)]
            runs.append(agreement.together(rounds))
        except RefusedError as why:
            refused.append(f"{reader}: {why}")
        except DisturbedError as why:
            pytest.skip(f"the machine was too busy: {why}")
    return runs, refused


@pytest.mark.parametrize("real", ["3.14"], indirect=True)
@pytest.mark.parametrize("name", agreement.PROGRAMS)
def test_readers_agree(run_keisoku: Run, real: Any, name: str) -> None:
    runs, refused = runs_of(run_keisoku, real, name)
    compared = check(agreement.by_readers(runs))
    assert compared >= 4 * len(runs) * (len(runs) - 1) / 2, runs
    if refused:
        pytest.skip(f"{len(runs)} readers agree; not permitted here: {'; '.join(refused)}")


@pytest.mark.parametrize("real", ["3.14"], indirect=True)
@pytest.mark.parametrize("name", agreement.PROGRAMS)
def test_readers_agree_with_clocks(run_keisoku: Run, real: Any, clocks: Path, name: str) -> None:
    runs, refused = runs_of(run_keisoku, real, name, clocks)
    for run in runs:
        assert check(agreement.by_clocks(run)) >= 4, run
    if refused:
        pytest.skip(f"{len(runs)} readers agree with the clocks; not permitted here: {'; '.join(refused)}")


def test_the_check_itself() -> None:
    """Of 6000 samples each, 5 points more for a third are found, and 3 are not. Rounds that differ count for less."""
    one = Told("kernel", Counter({"a": 2000, "b": 4000}))
    assert check(agreement.by_readers([one, Told("core", Counter({"a": 2180, "b": 3820}))])) == 2
    with pytest.raises((AssertionError, pytest.skip.Exception), match="a: 33.33% by kernel, 38.33% by core"):
        check(agreement.by_readers([one, Told("core", Counter({"a": 2300, "b": 3700}))]))
    row = {"calls": 10, "made": 0, "ns": 3000}
    agreement.bound(
        one, {"call_ns": 30, "reading_ns": 0, "functions": {"a": row, "b": {"calls": 0, "made": 10, "ns": 6000}}}
    )
    assert (one.low["a"], one.high["a"]) == pytest.approx((0.3, 1 / 3)) and one.high["b"] == pytest.approx(0.7)
    assert all(apart.sigmas == pytest.approx(0, abs=1e-6) for apart in agreement.by_clocks(one))
    spread = agreement.together([Told("stop", Counter({"a": a, "b": 900})) for a in (100, 160)]).spread
    assert spread == pytest.approx(3.48, abs=0.01)
    one.ticks["a"] = 3000
    with pytest.raises((AssertionError, pytest.skip.Exception), match="a: 42.86% by kernel, 33.33% by clocks"):
        check(agreement.by_clocks(one))
