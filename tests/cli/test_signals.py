"""Signals: the terminal's reach the program by themselves, ours alone are passed on, Ctrl-C never loses the recording."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from interpreters import Interpreter
from support import sql

# Says "ready", then what it was told; ends after the number of signals that it is given, or after ten seconds.
LISTEN = """
import os, signal, sys, time
got = []
def on(number, frame):
    got.append(number)
    os.write(1, b"got %d\\n" % number)
for name in sys.argv[2].split(","):
    signal.signal(getattr(signal, name), on)
os.write(1, b"ready\\n")
end = time.monotonic() + 10
while len(got) < int(sys.argv[1]) and time.monotonic() < end:
    sum(range(1000))
sys.exit(40 + len(got))
"""


def start(keisoku: str, folder: Path, *words: str) -> subprocess.Popen[bytes]:
    """In a process group of its own, so that a signal can be sent to keisoku alone."""
    return subprocess.Popen(
        [keisoku, "run", "-o", "x.kei", "--no-html", *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def wait_for(stream: int, text: bytes, seconds: float = 20) -> bytes:
    seen = b""
    end = time.monotonic() + seconds
    while text not in seen:
        assert time.monotonic() < end, f"no {text!r} in {seen!r}"
        if select.select([stream], [], [], 0.2)[0]:
            try:
                piece = os.read(stream, 65536)
            except OSError:  # a terminal whose other side is closed
                piece = b""
            assert piece, f"no {text!r} in {seen!r}"
            seen += piece
    return seen


def samples(folder: Path) -> int:
    return int(sql(folder / "x.kei", "select count(*) from threads")[0][0])


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGINT", "SIGQUIT", "SIGWINCH"])
def test_a_signal_to_us_alone_is_passed_on(keisoku: str, a_python: Interpreter, tmp_path: Path, name: str) -> None:
    number = getattr(signal, name)
    run = start(keisoku, tmp_path, a_python.path, "-c", LISTEN, "1", name)
    assert run.stdout is not None
    wait_for(run.stdout.fileno(), b"ready\n")
    os.kill(run.pid, number)
    out, err = run.communicate(timeout=30)
    assert out == b"got %d\n" % number
    assert run.returncode == 41, err
    assert samples(tmp_path) > 0


def test_a_fatal_signal_ends_both(keisoku: str, a_python: Interpreter, tmp_path: Path) -> None:
    code = "import time; print('ready', flush=True); time.sleep(20)"
    run = start(keisoku, tmp_path, a_python.path, "-c", code)
    assert run.stdout is not None
    wait_for(run.stdout.fileno(), b"ready\n")
    time.sleep(0.3)
    os.kill(run.pid, signal.SIGTERM)
    run.communicate(timeout=30)
    assert run.returncode == 128 + signal.SIGTERM
    assert samples(tmp_path) > 0


def test_stop_and_go_on(keisoku: str, a_python: Interpreter, tmp_path: Path) -> None:
    run = start(keisoku, tmp_path, a_python.path, "-c", LISTEN, "1", "SIGUSR1")
    assert run.stdout is not None
    wait_for(run.stdout.fileno(), b"ready\n")
    os.kill(run.pid, signal.SIGTSTP)
    assert os.WIFSTOPPED(os.waitpid(run.pid, os.WUNTRACED)[1])
    os.kill(run.pid, signal.SIGCONT)
    os.kill(run.pid, signal.SIGUSR1)
    run.communicate(timeout=30)
    assert run.returncode == 41


def test_a_signal_to_the_group_arrives_once(keisoku: str, a_python: Interpreter, tmp_path: Path) -> None:
    """The program got it from the kernel. A second one would come before the next that is passed on."""
    names = ["SIGUSR1", "SIGTERM", "SIGINT", "SIGUSR2"]
    numbers = [getattr(signal, name) for name in names]
    run = start(keisoku, tmp_path, a_python.path, "-c", LISTEN, str(2 * len(names)), ",".join(names))
    assert run.stdout is not None
    wait_for(run.stdout.fileno(), b"ready\n")
    seen = expected = b""
    for group, alone in zip(numbers, numbers[2:] + numbers[:2], strict=True):
        os.killpg(run.pid, group)
        seen += wait_for(run.stdout.fileno(), b"got %d\n" % group)
        os.kill(run.pid, alone)
        seen += wait_for(run.stdout.fileno(), b"got %d\n" % alone)
        expected += b"got %d\ngot %d\n" % (group, alone)
    _, err = run.communicate(timeout=30)
    assert seen == expected
    assert run.returncode == 40 + 2 * len(names), err


def test_a_program_that_signals_its_own_group(keisoku: str, a_python: Interpreter, tmp_path: Path) -> None:
    """`kill 0` in a script: once for the script, and we live on to write the recording."""
    code = LISTEN.replace(r'os.write(1, b"ready\n")', "os.killpg(0, 10); os.kill(0, 12)")
    run = start(keisoku, tmp_path, a_python.path, "-c", code, "2", "SIGUSR1,SIGUSR2")
    out, err = run.communicate(timeout=30)
    assert out == b"got 10\ngot 12\n", err
    assert run.returncode == 42


@pytest.mark.parametrize("to", ["us", "group"])
def test_signals_at_the_start_are_not_lost(keisoku: str, a_python: Interpreter, tmp_path: Path, to: str) -> None:
    """At whatever moment: it ends us before there is anything to pass on, or the program has it."""
    for step in range(24):
        run = start(keisoku, tmp_path, a_python.path, "-c", LISTEN, "1", "SIGUSR1")
        time.sleep(step * 0.002)
        (os.kill if to == "us" else os.killpg)(run.pid, signal.SIGUSR1)
        _, err = run.communicate(timeout=30)
        assert run.returncode in (-signal.SIGUSR1, 128 + signal.SIGUSR1, 41), f"step {step}: {run.returncode} {err!r}"


def test_signals_while_the_recording_is_finished(keisoku: str, a_python: Interpreter, tmp_path: Path) -> None:
    run = start(keisoku, tmp_path, a_python.path, "-c", LISTEN, "6", "SIGINT,SIGUSR1")
    assert run.stdout is not None
    wait_for(run.stdout.fileno(), b"ready\n")
    for _ in range(2):
        os.kill(run.pid, signal.SIGINT)
        wait_for(run.stdout.fileno(), b"got 2\n")
    for _ in range(4):
        os.kill(run.pid, signal.SIGUSR1)
        wait_for(run.stdout.fileno(), b"got 10\n")
    _, err = run.communicate(timeout=30)
    assert run.returncode == 46, err
    assert samples(tmp_path) >= 0  # the recording is whole: it can be asked


class Terminal:
    """keisoku with a terminal of its own, as a user has it."""

    def __init__(self, words: list[str], folder: Path) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.environ["TERM"] = "xterm"
            os.execv(words[0], words)

    def wait_for(self, text: bytes) -> bytes:
        return wait_for(self.fd, text)

    def type(self, data: bytes) -> None:
        os.write(self.fd, data)

    def end(self) -> tuple[int, bytes]:
        seen, end = b"", time.monotonic() + 30
        while time.monotonic() < end:
            try:
                piece = os.read(self.fd, 65536)
            except OSError:
                break
            if not piece:
                break
            seen += piece
        status = os.waitpid(self.pid, 0)[1]
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status), seen


Start = Callable[..., Terminal]


@pytest.fixture
def terminal(keisoku: str, tmp_path: Path) -> Start:
    def start_in_terminal(*words: str) -> Terminal:
        return Terminal([keisoku, "run", "-o", "x.kei", *words], tmp_path)

    return start_in_terminal


def test_ctrl_c(terminal: Start, a_python: Interpreter, tmp_path: Path) -> None:
    """The program gets it once; the recording is complete; the status is the program's."""
    run = terminal(a_python.path, "-c", LISTEN, "1", "SIGINT")
    run.wait_for(b"ready")
    time.sleep(0.3)
    run.type(b"\x03")
    status, seen = run.end()
    assert status == 41, seen
    assert seen.count(b"got 2") == 1
    assert b"x.kei" in seen
    assert samples(tmp_path) > 0


