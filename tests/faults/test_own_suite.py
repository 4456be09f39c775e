"""CPython's own tests give the same result with and without us at 10 kHz: large writes, interrupted calls, signals,
sockets, threads."""

from __future__ import annotations

import functools
import os
import re
import subprocess
from pathlib import Path

import pytest
from faulty import LONG
from interpreters import Interpreter
from support import Run

SHORT = [["test.test_thread"], ["test.test_subprocess", "-k", "communicate", "-k", "pipe"]]
# Not its sockets between virtual machines: without such a neighbour they wait for ever, also without us.
RUN = """
import importlib, sys, unittest
tests = importlib.import_module(sys.argv[1])
for name in [name for name in dir(tests) if "VSOCK" in name]:
    delattr(tests, name)
unittest.main(tests, argv=["tests", "-q", *sys.argv[2:]])
"""
WHOLE = [[f"test.{name}"] for name in ("test_subprocess", "test_socket", "test_signal", "test_eintr", "test_threading")]


def result(out: str) -> str:
    """ "Ran 35 tests: OK (skipped=2)", without the time it took."""
    ran = re.findall(r"^Ran (\d+) tests?", out, re.MULTILINE)
    told = re.findall(r"^(?:OK|FAILED)\b.*", out, re.MULTILINE)
    assert ran and told, out[-2000:]
    return f"Ran {ran[-1]} tests: {told[-1]}"


@functools.cache
def bare(python: str, words: tuple[str, ...], folder: Path, turn: int) -> tuple[int, str]:
    """Status and result of one run without us."""
    del turn
    command = [python, "-c", RUN, *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=600)
    return done.returncode, result(done.stderr)


@pytest.mark.parametrize("reader", ["core", "kernel"])
@pytest.mark.parametrize("words", WHOLE if LONG else SHORT, ids=lambda words: words[0].rpartition(".")[2])
def test_same_result(
    run_keisoku: Run, python: Interpreter, tmp_path_factory: pytest.TempPathFactory, words: list[str], reader: str
) -> None:
    python.since(3, 8, "tests that -k chooses from")
    if not LONG and (python.name != "3.13" or reader != "core"):
        pytest.skip("in the long run only (make faults)")
    if reader == "kernel" and os.geteuid() != 0:
        pytest.skip("the kernel sampler needs root")
    if subprocess.run([python.path, "-c", f"import {words[0]}"], capture_output=True).returncode != 0:
        pytest.skip(f"Python {python.name} came without its own tests")
    folder = tmp_path_factory.mktemp("own")
    ours = ["run", "-q", "--rate", "10000", "--reader", reader, "--no-html", "-o", "x.kei"]
    seen: list[str] = []
    for turn in range(3):  # some of them fail now and then by themselves
        without = bare(python.path, tuple(words), folder.parent, turn)
        done = run_keisoku(*ours, python.path, "-c", RUN, *words, timeout=600, cwd=folder)
        (folder / "x.kei").unlink()
        if (done.status, result(done.err)) == without:
            return
        seen.append(f"with us: {done.status}, {result(done.err)}; without: {without[0]}, {without[1]}")
        seen += re.findall(r"^(?:ERROR|FAIL): .*", done.err, re.MULTILINE)
    pytest.fail("\n".join(seen))
