"""A target that damages its own interpreter: no crash, no hang, no unbounded read, no wrong stack shown as good; by dump,
and by each reader while it measures."""

from __future__ import annotations

import json
import random
import subprocess
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from chunks import decode_samples
from faulty import READERS, Bounded, Ended, check_reader, enough, rounds, trust_of
from interpreters import Interpreter
from recording import Recording
from settled import when_settled
from support import busy, never, sql

PROGRAM = Path(__file__).resolve().parent / "programs" / "damaged.py"
Ask = Callable[[str], str]
Frames = list[tuple[str, int, str]]
# Behind them the victim's stack cannot be followed to its end.
SPOILS = {
    *("self-link", "cycle", "last-link", "no-address", "kernel-address", "odd-address", "null-page", "foreign-link"),
    *("foreign-code", "no-code"),
}


class Damaged:
    """The program, running; `ask` gives it a line and returns its answer."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert self.said() == "ready"
        self.truth: Frames = [(row[0], row[1], row[2]) for row in json.loads(self.ask("truth"))]

    def said(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def send(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def ask(self, line: str) -> str:
        self.send(line)
        answer = self.said()
        assert answer, f"the target died of {line!r}"
        return answer


@contextmanager
def damaged(python: Interpreter, how: str = "sleeps") -> Iterator[Damaged]:
    words = [python.path, str(PROGRAM), how]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Damaged(process)
    finally:
        process.kill()
        process.communicate()


def proved(done: Ended) -> dict[str, Frames]:
    """The stacks that a dump shows as good."""
    threads: list[dict[str, Any]] = json.loads(done.out)["threads"]
    return {
        thread["name"]: [(frame["function"], frame["line"], frame["file"]) for frame in thread["frames"]]
        for thread in threads
        if thread["proved"]
    }


def refused(done: Ended, what: str) -> bool:
    """It said so in one line, and nothing else."""
    if done.status != 0:
        assert done.status in (1, 2), (what, done)
        assert done.out == "" and done.err.count("\n") == 1, (what, done)
    return bool(done.status)


def check(done: Ended, target: Damaged, what: str) -> bool:
    """A dump of it: refused in one line, or nothing wrong in it. True when the victim's stack was shown."""
    if refused(done, what):
        return False
    for name, frames in proved(done).items():
        if name == "MainThread":
            assert [(function, file) for function, _, file in frames if file == str(PROGRAM)] in (
                [("answer", str(PROGRAM)), ("<module>", str(PROGRAM))],
                [("<module>", str(PROGRAM))],
                [],
            ), (what, frames)
        else:
            assert frames in (target.truth, []), f"{what}: shown as good: {frames}"
    return proved(done).get("victim") == target.truth


def check_recording(path: Path, target: Damaged, what: str) -> int:
    """Nothing wrong is shown of either thread. Returns in how many samples the victim's stack was."""
    ticks, wrong = 0, []
    victims = {function for function, _, file in target.truth if file == str(PROGRAM)}
    for sample in Recording(path):
        shown = [(function, line, file) for function, file, line in reversed(sample.stack)]
        if sample.thread == "victim" and shown:
            ticks += sample.ticks
            wrong += [shown] if shown != target.truth else []
        elif sample.thread == "MainThread":
            wrong += [shown] if victims & {function for function, _, file in shown if file == str(PROGRAM)} else []
    never(wrong, f"shown as good ({what})")
    return ticks


def test_damaged_structures(bounded: Bounded, python: Interpreter) -> None:
    """Links, names, code objects, lists of threads, pages that are gone: each alone, while the victim sleeps."""
    enough(python)
    with damaged(python) as target:
        if not check(bounded("dump", target.process.pid, "--json"), target, "nothing"):
            pytest.fail("an undamaged victim is not shown")
        for kind in target.ask("kinds").split():
            if target.ask(f"hurt {kind}") == "no":
                continue
            shown = check(bounded("dump", target.process.pid, "--json", limit_s=20), target, kind)
            # Threads behind the damage may be out of reach; a damaged stack may not be shown, and nothing else is.
            assert not shown or kind == "name-no-text", kind
            target.ask("heal")
        assert check(bounded("dump", target.process.pid, "--json"), target, "healed")
        assert target.process.poll() is None