def test_ctrl_c_kills_as_without_us(terminal: Start, a_python: Interpreter, tmp_path: Path) -> None:
    run = terminal(a_python.path, "-c", "import time; print('ready', flush=True); time.sleep(20)")
    run.wait_for(b"ready")
    time.sleep(0.3)
    run.type(b"\x03")
    status, seen = run.end()
    assert status == 128 + signal.SIGINT
    assert b"KeyboardInterrupt" in seen
    assert samples(tmp_path) > 0


def test_ctrl_c_twice_ends_the_recording(terminal: Start, a_python: Interpreter, tmp_path: Path) -> None:
    """A program that does not care: the recording is closed and shown, and we end as it ends."""
    run = terminal(a_python.path, "-c", LISTEN, "3", "SIGINT")
    run.wait_for(b"ready")
    time.sleep(0.5)
    run.type(b"\x03")
    run.wait_for(b"got 2")
    time.sleep(1)  # two signals that wait together are one: nobody types that fast
    run.type(b"\x03")
    seen = run.wait_for(b"goes on")
    assert b"x.kei" in seen
    assert samples(tmp_path) > 0
    assert not (tmp_path / "x.kei-wal").exists()
    run.type(b"\x03")
    status, _ = run.end()
    assert status in (43, 128 + signal.SIGINT)


