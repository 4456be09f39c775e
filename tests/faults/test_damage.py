"""A target that damages its own interpreter: no crash, no hang, no unbounded read, no wrong stack shown as good."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from faulty import LONG, Bounded, Ended, enough
from interpreters import Interpreter
from recording import Recording

PROGRAM = Path(__file__).resolve().parent / "programs" / "damaged.py"
Ask = Callable[[str], str]
Frames = list[tuple[str, int, str]]


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
def damaged(python: Interpreter) -> Iterator[Damaged]:
    words = [python.path, str(PROGRAM)]
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


def check(done: Ended, target: Damaged, what: str) -> bool:
    """A dump of it: refused in one line, or nothing wrong in it. True when the victim's stack was shown."""
    if done.status != 0:
        assert done.status in (1, 2), (what, done)
        assert done.out == "" and done.err.count("\n") == 1, (what, done)
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


def test_damaged_structures(bounded: Bounded, python: Interpreter) -> None:
    """Links, names, code objects, lists of threads, pages that are gone: each alone, while the victim sleeps."""
    enough(python, "2.7")
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


def test_damage_while_it_is_measured(bounded: Bounded, python: Interpreter, tmp_path: Path) -> None:
    """Structures that are damaged and healed two thousand times a second, under every reading of a second."""
    enough(python, "2.7")
    with damaged(python) as target:
        target.send("storm 2")
        words = ("--rate", "10000", "--duration", "1s", "--no-html", "-o", "x.kei")
        done = bounded("attach", target.process.pid, *words)
        assert done.status == 0, done.err
        seen = 0
        for sample in Recording(tmp_path / "x.kei"):
            if sample.thread == "victim" and sample.stack:
                shown = [(function, line, file) for function, file, line in reversed(sample.stack)]
                assert shown == target.truth, shown
                seen += sample.ticks
        assert seen > 10
        assert target.said() == "done"


LIES = ["0", "8", "+8", "-8", "+16", "+1", "4096", "4294967295", "9223372036854775808", "-100"]


def test_an_offset_table_that_lies(bounded: Bounded, python: Interpreter) -> None:
    """One word of the interpreter's own table of offsets is another: each word in the long run, else a sample."""
    python.since(3, 13, "table of offsets")
    enough(python)
    with damaged(python) as target:
        cases = [(word, lie) for word in range(1, int(target.ask("words"))) for lie in LIES]
        if not LONG:
            cases = random.Random(python.version).sample(cases, 60)
        for word, lie in cases:
            target.ask(f"word {word} {lie}")
            done = bounded("dump", target.process.pid, "--json", limit_s=20)
            check(done, target, f"word {word} is {lie}")
            target.ask("heal")


BIG = """
import sys, time
size = 10000000
def leaf():
    open(sys.argv[1], "w").close()
    time.sleep(1000)
code = leaf.__code__.replace(co_name="n" * size, co_filename="f" * size)
if hasattr(code, "co_qualname"):
    code = code.replace(co_qualname="q" * size)
exec(code)
"""


def test_names_of_ten_megabytes(bounded: Bounded, python: Interpreter, tmp_path: Path) -> None:
    """They are cut, and what is shown of them is true."""
    python.since(3, 8, "code.replace")
    enough(python)
    ready = tmp_path / "ready"
    process = subprocess.Popen([python.path, "-c", BIG, str(ready)])
    try:
        while not ready.exists():
            assert process.poll() is None
        done = bounded("dump", process.pid, "--json")
        assert done.status == 0, done.err
        (frames,) = proved(done).values()
        name, _, file = frames[0]
        letter = "q" if python.minor >= (3, 11) else "n"
        assert name.rstrip("…") == letter * (len(name) - 1) and 1000 < len(name) < 100000
        assert file.rstrip("…") == "f" * (len(file) - 1) and 1000 < len(file) < 100000
        done = bounded("attach", process.pid, "--duration", "500ms", "--no-html", "-o", "x.kei")
        assert done.status == 0, done.err
        assert bounded("report", "x.kei").status == 0
        assert (tmp_path / "x.kei").stat().st_size < 4 << 20
    finally:
        process.kill()
        process.wait()
