"""Native code by its name: a program that knows where its native time goes, under both readers."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from interpreters import Interpreter
from measured import measured
from support import Run, busy
from test_shares import CHANCE, tail

Report = Callable[[Path], dict[str, Any]]

LIBRARY = """
unsigned long {name}(unsigned long n)
{{
    unsigned long x = n;
    for (volatile unsigned long i = 0; i < n; i++)
        x = x * 6364136223846793005ul + 1442695040888963407ul;
    return x;
}}
"""
# grind releases the GIL, mill holds it.
PROGRAM = """
import ctypes, json, sys, time, zlib
grind = ctypes.CDLL(sys.argv[1]).grind
mill = ctypes.PyDLL(sys.argv[2]).mill
spent = {"grind": 0.0, "mill": 0.0, "zlib": 0.0}
data = bytes(range(256)) * 2000
parts = [("grind", lambda: grind(3000000)), ("mill", lambda: mill(1000000)), ("zlib", lambda: zlib.compress(data))]
end = time.process_time() + 1.4
while time.process_time() < end:
    for name, part in parts:
        start = time.thread_time()
        part()
        spent[name] += time.thread_time() - start
whole = sum(spent.values())
print(json.dumps({name: value / whole for name, value in spent.items()}))
"""


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    compiler = shutil.which("cc")
    if not compiler:
        pytest.skip("needs a C compiler")
    folder = tmp_path_factory.mktemp("native")
    made = []
    for name, place in (
        ("grind", "site-packages/pack/_grind.cpython-313-x86_64-linux-gnu.so"),
        ("mill", "libmill.so.2"),
    ):
        source, file = folder / f"{name}.c", folder / place
        source.write_text(LIBRARY.format(name=name))
        file.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", file, source], check=True)
        made.append(file)
    return made


@pytest.mark.parametrize("reader", ["core", "kernel"])
def test_modules_and_functions(
    run_keisoku: Run, report: Report, a_python: Interpreter, libraries: list[Path], reader: str, tmp_path: Path
) -> None:
    rows = run_keisoku("doctor").out.splitlines()
    need = next(row for row in rows if row.startswith("kernel sampler" if reader == "kernel" else "perf clock"))
    if "yes" not in need.split():
        pytest.skip(need)
    program = tmp_path / "native.py"
    program.write_text(PROGRAM)
    options = ("--reader", reader, "--rate", "1000")
    done = measured(run_keisoku, a_python, program, *map(str, libraries), options=options)
    truth = json.loads(done.done.out)
    value = report(done.path)
    modules = {row["module"]: row for row in value["native"]}
    assert modules["pack._grind"]["function"] == "grind" and modules["libmill"]["function"] == "mill", modules
    assert {modules["pack._grind"]["file"], modules["libmill"]["file"]} == set(map(str, libraries))
    # Start-up apart, all of its time is in the three; zlib's part of them may be the interpreter's own copy.
    both = modules["pack._grind"]["cpu_s"] + modules["libmill"]["cpu_s"]
    # Without the kernel sampler there is one instruction pointer for each 4 ms.
    samples = done.shown if reader == "kernel" else both / 0.004
    share = truth["grind"] / (truth["grind"] + truth["mill"])
    shown = modules["pack._grind"]["cpu_s"] / both
    assert tail(round(shown * samples), int(samples), share) > CHANCE, (shown, share, truth, value["native"])
    cpu = value["states"]["cpu"]
    assert cpu["native"]["share"] > cpu["native+gil"]["share"] > (0 if busy() else 0.05), cpu
    screen = run_keisoku("report", done.path).out
    assert re.search(r"^code     .*\bpack\._grind \d+ % \(grind ", screen, re.MULTILINE), screen