def lost_by_kind(path: Path, stretches: list[tuple[str, float, float]]) -> tuple[Counter[str], int]:
    """The victim's samples without a stack, by the damage that was there at their time; and all stretches of damage that
    lie in the recording and spoil its stack."""
    ((unix_ns,),) = sql(path, "SELECT value FROM meta WHERE key = 'start_unix_ns'")
    ((length_ns,),) = sql(path, "SELECT value FROM meta WHERE key = 'duration_ns'")
    ids = {row[0] for row in sql(path, "SELECT id FROM threads WHERE name = 'victim'")}
    on_cpu = {row[0] for row in sql(path, "SELECT id FROM state WHERE on_cpu")}
    starts = [start for _, start, _ in stretches]
    lost: Counter[str] = Counter()
    for (data,) in sql(path, "SELECT data FROM sample_chunk"):
        for thread, units, stack, *_ in decode_samples(data, on_cpu):
            unix_s = int(unix_ns) / 1e9 + units * 1e-5
            kind, _, end = stretches[bisect_right(starts, unix_s) - 1]
            if thread in ids and stack == 0 and starts[0] <= unix_s <= end:
                lost[kind] += 1
    first, last = int(unix_ns) / 1e9, (int(unix_ns) + int(length_ns)) / 1e9
    return lost, sum(kind in SPOILS and first < start and end < last for kind, start, end in stretches)


STORMS = [*(("spins", reader) for reader in READERS), ("sleeps", "kernel"), ("sleeps", "core")]
TRIES = 3


@pytest.mark.company
@pytest.mark.sparse
@pytest.mark.parametrize("how,reader", STORMS, indirect=["reader"], ids=["-".join(case) for case in STORMS])
def test_damage_while_it_is_measured(
    bounded: Bounded, python: Interpreter, tmp_path: Path, how: str, reader: str
) -> None:
    """Each structure is damaged and healed again and again, under every reading of a second. A victim that runs is
    interrupted, stopped or read on its core with each kind of damage; one that sleeps went to sleep with it."""
    enough(python)
    path = tmp_path / "x.kei"
    words = ("--reader", reader, "--rate", "10000", "--duration", "1s", "--no-html", "-q", "-o", path.name)
    shown, spoiled, lost, dropped = 0, 0, Counter[str](), 0
    for _ in range(TRIES):
        with damaged(python, how) as target:
            target.send("storm 2")
            done = bounded("attach", target.process.pid, *words)
            assert done.status == 0, done.err
            stretches = [(kind, start, end) for kind, start, end in json.loads(target.said())]
        shown += check_recording(path, target, "storm")
        of_kinds, of_stretches = lost_by_kind(path, stretches)
        trust = trust_of(bounded, path)
        lost, spoiled, dropped = lost + of_kinds, spoiled + of_stretches, dropped + trust["dropped"]
        # a wait that ends unread is counted without a sample
        met = set(lost) >= SPOILS if how == "spins" else dropped > 0.1 * spoiled > 1
        if shown > 10 and met:
            break
        path.unlink()
    else:
        if busy():
            pytest.skip(f"the machine was too busy to see each kind of damage: {dict(lost)}")
        pytest.fail(f"shown {shown}, without a stack: {dict(lost)}, {dropped} of {spoiled} stretches")
    if how == "spins":
        check_reader(reader, trust)


LIES = ["0", "8", "+8", "-8", "+16", "+1", "4096", "4294967295", "9223372036854775808", "-100"]


def lies(target: Damaged, python: Interpreter, short: int, long: int) -> list[tuple[int, str]]:
    cases = [(word, lie) for word in range(1, int(target.ask("words"))) for lie in LIES]
    return random.Random(python.version).sample(cases, min(len(cases), rounds(short, long)))


def test_an_offset_table_that_lies(bounded: Bounded, python: Interpreter) -> None:
    """One word of the interpreter's own table of offsets is another: each word in the long run, else a sample."""
    python.since(3, 13, "table of offsets")
    enough(python)
    with damaged(python) as target:
        for word, lie in lies(target, python, 60, 10000):
            target.ask(f"word {word} {lie}")
            done = bounded("dump", target.process.pid, "--json", limit_s=20)
            check(done, target, f"word {word} is {lie}")
            target.ask("heal")