@pytest.mark.parametrize("apart_s", [0.0, 0.01, 0.1])
def test_ctrl_c_twice_on_attach(keisoku: str, a_python: Interpreter, tmp_path: Path, apart_s: float) -> None:
    """The first ends the recording; the second, at whatever moment of its end, loses nothing of it."""
    words = [a_python.path, "-c", LISTEN, "1", "SIGINT"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as program:
        try:
            assert program.stdout is not None
            wait_for(program.stdout.fileno(), b"ready\n")
            attach = Terminal([keisoku, "attach", str(program.pid), "-o", "x.kei"], tmp_path)
            end = time.monotonic() + 20
            while not (tmp_path / "x.kei").exists():
                assert time.monotonic() < end
                time.sleep(0.05)
            time.sleep(0.5)
            attach.type(b"\x03")
            time.sleep(apart_s)
            attach.type(b"\x03")
            status, seen = attach.end()
            assert program.poll() is None  # and nobody told it of either
        finally:
            program.kill()
    assert status == 0, seen
    assert b"x.kei" in seen and (tmp_path / "x.html").exists()
    assert sql(tmp_path / "x.kei", "SELECT value FROM meta WHERE key = 'complete'") == [(1,)]
    assert sql(tmp_path / "x.kei", "SELECT sum(samples) > 0 FROM sample_chunk") == [(1,)]


def test_ctrl_z_and_fg(terminal: Start, a_python: Interpreter) -> None:
    run = terminal(a_python.path, "-c", LISTEN, "1", "SIGUSR1")
    run.wait_for(b"ready")
    run.type(b"\x1a")
    stopped = os.waitpid(run.pid, os.WUNTRACED)[1]
    assert os.WIFSTOPPED(stopped)
    os.killpg(run.pid, signal.SIGCONT)
    os.kill(run.pid, signal.SIGUSR1)
    status, seen = run.end()
    assert status == 41, seen


def test_progress_on_a_terminal(terminal: Start, a_python: Interpreter) -> None:
    """After two seconds one line, rewritten, and erased before the screen."""
    run = terminal("--no-html", a_python.path, "-c", "import time; time.sleep(3.5); print('end')")
    status, seen = run.end()
    assert status == 0
    assert b"\r\x1b[Kkeisoku  2 s" in seen
    last = seen.rindex(b"\r\x1b[Kkeisoku  ")
    assert seen.index(b"\r\x1b[K", last + 5) > last


def test_no_progress_without_a_terminal(keisoku: str, a_python: Interpreter, tmp_path: Path) -> None:
    run = start(keisoku, tmp_path, a_python.path, "-c", "import time; time.sleep(2.6)")
    _, err = run.communicate(timeout=30)
    assert b"\r" not in err
