"""--native: frames of compiled code on the Python frames, against a library that knows its own call chain and times."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from interpreters import Interpreter
from measured import Measured, measured
from support import Run, shared_library
from test_shares import CHANCE, tail

Report = Callable[[Path], dict[str, Any]]
OPTIONS = ("--reader", "kernel", "--native", "--rate", "1000")

# outer calls middle, which calls leaf; each times its own work. bridge calls a Python function.
LIBRARY = """
#include <time.h>
static double own[3];
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}
double spent(int part) { return own[part]; }
static inline __attribute__((always_inline)) void work(int part, unsigned long n)
{
    double start = now();
    for (volatile unsigned long i = 0; i < n; i++)
        ;
    own[part] += now() - start;
}
__attribute__((noinline)) int leaf(unsigned long n) { work(2, 6 * n); return 1; }
__attribute__((noinline)) int middle(unsigned long n) { int x = leaf(n); work(1, 3 * n); return x + 1; }
__attribute__((noinline)) int outer(unsigned long n) { int x = middle(n); work(0, 2 * n); return x + 1; }
__attribute__((noinline)) int bridge(int (*back)(void)) { return back() + 1; }
"""
PROGRAM = """
import ctypes, json, sys, time
library = ctypes.PyDLL(sys.argv[1])
library.spent.restype = ctypes.c_double
outer = library.outer
@ctypes.PYFUNCTYPE(ctypes.c_int)
def called():
    return outer(200000)
def inner(end):
    while time.process_time() < end:
        library.bridge(called)
def work():
    inner(time.process_time() + 0.8)
work()
print(json.dumps([library.spent(part) for part in range(3)]))
"""
CHAINS = {"outer": 0, "outer;middle": 1, "outer;middle;leaf": 2}


@pytest.fixture(autouse=True)
def permitted(run_keisoku: Run, request: pytest.FixtureRequest) -> None:
    if "refused" in request.node.name:
        return
    row = next(line for line in run_keisoku("doctor").out.splitlines() if line.startswith("native stacks"))
    if "yes" not in row.split():
        pytest.skip(row)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("chain")
    return lambda flag: shared_library(folder, LIBRARY, flag)


def stacks(done: Measured) -> Counter[str]:
    """Ticks of each stack, as `name (file:line);…`, outermost first."""
    connection = sqlite3.connect(f"file:{done.path}?mode=ro", uri=True)
    try:
        rows = connection.execute("SELECT path, sum(ticks) FROM stacks WHERE path IS NOT NULL GROUP BY path").fetchall()
    finally:
        connection.close()
    return Counter(dict(rows))


def frames(path: str) -> list[tuple[str, str]]:
    """(name, file) of each frame."""
    found = re.findall(r"(.+?) \(((?:[^()]|\([^()]*\))*)\)(?:;|$)", path)
    return [(name, re.sub(r":\d+$", "", file)) for name, file in found]


@pytest.mark.sparse
@pytest.mark.parametrize("flag", ["-fomit-frame-pointer", "-fno-omit-frame-pointer"])
def test_the_chain(
    run_keisoku: Run,
    report: Report,
    python: Interpreter,
    library: Callable[[str], Path],
    tmp_path: Path,
    flag: str,
) -> None:
    python.since(3, 6, "ctypes without loaders of its own")
    program, file = tmp_path / "chain.py", library(flag)
    program.write_text(PROGRAM)
    done = measured(run_keisoku, python, program, str(file), options=OPTIONS)
    parts = [0, 0, 0]
    for path, ticks in stacks(done).items():
        # A jump through the linkage table is code without a name: the file stands for it.
        shown = [frame for frame in frames(path) if frame != (file.name, str(file))]
        if ("outer", str(file)) not in shown:
            continue
        first = shown.index(("outer", str(file)))
        ours = [name for name, where in shown[first:] if where == str(file)]
        assert ";".join(ours) in CHAINS, path
        # Python's frames and the library's lead to it, with ctypes and libffi alone between them; what it calls is in
        # the C library and the kernel.
        before = [name for name, where in shown[:first] if not re.search("/_ctypes|libffi", where)]
        assert before[before.index("<module>") :] == ["<module>", "work", "inner", "bridge", "called"], path
        behind = {where for _, where in shown[first + len(ours) :]}
        assert all(re.search(r"libc[.-]|ld-linux|\[vdso\]|\[kernel\]|musl", where) for where in behind), path
        parts[CHAINS[";".join(ours)]] += ticks
    total, truth = sum(parts), json.loads(done.done.out)
    trust = report(done.path)["trust"]
    if total < 150:
        pytest.skip(f"{total} samples in the library are too few: {trust}")
    assert trust["native_cut"] <= 0.02 * trust["native_whole"], trust
    for part, ticks in enumerate(parts):
        share = truth[part] / sum(truth)
        assert tail(ticks, total, share) > CHANCE, (parts, truth)


NAMED = """
import time, zlib
data = bytes(range(256)) * 2000
def press():
    zlib.compress(data)
end = time.process_time() + 1
while time.process_time() < end: press()
"""


def test_exported_symbols(run_keisoku: Run, report: Report, a_python: Interpreter, tmp_path: Path) -> None:
    """The functions of a system library, and every format that has frames shows them."""
    program = tmp_path / "named.py"
    program.write_text(NAMED)
    done = measured(run_keisoku, a_python, program, options=OPTIONS)
    pressing = {path: ticks for path, ticks in stacks(done).items() if "press (" in path}
    deflating = sum(ticks for path, ticks in pressing.items() if ("deflate", True) in shape(path))
    assert deflating > 0.8 * sum(pressing.values()), pressing
    screen = run_keisoku("report", done.path).out
    assert re.search(r"native stacks:\s+\S+\s+whole,\s+\S+\s+cut", screen), screen
    assert "zlib.compress" in screen and re.search(r"press +named.py:5", screen), screen
    for name in ("collapsed", "speedscope", "firefox", "chrome", "callgrind", "svg"):
        shown = run_keisoku("export", done.path, "--format", name).out
        assert re.search(r"\bdeflate\b", shown), name


def shape(path: str) -> set[tuple[str, bool]]:
    return {(name, "zlib" in where or "libz" in where) for name, where in frames(path)}


def test_another_reader_is_refused(run_keisoku: Run) -> None:
    done = run_keisoku("run", "--native", "--reader", "core", "-c", "pass")
    assert done.status == 125 and "--native needs the kernel sampler" in done.err, done.err
