"""Counted calls (run --calls, --arg-hash): exact, of all kinds of functions, threads and processes, and nothing of it
stays behind in the program or on the machine."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from interpreters import Interpreter
from oracle import PROGRAMS, bare
from support import Result, Run, shared_library

# calls, told, repeats, gave none, compared, changed
PLAIN = {
    "plain": (8000, 8000, 8000 - 17, 0, 8000 - 17, 0),
    "effect": (5000, 5000, 0, 5000, 0, 0),
    "changing": (5000, 5000, 4999, 0, 4999, 4999),
    "texts": (5000, 5000, 5000 - 6, 0, 5000 - 6, 0),
    "fib": (1973, 1973, 1973 - 16, 0, 1973 - 16, 0),
    "deep": (501, 501, 0, 0, 0, 0),
    "half": (2500, 2500, 2495, 0, 2495, 0),
    "worker": (3, 3, 2, 3, 2, 0),
}
# Arguments that are no plain values, or not all that it works on; or it never came back.
UNTOLD = {"large": 100, "numbers": 41, "fails": 700, "through": 700, "__init__": 1, "__getitem__": 2500, "shown": 2500}
UNTOLD |= {"big": 200, "given": 200, "inner": 2500, "step": 50, "steps": 1}
PLACE = Path("/dev/shm")


def left() -> list[Path]:
    """Directories of agents that no keisoku holds any more."""
    found = []
    for path in PLACE.glob("keisoku-agent-*"):
        try:
            directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
            found.append(path)
        except BlockingIOError:
            pass
        finally:
            os.close(directory)
    return found


@pytest.fixture
def counted(python: Interpreter) -> None:
    python.since(3, 8, "audit hook, by which the agent gets in")


def counts(done: Result, program: str) -> dict[str, tuple[int, ...]]:
    rows = done.sql(
        "SELECT name.text, sum(calls), sum(told), sum(repeats), sum(gave_none), sum(compared), sum(changed)"
        " FROM call_count JOIN function ON function.id = function"
        " JOIN string AS name ON name.id = name JOIN string AS file ON file.id = file"
        " WHERE file.text LIKE '%/' || ? GROUP BY name.text",
        program,
    )
    return {bare(str(name)): tuple(numbers) for name, *numbers in rows}


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize("option", ["--calls", "--arg-hash"])
def test_counts_are_exact(run_keisoku: Run, python: Interpreter, option: str) -> None:
    done = run_keisoku("run", option, "-q", "--no-html", python.path, PROGRAMS / "calls.py")
    assert (done.status, done.out) == (0, "done []\n"), done.err
    found = counts(done, "calls.py")
    for name, row in PLAIN.items():
        told = option == "--arg-hash" and not python.free_threaded
        assert found[name] == (row if told else (row[0], 0, 0, 0, 0, 0)), name
    if python.minor == (3, 11) and "__getitem__" not in found:  # early ones run it without asking
        found["__getitem__"] = (2500, 0, 0, 0, 0, 0)
    for name, calls in UNTOLD.items():
        assert found[name] == (calls, 0, 0, 0, 0, 0), name
    assert found["outer"][0] == 2500  # its argument is shared with the function in it, and lies elsewhere before 3.11
    assert "never" not in found  # a generator that nobody asked for anything
    assert not [path for path in left() if path.exists()]


@pytest.mark.usefixtures("counted")
def test_the_count_outlives_the_program(run_keisoku: Run, python: Interpreter) -> None:
    done = run_keisoku("run", "--calls", "-q", "--no-html", python.path, PROGRAMS / "calls.py", "kill")
    assert (done.status, done.out) == (128 + 9, "done []\n"), done.err
    assert counts(done, "calls.py")["plain"][0] == 8000


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize("option", [[], ["--no-children"]])
def test_children_of_all_kinds(run_keisoku: Run, python: Interpreter, option: list[str]) -> None:
    words = ["run", "--calls", *option, "-q", "--no-html", python.path, PROGRAMS / "calls_children.py"]
    done = run_keisoku(*words)
    assert done.status == 0, done.err
    rows = done.sql(
        "SELECT pid, calls FROM call_count JOIN function ON function.id = function"
        " JOIN string ON string.id = name JOIN process ON process.id = process WHERE text = 'work'"
    )
    found: Counter[int] = Counter()
    for pid, calls in rows:
        found[pid] += calls
    # the last one takes the first one's place, under the same number
    assert sorted(found.values()) == ([80] if option else [20, 30, 40, 50, 60, 80])


@pytest.mark.usefixtures("counted")
def test_what_a_killed_recorder_left_goes(keisoku: str, run_keisoku: Run, python: Interpreter, tmp_path: Path) -> None:
    code = "import time; print('up', flush=True); time.sleep(30)"
    words = [keisoku, "run", "--calls", "-q", "--no-html", "-o", "killed.kei", python.path, "-c", code]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as recorder:
        assert recorder.stdout is not None and recorder.stdout.readline() == "up\n"
        children = Path(f"/proc/{recorder.pid}/task/{recorder.pid}/children").read_text().split()
        place = next(found.parent for child in children for found in PLACE.glob(f"keisoku-agent-*/{child}.0"))
        recorder.send_signal(signal.SIGKILL)
        os.kill(int(children[0]), signal.SIGKILL)
    old = time.time() - 60
    os.utime(place, (old, old))
    done = run_keisoku("run", "--calls", "-q", "--no-html", "-o", "next.kei", python.path, "-c", "pass")
    assert done.status == 0, done.err
    assert not place.exists()


@pytest.mark.usefixtures("counted")
def test_a_segment_is_not_trusted(run_keisoku: Run, python: Interpreter) -> None:
    python.since(3, 9, "randbytes")
    done = run_keisoku("run", "--arg-hash", "-q", "--no-html", python.path, PROGRAMS / "calls_spoilt.py")
    assert done.status in (0, 128 + 11), done.err  # the program may hurt itself
    assert run_keisoku("report", done.recording).status == 0
    for calls, told, repeats, compared, changed in done.sql(
        "SELECT calls, told, repeats, compared, changed FROM call_count"
    ):
        assert min(calls, told, repeats, compared - changed, changed) >= 0


LEAVES = """
import sys, time
def work(): pass
end = time.time() + 3
while time.time() < end:
    work()
    time.sleep(0.001)
    if any(sys.monitoring.get_tool(i) == "keisoku" for i in range(6)):
        seen = True
