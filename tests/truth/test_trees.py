"""Every Python process under the program, however it was started, with its own functions and its exit status."""

from __future__ import annotations

import json
import os
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest
from interpreters import OLDER, Interpreter
from oracle import PROGRAMS
from recording import Recording
from support import Result, Run

pytestmark = pytest.mark.sparse
KINDS = ["fork", "spawn", "forkserver", "subprocess", "exec", "shell", "code", "stdin"]


def least(cpu_s: float) -> float:
    """Samples that so much CPU time gives at the very least: the rate falls where the budget or the machine is short."""
    return max(1, 50 * cpu_s)


def check_version(shown: str, true: str) -> None:
    """Before 3.11 the last part is found by looking around in memory, and need not be."""
    minor = true.rpartition(".")[0]
    shown = shown.rstrip("t")  # free-threaded
    assert shown == true or (minor in ("2.7", "3.6", "3.7", "3.8", "3.9", "3.10") and shown == minor)


def told(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def run_tree(run: Run, python: Interpreter, folder: Path, kind: str, seconds: str) -> tuple[Result, Recording]:
    words = ["--no-html", "-o", "truth.kei", python.path, PROGRAMS / "tree.py", kind, seconds]
    done = run("run", *words, env={"TRUTH_OUT": str(folder / "out"), **python.environment})
    assert done.status == 0, done.err
    return done, Recording(done.recording)


@pytest.mark.parametrize("kind", KINDS)
def test_children_are_found(run_keisoku: Run, python: Interpreter, tmp_path: Path, kind: str) -> None:
    if kind in ("spawn", "forkserver"):
        python.since(3, 4, "multiprocessing contexts")
    done, recording = run_tree(run_keisoku, python, tmp_path, kind, "0.25")
    known = {process.pid: process for process in recording.processes if process.python}
    for truth in told(tmp_path / "out"):
        assert truth["pid"] in known, f"{truth['role']} {truth['pid']} is not in {sorted(known)}\n{done.err}"
        check_version(known[truth["pid"]].python, truth["python"])
        own: dict[str, int] = {}
        for sample in recording:
            if sample.pid == truth["pid"]:
                for name in {function.rpartition(".")[2] for function, _, _ in sample.stack}:
                    own[name] = own.get(name, 0) + sample.ticks
        assert own.get(truth["function"], 0) >= least(truth["cpu_s"]), f"{truth}: {own}\n{done.err}"
        other = "child_work" if truth["role"] == "parent" else "parent_work"
        if kind != "exec":
            assert not own.get(other), f"{truth}: {own}"
    if kind == "fork":
        child = next(truth["pid"] for truth in told(tmp_path / "out") if truth["role"] == "child")
        assert known[child].exit_status in (5 << 8, -2), known[child]


def test_short_lived_children(run_keisoku: Run, python: Interpreter, tmp_path: Path) -> None:
    """20 children of 30 to 100 ms: each is found, most with the function that has its time."""
    done, recording = run_tree(run_keisoku, python, tmp_path, "short", "0.2")
    children = [truth["pid"] for truth in told(tmp_path / "out") if truth["role"] == "child"]
    known = {process.pid for process in recording.processes if process.python}
    worked = {sample.pid for sample in recording if any(name.endswith("child_work") for name, _, _ in sample.stack)}
    assert len(children) == 20
    assert len(known & set(children)) >= 19, f"{len(known & set(children))} of 20 found\n{done.err}"
    assert len(worked & set(children)) >= 18, f"{len(worked & set(children))} of 20 seen at work\n{done.err}"


def module_ticks(recording: Recording) -> int:
    return sum(sample.ticks for sample in recording if sample.innermost() == "module_work")


@pytest.mark.parametrize("how", ["module", "zipapp", "folder"])
def test_ways_to_name_a_program(run_keisoku: Run, python: Interpreter, tmp_path: Path, how: str) -> None:
    if how == "zipapp":
        program = tmp_path / "app.pyz"
        with zipfile.ZipFile(program, "w") as archive:
            for name in ("__init__", "work"):
                archive.write(PROGRAMS / "package" / f"{name}.py", f"package/{name}.py")
            archive.write(PROGRAMS / "package" / "__main__.py", "__main__.py")
        words: list[Any] = [program, "0.4"]
    elif how == "folder":
        words = [PROGRAMS / "package", "0.25"]
    else:
        words = ["-m", "package", "0.25"]
    done = run_keisoku(
        "run",
        "--no-html",
        "-o",
        "truth.kei",
        python.path,
        *words,
        env={"PYTHONPATH": f"{PROGRAMS}:{OLDER if python.environment else ''}", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.status == 7, done.err
    assert module_ticks(Recording(done.recording)) >= 5, done.err


@pytest.mark.parametrize("how", ["script", "-m", "-c", "-", "zipapp", "executable"])
def test_ways_without_naming_python(run_keisoku: Run, a_python: Interpreter, tmp_path: Path, how: str) -> None:
    """`keisoku run app.py` and its sisters: the Python that is first on PATH runs it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("python3", "python"):
        (folder / name).symlink_to(a_python.path)
    code = "import sys; from package.work import module_work; module_work(0.25); sys.exit(9)"
    script = tmp_path / "app.py"
    text: str | None = None
    script.write_text(code)
    words: list[Any] = [script]
    if how == "-m":
        words = ["-m", "package", "0.25"]
    elif how == "-c":
        words = ["-c", code]
    elif how == "-":
        words, text = ["-"], code
    elif how == "zipapp":
        words = [tmp_path / "app.pyz"]
        with zipfile.ZipFile(words[0], "w") as archive:
            archive.write(script, "__main__.py")
    elif how == "executable":
        script = tmp_path / "job"
        script.write_text(f"#!/bin/sh\npython3 -c '{code}'\nexit $?\n")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        words = [script]
    done = run_keisoku(
        "run",
        "--no-html",
        "-o",
        "truth.kei",
        *words,
        input=text,
        env={"PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(PROGRAMS), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.status == (7 if how == "-m" else 9), done.err
    assert module_ticks(Recording(done.recording)) >= 5, done.err


def test_unicode_and_spaces_in_a_file_name(run_keisoku: Run, python: Interpreter, tmp_path: Path) -> None:
    program = tmp_path / "計測 größe ü.py"
    function = "時間_größe" if python.minor >= (3, 0) else "spin"
    program.write_text(
        "import time\nclock = getattr(time, 'process_time', None) or time.clock\n"
        f"def {function}():\n    while clock() < 0.4:\n        pass\n{function}()\n"
    )
    done = run_keisoku("run", "--no-html", "-o", "truth.kei", python.path, program)
    assert done.status == 0, done.err
    recording = Recording(done.recording)
    seen = {(function, file) for sample in recording for function, file, _ in sample.stack}
    assert (function, str(program)) in seen, seen
    assert recording.ticks_by_function()[function] >= 5


def test_a_signal_and_a_status_are_the_programs_own(run_keisoku: Run, python: Interpreter) -> None:
    for code, status in (
        ("import sys; sys.exit(3)", 3),
        ("import os; os._exit(4)", 4),
        ("raise ValueError", 1),
        ("import os; os.kill(os.getpid(), 9)", 137),
        ("import os; os.abort()", 134),
    ):
        done = run_keisoku("run", "--no-html", python.path, "-c", f"import time; time.sleep(0.05); {code}")
        assert done.status == status, f"{code}: {done.status}\n{done.err}"
        for path in done.recordings:
            path.unlink()
