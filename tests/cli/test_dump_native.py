"""dump --native: frames of compiled code between Python's, against a library that knows its own call chain."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from interpreters import Interpreter
from support import Run, shared_library

# outer calls middle, which calls leaf, which sleeps or runs for ever; bridge calls a Python function. scribble sleeps on
# a stack of nonsense.
LIBRARY = """
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
volatile unsigned long work;
__attribute__((noinline)) int leaf(int runs) { for (;;) if (runs) work++; else pause(); return 1; }
__attribute__((noinline)) int middle(int runs) { return leaf(runs) + 1; }
__attribute__((noinline)) int outer(int runs) { return middle(runs) + 1; }
__attribute__((noinline)) int bridge(int (*back)(void)) { return back() + 1; }
__attribute__((noinline)) int scribble(unsigned seed)
{
    uint64_t *at = __builtin_frame_address(0);
    for (int i = 0; i < 200; i++) {
        seed = seed * 1664525 + 1013904223;
        uint64_t places[] = {(uintptr_t)leaf, (uintptr_t)outer, (uintptr_t)pause, (uintptr_t)qsort, (uintptr_t)at};
        at[i] = seed >> 30 == 3 ? seed * 0x9e3779b97f4a7c15u : places[(seed >> 8) % 5] + (seed >> 16) % 256;
    }
    for (;;) pause();
    return 1;
}
"""
CHAIN = """
import ctypes, sys, threading
library = ctypes.CDLL(sys.argv[1])
@ctypes.CFUNCTYPE(ctypes.c_int)
def called():
    return library.outer(threading.current_thread().name == "runs")
def inner():
    library.bridge(called)
def chain():
    inner()
for name in "sleeps", "runs":
    threading.Thread(target=chain, name=name, daemon=True).start()
sys.stdout.write("ready\\n")
sys.stdout.flush()
sys.stdin.read()
"""
DAMAGED = """
import ctypes, sys, threading
library = ctypes.CDLL(sys.argv[1])
for seed in range(24):
    threading.Thread(target=library.scribble, args=(seed * 7919,), daemon=True).start()
