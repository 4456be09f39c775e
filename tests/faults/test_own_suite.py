"""CPython's own tests give the same result with and without us at 10 kHz: large writes, interrupted calls, signals,
sockets, threads.

Some of them fail now and then by themselves, so one turn says little. Turns come in pairs, one with us and one without,
TURNS of them. What failed with us and in no turn without is looked at again in LOOKS fresh pairs, since the first ones
were what raised the suspicion. It is ours when it fails with us in AGAIN of those or more, and in no turn without us at all.

So a failure that we cause in half of the turns is found 84 times in 100, in every turn always, in a tenth of them 5 times in
100; one that has nothing to do with us, however often it comes by itself, is called ours 2 times in 100 at most
(test_the_rule_itself). A test that fails by itself hides what we add to it. More turns would be better and take hours.
"""

from __future__ import annotations

import functools
import json
import math
import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from faulty import LONG, why_not
from interpreters import Interpreter
from support import Run

TURNS, LOOKS, AGAIN = 3, 8, 2
SHORT = [["test.test_thread"], ["test.test_subprocess", "-k", "communicate", "-k", "pipe"]]
# Begins when that file is there. Not its sockets between virtual machines: without such a neighbour they wait for ever,
# also without us.
RUN = """
import importlib, os, sys, time, unittest
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
tests = importlib.import_module(sys.argv[2])
for name in [name for name in dir(tests) if "VSOCK" in name]:
    delattr(tests, name)
unittest.main(tests, argv=["tests", "-q", *sys.argv[3:]])
"""
WHOLE = [[f"test.{name}"] for name in ("test_subprocess", "test_socket", "test_signal", "test_eintr", "test_threading")]
WAYS = ("core", "kernel", "attach")  # the reader of a program that we start; the reader from the core, joining one


def result(status: int, err: str) -> frozenset[str]:
    """What there is to say of a turn: the tests that failed, how many ran and were skipped, and how it ended."""
    ran = re.findall(r"^Ran (\d+) tests?", err, re.MULTILINE)
    told = re.findall(r"^(?:OK|FAILED)\b.*", err, re.MULTILINE)
    if not ran or not told:
        return frozenset({f"no result, status {status}"})
    skipped = re.findall(r"skipped=(\d+)", told[-1])
    said = {f"{ran[-1]} tests, {skipped[-1] if skipped else 0} skipped"}
    said |= {f"status {status}"} if status not in (0, 1) else set()
    return frozenset(said | set(re.findall(r"^(?:ERROR|FAIL): .*", err, re.MULTILINE)))


def find_ours(with_us: Callable[[], frozenset[str]], without: Callable[[int], frozenset[str]]) -> Counter[str]:
    """What fails because of us, and in how many of the fresh turns, as the rule above says."""
    bare, seen, again = set[str](), set[str](), Counter[str]()
    for turn in range(TURNS):
        bare |= without(turn)
        seen |= with_us()
    for turn in range(TURNS, TURNS + LOOKS):
        if not seen - bare:
            break
        bare |= without(turn)
        again.update(with_us() & seen)
    return Counter({what: count for what, count in again.items() if what not in bare and count >= AGAIN})


@functools.cache
def bare(python: str, words: tuple[str, ...], folder: Path, turn: int) -> frozenset[str]:
    """A turn without us; those of one number are the same for all ways to measure."""
    del turn
    command = [python, "-c", RUN, "/", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=600)
    return result(done.returncode, done.stderr)


def attached(keisoku: str, python: str, words: list[str], folder: Path) -> frozenset[str]:
    """A turn of a program that was started by itself and is joined before its tests begin."""
    go, recording = folder / "go", folder / "x.kei"
    go.unlink(missing_ok=True)
    command = [python, "-c", RUN, str(go), *words]
    ours = ["-q", "--rate", "10000", "--reader", "core", "--no-html", "-o", recording.name]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace"
    ) as target:
        attach = subprocess.Popen([keisoku, "attach", str(target.pid), *ours], cwd=folder)
        try:
            while not recording.exists() and attach.poll() is None:
                time.sleep(0.01)
            go.touch()
            _, err = target.communicate(timeout=600)
            assert attach.wait(60) == 0
        finally:
            for process in (target, attach):
                process.kill()
                process.wait()
    return result(target.returncode, err)