print(seen, [i for i in range(6) if sys.monitoring.get_tool(i)])
"""


@pytest.mark.usefixtures("counted")
def test_the_agent_leaves_when_the_recording_ends(run_keisoku: Run, python: Interpreter) -> None:
    python.since(3, 12, "sys.monitoring")
    done = run_keisoku("run", "--calls", "--duration", "1s", "-q", "--no-html", python.path, "-c", LEAVES)
    assert (done.status, done.out) == (0, "True []\n"), done.err


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize("words", [["-X", "dev"], ["-I", "-S"], ["-X", "importtime"]])
def test_however_python_is_started(run_keisoku: Run, python: Interpreter, words: list[str]) -> None:
    code = "def work(): pass\nfor i in range(321): work()"
    done = run_keisoku("run", "--calls", "-q", "--no-html", python.path, *words, "-c", code)
    assert done.status == 0, done.err
    assert "rror" not in done.err
    assert (321,) in done.sql("SELECT calls FROM call_count")


DEEP = """
import sys, threading
sys.setrecursionlimit(10 ** 6)
def down(n):
    return down(n - 1) if n else 0
print(down(50000))
"""


@pytest.mark.usefixtures("counted")
def test_as_deep_as_without(run_keisoku: Run, python: Interpreter) -> None:
    bare_run = subprocess.run([python.path, "-c", DEEP], capture_output=True, text=True)
    if bare_run.returncode != 0:
        pytest.skip(f"{python.name} does not go that deep by itself")
    done = run_keisoku("run", "--calls", "-q", "--no-html", python.path, "-c", DEEP)
    assert (done.status, done.out) == (0, "0\n"), done.err


MADE = """
for i in range(40000):
    exec(f"def made(): return {i}\\nmade()")
def work(): pass
for i in range(77): work()
"""


@pytest.mark.usefixtures("counted")
def test_code_that_is_made_again_and_again(run_keisoku: Run, python: Interpreter) -> None:
    done = run_keisoku("run", "--calls", "-q", "--no-html", python.path, "-c", MADE)
    assert done.status == 0, done.err
    rows = dict(
        done.sql(
            "SELECT text, sum(calls) FROM call_count JOIN function ON function.id = function"
            " JOIN string ON string.id = name GROUP BY text"
        )
    )
    assert rows["made"] == 40000 and rows["work"] == 77
    assert not done.sql("SELECT * FROM loss WHERE name = 'call-uncounted'")


MANY = """
for i in range(20000):
    exec(f"def made_{i}(): pass\\nmade_{i}()")
"""


@pytest.mark.usefixtures("counted")
def test_what_finds_no_room_is_told(run_keisoku: Run, python: Interpreter) -> None:
    done = run_keisoku("run", "--calls", "-q", "--no-html", python.path, "-c", MANY)
    assert done.status == 0, done.err
    counted, lost = (
        done.sql(
            "SELECT sum(calls) FROM call_count JOIN function ON function.id = function"
            " JOIN string ON string.id = name WHERE text LIKE 'made_%'"
        )[0][0],
        done.sql("SELECT count FROM loss WHERE name = 'call-uncounted'")[0][0],
    )
    assert counted < 20000 <= counted + lost


@pytest.mark.usefixtures("counted")
def test_operands_are_told_all_the_same(run_keisoku: Run, python: Interpreter) -> None:
    code = "kept = list(range(20000))\ndef look():\n    return -1 in kept\nfor i in range(6000): look()"
    done = run_keisoku("run", "--arg-hash", "-q", "--no-html", python.path, "-c", code)
    assert done.status == 0, done.err
    looks = done.sql(
        "SELECT sum(looks) FROM operand JOIN string ON string.id = operation WHERE text = 'in'" " AND most = 20000"
    )
    assert (looks[0][0] or 0) > 5


@pytest.mark.usefixtures("counted")
def test_a_preload_of_the_users_stays(run_keisoku: Run, python: Interpreter, tmp_path: Path) -> None:
    library = shared_library(tmp_path, "int quiet_library = 1;\n")
    code = "import os; print(os.environ['LD_PRELOAD'], 'KEISOKU_AGENT' in os.environ)"
    done = run_keisoku("run", "--calls", "-q", "--no-html", python.path, "-c", code, env={"LD_PRELOAD": str(library)})
    assert (done.status, done.out) == (0, f"{library} False\n"), done.err


def test_that_none_was_counted_is_said(run_keisoku: Run, python: Interpreter) -> None:
    if python.minor >= (3, 8):
        pytest.skip(f"{python.name} is counted in")
    done = run_keisoku("run", "--calls", "-q", "--no-html", python.path, "-c", "print(sum(range(3000000)))")
    assert done.status == 0, done.err
    assert any("nothing was counted in the program" in str(text) for (text,) in done.sql("SELECT text FROM note"))
