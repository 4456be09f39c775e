"""The tools that are measured, one row each: how to run one around a program, and how to read the stacks it wrote."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interpreters import Interpreter
from oracle import Stack
from recording import Recording

TOP = Path(__file__).resolve().parent.parent
KEISOKU = os.environ.get("KEISOKU_BINARY", str(TOP / "build" / "cli" / "keisoku"))
BIN = Path(sys.prefix) / "bin"
INSIDE = TOP / "bench" / "requirements-inside.txt"

# (thread name or "", stack, weight)
Stacks = Iterator[tuple[str, Stack, float]]


@dataclass(frozen=True)
class Run:
    """What one run of a program, bare or under a tool, came to."""

    status: int
    out: str
    err: str
    wall_s: float
    tree_cpu_s: float  # user and system, the tool, the program and everything they waited for
    file: Path


# Where a program's stack begins depends on the size of its environment, and how fast it is on where that is: another one
# for each run, so that this is in the spread and not in the result.
PADDING = random.Random(4)


@dataclass(frozen=True)
class Tool:
    name: str
    versions: Callable[[tuple[int, int]], bool]  # of the Python it can measure
    words: Callable[
        [Interpreter, Path, list[str]], list[str]
    ]  # its command line: python, output, program and arguments
    stacks: Callable[[Path, Path], Stacks]  # reads its output: file, program


def execute(
    words: list[str], file: Path, folder: Path, timeout_s: float = 120, environment: dict[str, str] | None = None
) -> Run:
    """Runs and reaps a command so that its CPU time is its own and its children's, nothing else's."""
    out, err = folder / "stdout", folder / "stderr"
    with out.open("w") as out_file, err.open("w") as err_file:
        start = time.perf_counter()
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=out_file,
            stderr=err_file,
            cwd=folder,
            env={**os.environ, **(environment or {}), "PADDING": "x" * PADDING.randrange(4096)},
        )
        limit = threading.Timer(timeout_s, process.kill)
        limit.start()
        _, status, usage = os.wait4(process.pid, 0)  # asleep: who looks now and then has a core meanwhile
        limit.cancel()
        wall_s = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    return Run(
        process.returncode,
        out.read_text(errors="replace"),
        err.read_text(errors="replace"),
        wall_s,
        usage.ru_utime + usage.ru_stime,
        file,
    )


# ---- reading what they write -----------------------------------------------------------------------------------------


def keisoku_stacks(file: Path, program: Path) -> Stacks:
    for sample in Recording(file):
        if sample.stack:
            yield sample.thread, sample.stack, sample.ticks


def number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


PY_SPY_FRAME = re.compile(r"(.*) \((.*?)(?::(\d+))?\)$")


def py_spy_stacks(file: Path, program: Path) -> Stacks:
    for line in file.read_text(errors="replace").split("\n"):
        path, _, weight = line.rpartition(" ")
        found = [PY_SPY_FRAME.match(frame) for frame in path.split(";")]
        stack = tuple((match[1], match[2], int(match[3] or 0)) for match in found if match)
        if stack:
            yield "", stack, float(weight)


def austin_stacks(file: Path, program: Path) -> Stacks:
    for line in file.read_text(errors="replace").split("\n"):
        path, _, weight = line.rpartition(" ")
        frames = [frame.rsplit(":", 2) for frame in path.split(";")[2:]]
        stack = tuple((frame[1], frame[0], number(frame[2])) for frame in frames if len(frame) == 3)
        if stack and line.startswith("P"):
            yield "", stack, float(weight)


TACHYON_STACK = re.compile(r"(.+?) (\d+)\n", re.DOTALL)  # names read from what is no code object hold line breaks too


def tachyon_stacks(file: Path, program: Path) -> Stacks:
    for path, weight in TACHYON_STACK.findall(file.read_text(errors="replace")):
        frames = [frame.rsplit(":", 2) for frame in path.split(";")[1:]]
        # It writes the program's file without its folder.
        stack = tuple(
            (frame[1], str(program) if frame[0] == program.name else frame[0], number(frame[2]))
            for frame in frames
            if len(frame) == 3
        )
        if stack:
            yield "", stack, float(weight)


def pyinstrument_stacks(file: Path, program: Path) -> Stacks:
    told = json.loads(file.read_text())
    per_second = told["sample_count"] / max(told["duration"], 1e-9)

    def walk(frame: dict[str, Any], above: Stack) -> Stacks:
        stack = (*above, (frame["function"], frame["file_path"] or "", 0))
        rest = frame["time"] - sum(child["time"] for child in frame["children"])
        if rest > 0 and not frame["function"].startswith("["):
            yield "", stack, rest * per_second
        for child in frame["children"]:
            yield from walk(child, above if frame["function"].startswith("[") else stack)

    if told["root_frame"]:
        yield from walk(told["root_frame"], ())


SCALENE_FRAME = re.compile(r"(.*) (\S+):(\d+);?$")


def scalene_stacks(file: Path, program: Path) -> Stacks:
    for frames, told in json.loads(file.read_text()).get("stacks", []):
        found = [SCALENE_FRAME.match(frame) for frame in frames]
        stack = tuple((match[2], match[1], int(match[3])) for match in found if match)
        if stack:
            yield "", stack, float(told["count"])


# ---- running them ------------------------------------------------------------------------------------------------------


def keisoku(*more: str) -> Callable[[Interpreter, Path, list[str]], list[str]]:
    def words(python: Interpreter, file: Path, program: list[str]) -> list[str]:
        return [KEISOKU, "run", "-q", "--no-html", *more, "-o", str(file), python.path, *program]

    return words


def py_spy(rate: int, *more: str) -> Callable[[Interpreter, Path, list[str]], list[str]]:
    def words(python: Interpreter, file: Path, program: list[str]) -> list[str]:
        options = ["-r", str(rate), "-f", "raw", "--full-filenames", "-o", str(file), *more]
        return [str(BIN / "py-spy"), "record", *options, "--", python.path, *program]

    return words


def tachyon(*more: str) -> Callable[[Interpreter, Path, list[str]], list[str]]:
    def words(python: Interpreter, file: Path, program: list[str]) -> list[str]:
        options = ["-r", "1khz", "-a", "--collapsed", "-o", str(file), *more]
        return [python.path, "-m", "profiling.sampling", "run", *options, *program]

    return words


def inside(python: Interpreter) -> str:
    """A folder with the peers that run in the program itself, for that interpreter."""
    folder = Path(sys.prefix) / f"inside-{python.name}"
    if not (folder / "complete").exists():
        words = [sys.executable, "-m", "pip", "install", "-q", "--target", str(folder), "--only-binary", ":all:"]
        words += ["--python-version", python.name.rstrip("tdx"), "--implementation", "cp"]
        done = subprocess.run([*words, "-r", str(INSIDE)], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
        (folder / "complete").touch()
    return str(folder)


def pyinstrument(python: Interpreter, file: Path, program: list[str]) -> list[str]:
    words = ["-m", "pyinstrument", "-i", "0.001", "-r", "json", "-o", str(file), *program]
    return ["env", f"PYTHONPATH={inside(python)}", python.path, *words]


def scalene(python: Interpreter, file: Path, program: list[str]) -> list[str]:
    words = ["-m", "scalene", "run", "--cpu-only", "-o", str(file), *program]
    named = 'file=$1; shift; "$@"; status=$?; mv "$file.json" "$file"; exit $status'  # it adds a suffix
    return ["sh", "-c", named, "sh", str(file), "env", f"PYTHONPATH={inside(python)}", python.path, *words]


def only(*minors: tuple[int, int]) -> Callable[[tuple[int, int]], bool]:
    return lambda minor: minor in minors


TOOLS = {
    tool.name: tool
    for tool in (
        Tool("bare", lambda _: True, lambda python, _, program: [python.path, *program], lambda *_: iter(())),
        Tool("keisoku", lambda _: True, keisoku(), keisoku_stacks),  # as it comes: 1 kHz or what the budget allows
        Tool("keisoku 1 kHz", lambda _: True, keisoku("--rate", "1000"), keisoku_stacks),  # asked for: no budget
        Tool("keisoku 1 kHz, core", lambda _: True, keisoku("--rate", "1000", "--reader", "core"), keisoku_stacks),
        Tool("kernel, 50 kHz", lambda _: True, keisoku("--rate", "50000", "--reader", "kernel"), keisoku_stacks),
        Tool("kernel, max", lambda _: True, keisoku("--rate", "max", "--reader", "kernel"), keisoku_stacks),
        Tool("core, max", lambda _: True, keisoku("--rate", "max", "--reader", "core"), keisoku_stacks),
        Tool("free, 100 kHz", lambda _: True, keisoku("--rate", "100000", "--reader", "free"), keisoku_stacks),
        Tool("py-spy 100 Hz", lambda minor: minor <= (3, 14), py_spy(100), py_spy_stacks),
        Tool("py-spy 1 kHz", lambda minor: minor <= (3, 14), py_spy(1000), py_spy_stacks),
        Tool(
            "py-spy 1 kHz, not stopping", lambda minor: minor <= (3, 14), py_spy(1000, "--nonblocking"), py_spy_stacks
        ),
        Tool(
            "austin 1 kHz",
            lambda minor: (3, 9) <= minor <= (3, 13),
            lambda python, file, program: [
                str(BIN / "austin"),
                "-i",
                "1ms",
                "-t",
                "3s",
                "-o",
                str(file),
                python.path,
                *program,
            ],
            austin_stacks,
        ),
        Tool("3.15's sampler 1 kHz", only((3, 15)), tachyon(), tachyon_stacks),
        Tool("pyinstrument 1 ms", lambda minor: minor >= (3, 8), pyinstrument, pyinstrument_stacks),
        Tool("scalene", lambda minor: minor >= (3, 8), scalene, scalene_stacks),
        Tool("3.15's sampler 1 kHz, stopping", only((3, 15)), tachyon("--blocking"), tachyon_stacks),
    )
}