def launched(run_keisoku: Run, python: str, words: list[str], folder: Path, reader: str) -> frozenset[str]:
    ours = ["run", "-q", "--rate", "10000", "--reader", reader, "--no-html", "-o", "x.kei"]
    done = run_keisoku(*ours, python, "-c", RUN, "/", *words, timeout=600, cwd=folder)
    return result(done.status, done.err)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("words", WHOLE if LONG else SHORT, ids=lambda words: words[0].rpartition(".")[2])
def test_same_result(
    run_keisoku: Run,
    keisoku: str,
    python: Interpreter,
    tmp_path_factory: pytest.TempPathFactory,
    words: list[str],
    way: str,
) -> None:
    python.since(3, 8, "tests that -k chooses from")
    if not LONG and (python.name != "3.13" or way != ("attach" if words == SHORT[0] else "core")):
        pytest.skip("in the long run only (make faults)")
    if way == "kernel" and (why := why_not(keisoku, way)):
        pytest.skip(why)
    if subprocess.run([python.path, "-c", f"import {words[0]}"], capture_output=True).returncode != 0:
        pytest.skip(f"Python {python.name} came without its own tests")
    folder = tmp_path_factory.mktemp("own")
    reader = "core" if way == "attach" else way

    def with_us() -> frozenset[str]:
        if way == "attach":
            said = attached(keisoku, python.path, words, folder)
        else:
            said = launched(run_keisoku, python.path, words, folder, reader)
        trust = json.loads(run_keisoku("report", "x.kei", "--json", cwd=folder).out)["trust"]
        assert trust["proved_by"].get(reader, 0) > 100, trust
        (folder / "x.kei").unlink()
        return said

    ours = find_ours(with_us, lambda turn: bare(python.path, tuple(words), folder.parent, turn))
    assert not ours, f"with us only, of {LOOKS} fresh turns: {dict(ours)}"


def called_ours(with_us: float, without: float) -> float:
    """How likely it is of a failure that comes with these chances in a turn."""
    few = sum(math.comb(LOOKS, k) * with_us**k * (1 - with_us) ** (LOOKS - k) for k in range(AGAIN))
    return float((1 - (1 - with_us) ** TURNS) * (1 - few) * (1 - without) ** (TURNS + LOOKS))


def test_the_rule_itself() -> None:
    assert called_ours(1, 0) == 1
    assert called_ours(0.5, 0) == pytest.approx(0.84, abs=0.01) and called_ours(0.1, 0) == pytest.approx(0.05, abs=0.01)
    assert max(called_ours(n / 1000, n / 1000) for n in range(1001)) < 0.023
    assert result(1, "FAIL: test_a (t.A.test_a)\nRan 3 tests in 1s\n\nFAILED (failures=1, skipped=2)\n") == {
        "FAIL: test_a (t.A.test_a)",
        "3 tests, 2 skipped",
    }
    assert result(-11, "Ran 3 tests") == {"no result, status -11"}
    assert result(1, "Ran 1 test in 1s\nOK\n") != result(0, "Ran 2 tests in 1s\nOK\n")


@pytest.mark.parametrize("every,without,found", [(1, 0, True), (2, 0, True), (2, 5, False), (99, 0, False)])
def test_what_is_ours_is_found(every: int, without: int, found: bool) -> None:
    """A failure in each so many turns with us, and in that turn without us (0: in none)."""
    turns = iter(range(TURNS + LOOKS))
    ours = find_ours(
        lambda: frozenset({"x"} if next(turns) % every == 0 else ()),
        lambda turn: frozenset({"x"} if turn and turn == without else ()),
    )
    assert bool(ours) == found
