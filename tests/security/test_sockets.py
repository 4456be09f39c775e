"""Nothing leaves the machine: no command makes a socket that could, watched from outside with strace."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from interpreters import Interpreter
from support import Run

# Ends by itself, or when there is a file of that name.
PROGRAM = """
import os, sys, time
end = time.monotonic() + float(os.environ.get("SECONDS", "0.3"))
while time.monotonic() < end and not os.path.exists("enough"):
    sum(range(1000))
"""
# Any call that makes or uses a socket of a family that leads out of the machine, or gives one away; io_uring makes them
# without a call. NETLINK is the kernel's own: it tells of processes that are born.
FOREIGN = re.compile(
    r"\b(socket|connect|sendto|sendmsg|bind|accept4?)\(.*\b(A|P)F_(?!UNIX|LOCAL|NETLINK|UNSPEC)[A-Z0-9]+|io_uring_setup\("
)
# What a library would be tempted by.
TEMPTED = {"DEBUGINFOD_URLS": "http://127.0.0.1:9/", "http_proxy": "http://127.0.0.1:9/"}

# Each command at least once. PID is a program that runs, PYTHON an interpreter; a.kei and b.kei are recordings.
ROWS = [
    ["run", "-o", "x.kei", "--export", "speedscope=x.json", "PYTHON", "app.py"],
    ["attach", "PID", "--duration", "500ms"],
    ["dump", "PID"],
    ["dump", "PID", "--json"],
    ["dump", "PID", "--native"],
    ["report", "a.kei"],
    ["report", "a.kei", "--json"],
    ["report", "a.kei", "--html", "x.html"],
    ["export", "--format", "help"],
    ["diff", "a.kei", "b.kei"],
    ["diff", "a.kei", "b.kei", "--html", "x.html", "--json=x.json"],
    ["merge", "a.kei", "b.kei", "-o", "x.kei"],
    ["query", "a.kei"],
    ["query", "a.kei", "SELECT count(*) FROM threads"],
    ["stat", "PYTHON", "app.py"],
    ["bench", "PYTHON app.py", "PYTHON app.py 1", "--rounds", "1", "--no-warmup"],
    ["bench", "--python", "--interpreter", "PYTHON", "--rounds", "1", "--no-warmup", "pass"],
    ["scale", "--sizes", "1,2,3,4", "--", "PYTHON", "app.py", "{n}"],
    ["scale", "--from", "a.kei=1", "b.kei=2", "a.kei=3", "b.kei=4"],
    ["doctor"],
    ["doctor", "PID"],
    ["completion", "bash"],
    ["--help"],
    ["--version"],
]


def strace(log: Path) -> list[str]:
    found = shutil.which("strace")
    if not found:
        pytest.skip("strace is not installed")
    return [found, "-f", "-qq", "-e", "trace=network,?io_uring_setup", "-o", str(log)]


def leading_out(log: Path) -> list[str]:
    return [line for line in log.read_text().splitlines() if FOREIGN.search(line)]


def watched(words: list[str], folder: Path, timeout: float = 120) -> tuple[int, list[str], str]:
    """Runs a command with everything under it; gives its status, the socket calls that lead out, and what it said."""
    log = folder / "sockets"
    done = subprocess.run(
        [*strace(log), *words],
        cwd=folder,
        env={**os.environ, **TEMPTED},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout,
    )
    if b"PTRACE_TRACEME: Operation not permitted" in done.stderr:
        pytest.skip("this machine does not let strace trace")
    return done.returncode, leading_out(log), (done.stderr + done.stdout).decode(errors="replace")


@pytest.fixture(scope="module")
def recordings(keisoku: str, a_python: Interpreter, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a.kei and b.kei."""
    folder = tmp_path_factory.mktemp("recordings")
    (folder / "app.py").write_text(PROGRAM)
    for name in ("a.kei", "b.kei"):
        words = [keisoku, "run", "-q", "--no-html", "-o", name, a_python.path, "app.py"]
        subprocess.run(words, cwd=folder, check=True, timeout=60)
    return folder


