"""What the screen says of a real run: names as one thinks of them, own code first, waits that are told."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import sqlite3
import struct
import subprocess
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from interpreters import Interpreter
from support import Run, make_recording

GENERATED = """
import time
space = {}
exec(compile("def generated(n):\\n    return sum(i * i for i in range(n))", "<string>", "exec"), space)
def own(n):
    return sum(i * i for i in range(n))
end = time.monotonic() + 1
while time.monotonic() < end:
    space["generated"](30000)
    own(3000)
"""


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("-W", "ignore", "-m", "timeit", "-n", "1", "pass"), "timeit -n 1 pass"),
        (("-X", "dev", "-c", "pass"), "-c pass"),
        (("-E", "folder/app.py", "-m"), "app.py -m"),
    ],
)
def test_the_header_names_the_program(
    run_keisoku: Run, a_python: Interpreter, tmp_path: Path, words: tuple[str, ...], name: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "app.py").write_text("import time; time.sleep(0.2)")
    done = run_keisoku("run", "--no-html", "-o", "x.kei", a_python.path, *words)
    if "nothing was measured" not in done.err:
        assert done.err.startswith(f"keisoku  {name}  Python "), done.err


def test_code_that_a_library_generates_is_not_own(run_keisoku: Run, a_python: Interpreter, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(GENERATED)
    done = run_keisoku("run", "--no-html", a_python.path, "app.py")
    lines = done.err.splitlines()
    table = next(i for i, line in enumerate(lines) if line.startswith(" self  total"))
    assert "app.py" in lines[table + 1], done.err


def test_starting_a_child_is_a_wait_for_it(
    run_keisoku: Run, a_python: Interpreter, tmp_path: Path, report: Callable[[Path], dict[str, Any]]
) -> None:
    child = "import subprocess\nfor _ in range(200):\n    subprocess.run(['true'])\n"
    done = run_keisoku("run", "-q", "--no-html", "-o", "x.kei", a_python.path, "-c", child)
    assert done.status == 0
    states = report(tmp_path / "x.kei")["states"]["wall"]
    print(json.dumps(states))
    assert states.get("unknown", {"share": 0})["share"] < 0.1


def test_commands_are_readable_in_the_recording(run_keisoku: Run, a_python: Interpreter, tmp_path: Path) -> None:
    (tmp_path / "né.py").write_text("import time; time.sleep(0.2)")
    run_keisoku("run", "-q", "--no-html", "-o", "x.kei", a_python.path, "né.py", "a\nb", "\udcff")
    with sqlite3.connect(tmp_path / "x.kei") as database:
        commands = [command for (command,) in database.execute("SELECT command FROM processes")]
    assert f"{a_python.path} né.py a\\x0ab \\xff" in commands


WORKER = """
import ctypes, time
library = ctypes.CDLL(None)
work = ctypes.create_string_buffer(64)
library.sem_init(work, 0, 0)
library.pthread_create(ctypes.byref(ctypes.c_ulong()), None, library.sem_wait, work)
end = time.monotonic() + 1
while time.monotonic() < end:
    sum(range(1000))
"""


def test_workers_of_native_libraries_are_idle(
    run_keisoku: Run, a_python: Interpreter, tmp_path: Path, report: Callable[[Path], dict[str, Any]]
) -> None:
    done = run_keisoku("run", "-q", "--no-html", "-o", "x.kei", a_python.path, "-c", WORKER)
    assert done.status == 0, done.err
    with sqlite3.connect(tmp_path / "x.kei") as database:
        assert database.execute("SELECT count(DISTINCT tid) FROM threads").fetchone() == (2,)
        waits = "SELECT DISTINCT thread FROM states WHERE state = 'idle' AND wall_s > 0.3"
        assert len(database.execute(waits).fetchall()) == 1
    wall = report(tmp_path / "x.kei")["states"]["wall"]
    assert wall.get("lock", {"share": 0})["share"] == 0, wall


def test_what_a_line_works_on_is_below_it(run_keisoku: Run, keisoku: str, tmp_path: Path) -> None:
    recording = make_recording(keisoku, "work", tmp_path / "work.kei").name
    lines = run_keisoku("report", recording).out.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(" 12 "))
    assert lines[at + 1] == " " * 18 + "`in` on a list of about 200 000 (94 % of 100 looks)"
    assert all(len(line) <= 80 for line in lines)
    shown = json.loads(run_keisoku("report", recording, "--json").out)
    array = next(line for line in shown["lines"] if line["line"] == 22)["operands"][0]
    assert (array["type"], array["shape"], array["items_most"]) == ("numpy.ndarray", "1000 x 1000", 1000000)
    # All of it is kept in a part that is cut out, and in a merged recording.
    run_keisoku("merge", recording, "-o", "merged.kei")
    merged = json.loads(run_keisoku("report", "merged.kei", "--json").out)
    assert [line.get("operands") for line in merged["lines"]] == [line.get("operands") for line in shown["lines"]]


@pytest.mark.parametrize(("rows", "most"), [(24, 22), (60, 32)])
def test_the_screen_fits_the_terminal(keisoku: str, tmp_path: Path, rows: int, most: int) -> None:
    recording = make_recording(keisoku, "work", tmp_path / "work.kei")
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 80, 0, 0))
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        shown = subprocess.Popen([keisoku, "report", recording], stdout=theirs, env={**os.environ, "NO_COLOR": "1"})
        os.close(theirs)
        screen = b""
        with contextlib.suppress(OSError):  # what the end of a terminal's other side is read as
            while block := terminal.read(4096):
                screen += block
        assert shown.wait(timeout=60) == 0
    lines = screen.decode().splitlines()
    assert 10 < len(lines) <= most, screen.decode()
    assert lines[0].startswith("keisoku  crawl.py")
    assert any("function (own code first)" in line for line in lines)
