"""Nothing leaves the machine: no command makes a socket that could, watched from outside with strace."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from interpreters import Interpreter
from support import Run

PROGRAM = """
import time
end = time.monotonic() + 1.0
while time.monotonic() < end:
    sum(range(1000))
"""
# Any call that makes or uses a socket of a family that leads out of the machine, or gives one away. NETLINK is the
# kernel's own: it tells of processes that are born.
FOREIGN = re.compile(
    r"\b(socket|connect|sendto|sendmsg|bind|accept4?)\(.*\b(A|P)F_(?!UNIX|LOCAL|NETLINK|UNSPEC)[A-Z0-9]+"
)


def watched(words: list[str], folder: Path, timeout: float = 120) -> tuple[int, list[str]]:
    """Runs a command with everything under it; gives its status and the socket calls that lead out."""
    strace = shutil.which("strace")
    if not strace:
        pytest.skip("strace is not installed")
    log = folder / "sockets"
    done = subprocess.run(
        [strace, "-f", "-qq", "-e", "trace=network", "-o", log, *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout,
    )
    if b"PTRACE_TRACEME: Operation not permitted" in done.stderr:
        pytest.skip("this machine does not let strace trace")
    return done.returncode, [line for line in log.read_text().splitlines() if FOREIGN.search(line)]


@pytest.fixture
def recording(run_keisoku: Run, a_python: Interpreter, tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(PROGRAM)
    done = run_keisoku("run", "-o", "app.kei", a_python.path, "app.py")
    assert done.status == 0, done.err
    return tmp_path / "app.kei"


@pytest.fixture
def running(a_python: Interpreter) -> Iterator[int]:
    words = [a_python.path, "-c", "while True: sum(range(1000))"]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def test_the_watch_sees_a_socket(tmp_path: Path) -> None:
    code = "import socket; s = socket.socket(); s.settimeout(0.2); s.connect_ex(('127.0.0.1', 9))"
    _, found = watched([sys.executable, "-c", code], tmp_path)
    assert any("connect(" in line for line in found)


def test_run(keisoku: str, a_python: Interpreter, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(PROGRAM)
    status, found = watched([keisoku, "run", a_python.path, "app.py"], tmp_path)
    assert (status, found) == (0, [])
    assert list(tmp_path.glob("*.kei"))


READING = [
    ["report", "app.kei"],
    ["report", "app.kei", "--json"],
    ["report", "app.kei", "--html", "app.html"],
    ["export", "app.kei", "--format", "collapsed", "-o", "out"],
    ["export", "app.kei", "--format", "speedscope", "-o", "out"],
    ["export", "app.kei", "--format", "pprof", "-o", "out"],
    ["doctor"],
    ["--help"],
]


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_reading_commands(keisoku: str, recording: Path, words: list[str]) -> None:
    status, found = watched([keisoku, *words], recording.parent)
    assert (status, found) == (0, [])


@pytest.mark.parametrize("words", [["attach", "--duration", "1"], ["dump"], ["doctor"]], ids=lambda words: words[0])
def test_commands_on_a_running_program(keisoku: str, running: int, tmp_path: Path, words: list[str]) -> None:
    status, found = watched([keisoku, words[0], str(running), *words[1:]], tmp_path)
    assert (status, found) == (0, [])


def test_the_page_names_no_other_place(recording: Path, keisoku: str) -> None:
    """The page has nothing to fetch: its policy forbids it and it names no address to fetch from."""
    status = subprocess.run([keisoku, "report", recording, "--html", "page.html"], cwd=recording.parent).returncode
    assert status == 0
    text = (recording.parent / "page.html").read_text(errors="replace")
    assert re.search(r"Content-Security-Policy[^>]*default-src 'none'", text)
    assert not re.search(r"(src|href|action)\s*=\s*[\"']?(https?:)?//", text)