@pytest.fixture
def folder(recordings: Path, tmp_path: Path) -> Path:
    for name in ("app.py", "a.kei", "b.kei"):
        shutil.copy(recordings / name, tmp_path / name)
    return tmp_path


@pytest.fixture(scope="module")
def running(a_python: Interpreter) -> Iterator[int]:
    words = [
        a_python.path,
        "-c",
        "import time; print('ready', flush=True)\nwhile True: sum(range(9999)); time.sleep(0.001)",
    ]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        yield process.pid
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


def test_the_watch_sees_a_socket(tmp_path: Path) -> None:
    code = "import socket; s = socket.socket(); s.settimeout(0.2); s.connect_ex(('127.0.0.1', 9))"
    _, found, _ = watched([sys.executable, "-c", code], tmp_path)
    assert any("connect(" in line for line in found)


def test_every_command_has_a_row(run_keisoku: Run) -> None:
    commands = re.findall(r"^  ([a-z]+) ", run_keisoku("--help").out, re.MULTILINE)
    assert {row[0] for row in ROWS if row[0][0] != "-"} | {"ctl"} == set(commands)


@pytest.mark.parametrize("row", ROWS, ids=" ".join)
def test_a_command(keisoku: str, a_python: Interpreter, running: int, folder: Path, row: list[str]) -> None:
    words = [word.replace("PYTHON", a_python.path).replace("PID", str(running)) for word in row]
    status, found, said = watched([keisoku, *words], folder)
    assert found == []
    # Whether something may be claimed of so little depends on the machine.
    assert status == 0 or (row[0] == "scale" and status == 1 and "nothing is claimed" in said), said
    names = [word.partition("=")[2] or word for word in row if re.search(r"\bx\.\w+$", word)]
    assert all((folder / name).stat().st_size > 0 for name in names), said


def test_every_format(keisoku: str, run_keisoku: Run, folder: Path) -> None:
    formats = re.findall(r"^([a-z]+) ", run_keisoku("export", "--format", "help").out, re.MULTILINE)
    assert len(formats) >= 8
    for name in [*formats, "text", "json", "html"]:
        status, found, said = watched([keisoku, "export", "a.kei", "--format", name, "-o", f"x.{name}"], folder)
        assert (status, found) == (0, []), (name, said)
        assert (folder / f"x.{name}").stat().st_size > 0, name


def test_both_sides_of_ctl(keisoku: str, a_python: Interpreter, folder: Path) -> None:
    """Who asks and who records: a socket of this machine, and no other."""
    log = folder / "recorder"
    words = [*strace(log), keisoku, "run", "-q", "--no-html", "-o", "x.kei", a_python.path, "app.py"]
    with subprocess.Popen(words, cwd=folder, env={**os.environ, **TEMPTED, "SECONDS": "60"}) as recorder:
        try:
            end, status = time.monotonic() + 30, 1
            while status != 0 and time.monotonic() < end and recorder.poll() is None:
                time.sleep(0.05)
                asked = subprocess.run([keisoku, "ctl", "x.kei", "status"], cwd=folder, capture_output=True)
                status = asked.returncode
            for what in (["status"], ["pause"], ["resume"], ["save", "-o", "copy.kei"], ["stop"]):
                status, found, said = watched([keisoku, "ctl", "x.kei", *what], folder)
                assert (status, found) == (0, []), said
                assert "AF_UNIX" in (folder / "sockets").read_text()
        finally:
            (folder / "enough").touch()
    assert recorder.returncode == 0
    assert leading_out(log) == []
    assert "AF_UNIX" in log.read_text()


def test_the_page_names_no_other_place(keisoku: str, folder: Path) -> None:
    """The page has nothing to fetch: its policy forbids it and it names no address to fetch from."""
    status = subprocess.run([keisoku, "report", "a.kei", "--html", "page.html"], cwd=folder).returncode
    assert status == 0
    text = (folder / "page.html").read_text(errors="replace")
    assert re.search(r"Content-Security-Policy[^>]*default-src 'none'", text)
    assert not re.search(r"(src|href|action)\s*=\s*[\"']?(https?:)?//", text)