@pytest.mark.parametrize("reader", READERS, indirect=True)
def test_a_reader_given_a_table_that_lies(bounded: Bounded, python: Interpreter, tmp_path: Path, reader: str) -> None:
    """The offsets that it reads by come from there, those in the kernel too."""
    python.since(3, 13, "table of offsets")
    enough(python)
    with damaged(python, "spins") as target:
        taken: Counter[str] = Counter()
        for word, lie in lies(target, python, 6, 200):
            target.ask(f"word {word} {lie}")
            what = f"word {word} is {lie}"
            words = ("--reader", reader, "--rate", "10000", "--duration", "150ms", "--no-html", "-q", "-o", "x.kei")
            done = bounded("attach", target.process.pid, *words, limit_s=20)
            path = tmp_path / "x.kei"
            if not refused(done, what):
                check_recording(path, target, what)
                taken.update(trust_of(bounded, path)["proved_by"])
            path.unlink(missing_ok=True)
            target.ask("heal")
        assert taken[reader] > 10, taken


CURRENT_FRAME = 26  # word of 3.14's table: thread_state.current_frame


@pytest.mark.parametrize("reader", ["kernel"], indirect=True)
def test_where_every_read_fails(bounded: Bounded, python: Interpreter, tmp_path: Path, reader: str) -> None:
    """A look instead of each interrupt fails too, and takes longer than the next interrupt: it ends all the same."""
    if python.minor != (3, 14) or python.free_threaded:
        pytest.skip("3.14's table")
    with damaged(python, "spins") as target:
        target.ask(f"word {CURRENT_FRAME} -8")
        words = ("--reader", reader, "--rate", "50000", "--duration", "500ms", "--no-html", "-q", "-o", "x.kei")
        done = bounded("attach", target.process.pid, *words, limit_s=20)
    assert done.status == 0, done.err
    assert trust_of(bounded, tmp_path / "x.kei")["dropped"] > 100


BIG = """
import sys, time
size = 10000000
def leaf():
    open(sys.argv[1], "w").close()
    while True:
        sum(range(20000)); time.sleep(float(sys.argv[2]))
code = leaf.__code__
if hasattr(code, "replace"):
    code = code.replace(co_name="n" * size, co_filename="f" * size)
else:
    fields = ("argcount kwonlyargcount nlocals stacksize flags code consts names varnames filename name firstlineno"
              " lnotab freevars cellvars").split()
    big = {"name": "n" * size, "filename": "f" * size}
    code = type(code)(*[big.get(name, getattr(code, "co_" + name)) for name in fields if hasattr(code, "co_" + name)])
if hasattr(code, "co_qualname"):
    code = code.replace(co_qualname="q" * size)
exec(code)
"""


@contextmanager
def big(python: Interpreter, tmp_path: Path, rests_s: float) -> Iterator[subprocess.Popen[bytes]]:
    """A program whose function has names of ten megabytes, works for less than a millisecond and rests, in turns."""
    ready = tmp_path / "ready"
    process = subprocess.Popen([python.path, "-c", BIG, str(ready), str(rests_s)])
    try:
        while not ready.exists():
            assert process.poll() is None
            time.sleep(0.01)
        yield process
    finally:
        process.kill()
        process.wait()


def check_cut(python: Interpreter, name: str, file: str) -> None:
    letter = "q" if python.minor >= (3, 11) else "n"
    assert name == letter * (len(name) - 1) + "…" and 1000 < len(name) < 100000
    assert file == "f" * (len(file) - 1) + "…" and 1000 < len(file) < 100000


def test_names_of_ten_megabytes(bounded: Bounded, python: Interpreter, tmp_path: Path) -> None:
    """They are cut, and what is shown of them is true."""
    enough(python)
    with big(python, tmp_path, 1000) as process:
        done = when_settled(process.pid, 1, lambda: bounded("dump", process.pid, "--json"))
        assert done.status == 0, done.err
        (frames,) = proved(done).values()
        check_cut(python, frames[0][0], frames[0][2])


@pytest.mark.sparse
@pytest.mark.parametrize("reader", READERS, indirect=True)
def test_readers_of_names_of_ten_megabytes(bounded: Bounded, python: Interpreter, tmp_path: Path, reader: str) -> None:
    enough(python, among=("2.7", "3.8", "3.11", "3.13", "3.14", "3.15"))
    with big(python, tmp_path, 0.0005) as process:
        words = ("--reader", reader, "--rate", "10000", "--duration", "500ms", "--no-html", "-q", "-o", "x.kei")
        done = bounded("attach", process.pid, *words)
        assert done.status == 0, done.err
    path = tmp_path / "x.kei"
    check_reader(reader, trust_of(bounded, path))
    seen = {(function, file) for sample in Recording(path) for function, file, _ in sample.stack}
    (named,) = [names for names in seen if names[0] != "<module>"]
    check_cut(python, *named)
    assert path.stat().st_size < 4 << 20