sys.stdout.write("ready\\n")
sys.stdout.flush()
sys.stdin.read()
"""
# As root without its rights: what an ordinary user has of a program of theirs.
WITHOUT_RIGHTS = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
PYTHON = ["chain", "inner", "called"]
NATIVE = ["outer", "middle", "leaf"]

Build = Callable[[str], Path]
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Build:
    folder = tmp_path_factory.mktemp("chain")
    return lambda flag: shared_library(folder, LIBRARY, "-fno-stack-protector", flag)


@pytest.fixture
def start() -> Iterator[Start]:
    running: list[subprocess.Popen[str]] = []

    def start_one(*words: str) -> subprocess.Popen[str]:
        run = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        running.append(run)
        assert run.stdout is not None
        assert run.stdout.readline() == "ready\n"
        return run

    yield start_one
    for run in running:
        run.kill()
        run.communicate()


def threads(text: str) -> dict[str, Any]:
    return {thread["name"]: thread for thread in json.loads(text)["threads"]}


def dumped(run_keisoku: Run, pid: int) -> dict[str, Any]:
    done = run_keisoku("dump", "--native", "--json", pid)
    if "without it" in done.err:
        pytest.skip(done.err)
    assert done.status == 0, done.err
    return threads(done.out)


def check_chain(thread: dict[str, Any], file: Path) -> None:
    """Outermost first: Python's frames and the library's are what they are, with ctypes and libffi alone between."""
    frames = [(frame["function"], frame["file"]) for frame in reversed(thread["frames"])]
    between = re.compile("/_ctypes|libffi")
    # A jump through the linkage table is code without a name: the file stands for it.
    shown = [frame for frame in frames if frame != (file.name, str(file))]
    first = shown.index(("chain", "<string>"))
    leaf = shown.index(("leaf", str(file)))
    names = [name for name, where in shown[first : leaf + 1] if not between.search(where)]
    assert names == ["chain", "inner", "bridge", "called", *NATIVE], frames
    assert any(between.search(where) for _, where in shown[first:leaf])
    for _, where in shown[leaf + 1 :]:
        assert re.search(r"libc[.-]|ld-linux|\[vdso\]|musl", where), frames


@pytest.mark.sparse
@pytest.mark.parametrize("flag", ["-fomit-frame-pointer", "-fno-omit-frame-pointer"])
def test_as_root(run_keisoku: Run, python: Interpreter, library: Build, start: Start, flag: str) -> None:
    """Asleep and running, all of it is known."""
    python.since(3, 8, "names of threads as they are")
    row = next(line for line in run_keisoku("doctor").out.splitlines() if line.startswith("native stacks"))
    if "yes" not in row.split():
        pytest.skip(row)
    file = library(flag)
    run = start(python.path, "-c", CHAIN, str(file))
    shown = dumped(run_keisoku, run.pid)
    assert shown["MainThread"]["native"] == "whole" and shown["MainThread"]["frames"][0]["native"], shown["MainThread"]
    assert shown["sleeps"]["proved"] and shown["sleeps"]["native"] == "whole", shown["sleeps"]
    check_chain(shown["sleeps"], file)
    if shown["runs"]["native"] == "none":
        pytest.skip(f"the machine is too busy: {shown['runs']['native_why']}")
    assert shown["runs"]["proved"] and shown["runs"]["native"] == "whole", shown["runs"]
    check_chain(shown["runs"], file)
    assert run.poll() is None


@pytest.mark.sparse
@pytest.mark.parametrize("flag", ["-fomit-frame-pointer", "-fno-omit-frame-pointer"])
def test_as_an_ordinary_user(
    keisoku: str, run_keisoku: Run, python: Interpreter, library: Build, start: Start, flag: str
) -> None:
    """What is not known is said, what is shown is right, and Python's frames are all there."""
    python.since(3, 8, "names of threads as they are")
    if subprocess.run([*WITHOUT_RIGHTS, "true"], capture_output=True).returncode != 0:
        pytest.skip("needs root and setpriv, to drop rights")
    file = library(flag)
    run = start(*WITHOUT_RIGHTS, python.path, "-c", CHAIN, str(file))
    words = [*WITHOUT_RIGHTS, keisoku, "dump", "--native"]
    done = subprocess.run([*words, "--json", str(run.pid)], capture_output=True, text=True, timeout=60)
    if "without it" in done.stderr:
        pytest.skip(done.stderr)
    shown = threads(done.stdout)
    sleeps, runs = shown["sleeps"], shown["runs"]
    frames = [frame["function"] for frame in sleeps["frames"]]
    if sleeps["native"] == "whole":
        check_chain(sleeps, file)
    else:
        assert sleeps["native"] == "cut" and frames.count("(...)") == 1, sleeps
        known = [frame for frame in sleeps["frames"][: frames.index("(...)")] if frame["file"] == str(file)]
        assert known, sleeps
        assert [frame["function"] for frame in known] == NATIVE[::-1][: len(known)], sleeps
    assert [name for name in reversed(frames) if name in PYTHON] == PYTHON, sleeps
    assert runs["native"] == "none" and "CAP_" in runs["native_why"], runs
    assert [frame["function"] for frame in reversed(runs["frames"]) if frame["function"] in PYTHON] == PYTHON, runs
    assert not any(frame.get("native") for frame in runs["frames"])
    text = subprocess.run([*words, str(run.pid)], capture_output=True, text=True, timeout=60).stdout
    assert re.search(r"^    leaf +.*chain\S*\.so$", text, re.MULTILINE), text
    assert re.search(r"^    no native frames: it runs, .*CAP_BPF", text, re.MULTILINE), text


def test_a_stack_of_nonsense(run_keisoku: Run, a_python: Interpreter, library: Build, start: Start) -> None:
    run = start(a_python.path, "-c", DAMAGED, str(library("-fomit-frame-pointer")))
    shown = dumped(run_keisoku, run.pid)
    assert len(shown) == 25, shown.keys()
    assert all(len(thread["frames"]) < 1000 for thread in shown.values())
    assert run.poll() is None
