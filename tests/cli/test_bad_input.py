"""Whatever a user may get wrong: one clear line, the right exit status, no crash, no half-written file."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from interpreters import Interpreter
from support import Nobody, Result, Run, disk_of, sql

BUSY = "import time\nend = time.monotonic() + 0.4\nwhile time.monotonic() < end:\n    sum(range(1000))\n"


def one_line(done: Result | subprocess.CompletedProcess[str]) -> str:
    """The one line that keisoku said, without its name."""
    said = done.err if isinstance(done, Result) else done.stderr
    lines = said.splitlines()
    assert len(lines) == 1, said
    assert lines[0].startswith("keisoku: "), said
    return lines[0].removeprefix("keisoku: ")


def nothing_written(folder: Path) -> None:
    assert not [path.name for path in folder.iterdir() if path.suffix in (".kei", ".html", ".json")]


BAD_OPTIONS = [
    ("--rate", "0"),
    ("--rate", "1e9"),
    ("--rate", "-5"),
    ("--rate", "nan"),
    ("--rate", "inf"),
    ("--rate", "0x10"),
    ("--rate", ""),
    ("--rate", "fast"),
    ("--duration", "0"),
    ("--duration", "10parsecs"),
    ("--duration", "-1s"),
    ("--delay", "soon"),
    ("--budget", "0"),
    ("--budget", "2"),
    ("--reader", "telepathy"),
    ("--color", "mauve"),
    ("--export", "speedscope"),
    ("--export", "=x"),
    ("--export", "sppedscope=x"),
    ("-o", ""),
]


@pytest.mark.parametrize("words", BAD_OPTIONS, ids=" ".join)
def test_an_impossible_value_starts_nothing(run_keisoku: Run, tmp_path: Path, words: tuple[str, str]) -> None:
    done = run_keisoku("run", *words, "touch", "started")
    assert done.status == 125
    assert words[0].lstrip("-") in one_line(done) or words[0] in ("-o", "--export")
    assert not (tmp_path / "started").exists()
    nothing_written(tmp_path)


@pytest.mark.parametrize("words", BAD_OPTIONS, ids=" ".join)
def test_an_impossible_value_attaches_to_nothing(run_keisoku: Run, tmp_path: Path, words: tuple[str, str]) -> None:
    done = run_keisoku("attach", os.getpid(), *words)
    assert done.status == 2
    assert words[0].lstrip("-") in one_line(done) or words[0] in ("-o", "--export")
    nothing_written(tmp_path)


def test_a_misspelt_option_is_guessed(run_keisoku: Run) -> None:
    done = run_keisoku("run", "--ratee", "5", "true")
    assert done.status == 125
    assert "did you mean --rate?" in one_line(done)
    assert run_keisoku("report", "--tpo", "5", "x.kei").status == 2
    done = run_keisoku("attach", os.getpid(), "--durration", "1s")
    assert done.status == 2
    assert "did you mean --duration?" in one_line(done)


def test_a_misspelt_command_is_guessed(run_keisoku: Run, tmp_path: Path) -> None:
    done = run_keisoku("rnu", "x.py")
    assert done.status == 2
    assert "did you mean keisoku run?" in one_line(done)
    (tmp_path / "app.py").write_text("")
    assert "keisoku run app.py" in one_line(run_keisoku("app.py"))


def test_nothing_to_run(run_keisoku: Run) -> None:
    for words in ((), ("--",), ("-q",)):
        done = run_keisoku("run", *words)
        assert done.status == 125
        assert "PROGRAM" in one_line(done)
    assert run_keisoku("run", "-m").status == 125
    assert run_keisoku("run", "-c").status == 125


def test_no_such_program(run_keisoku: Run, tmp_path: Path) -> None:
    (tmp_path / "orders.py").write_text("")
    for word in ("nothing-of-that-name", "./nothing.py", "no/such/place"):
        done = run_keisoku("run", word)
        assert done.status == 127
        assert word in one_line(done)
    assert "did you mean orders.py?" in one_line(run_keisoku("run", "order.py"))
    nothing_written(tmp_path)


def test_not_executable(run_keisoku: Run, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no program\n")
    (tmp_path / "folder").mkdir()
    for word in ("./data", "./folder"):
        done = run_keisoku("run", word)
        assert done.status == 126
        assert word in one_line(done)
    (tmp_path / "broken").write_bytes(b"\x7fELF\x00broken")
    (tmp_path / "broken").chmod(0o755)
    done = run_keisoku("run", "./broken")
    assert done.status == 126
    assert "broken" in one_line(done)
    nothing_written(tmp_path)


@pytest.mark.parametrize("status", [0, 7])
def test_no_python_under_it(run_keisoku: Run, status: int) -> None:
    done = run_keisoku("run", "sh", "-c", f"sleep 0.3; exit {status}")
    assert done.status == status
    assert "no Python" in one_line(done)


def test_a_python_that_ends_in_no_time(run_keisoku: Run, a_python: Interpreter) -> None:
    done = run_keisoku("run", a_python.path, "-IS", "-c", "import os; os._exit(9)")
    assert done.status == 9
    assert done.err, "an empty profile needs its cause"
    assert "Traceback" not in done.err


def gone_pid() -> int:
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid


@pytest.mark.parametrize("command", ["attach", "dump", "doctor"])
def test_a_pid_that_is_gone(run_keisoku: Run, tmp_path: Path, command: str) -> None:
    pid = gone_pid()
    done = run_keisoku(command, pid)
    assert done.status == 2
    assert str(pid) in one_line(done)
    nothing_written(tmp_path)


@pytest.mark.parametrize("command", ["attach", "dump"])
@pytest.mark.parametrize("word", ["0", "-1", "abc", "1.5", "99999999999999", ""])
def test_what_is_no_pid(run_keisoku: Run, command: str, word: str) -> None:
    done = run_keisoku(command, word)
    assert done.status == 2
    one_line(done)


@pytest.mark.parametrize("command", ["attach", "dump"])
def test_a_process_that_is_no_python(run_keisoku: Run, tmp_path: Path, command: str) -> None:
    other = subprocess.Popen(["sleep", "60"])
    try:
        done = run_keisoku(command, other.pid, timeout=30)
    finally:
        other.kill()
        other.wait()
    assert done.status == 2
    assert "no Python" in one_line(done)
    nothing_written(tmp_path)


def refused(nobody: Nobody, command: str, words: list[str]) -> str:
    """What is said of a program that may not be read."""
    target = subprocess.Popen(words, cwd=nobody.place, stdout=subprocess.PIPE)
    try:
        assert target.stdout is not None
        assert target.stdout.readline() == b"ready\n"
        done = nobody.keisoku(command, str(target.pid))
        doctor = nobody.keisoku("doctor", str(target.pid))
    finally:
        target.kill()
        target.communicate()
    assert done.returncode == 1, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert f"sudo keisoku {command} {target.pid}" in done.stderr
    assert doctor.returncode == 0
    assert f"sudo keisoku attach {target.pid}" in doctor.stdout
    nothing_written(nobody.place)
    return done.stderr


@pytest.mark.parametrize("command", ["attach", "dump"])
def test_a_process_of_another_user(nobody: Nobody, a_python: Interpreter, command: str) -> None:
    """Refused with the reason and the command that helps."""
    code = "import time; print('ready', flush=True); time.sleep(60)"
    assert "belongs to user 0" in refused(nobody, command, [a_python.path, "-c", code])


@pytest.mark.parametrize("command", ["attach", "dump"])
def test_a_process_that_forbids_it(nobody: Nobody, command: str) -> None:
    """One's own process that called prctl(PR_SET_DUMPABLE, 0)."""
    python = "/usr/bin/python3"
    if not os.access(python, os.X_OK):
        pytest.skip("no Python that every user may run")
    code = "import ctypes, time; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0); print('ready', flush=True); time.sleep(60)"
    assert "PR_SET_DUMPABLE" in refused(nobody, command, [*nobody.words, python, "-c", code])


def test_a_process_that_forbids_it_later(nobody: Nobody) -> None:
    """What was measured until then is shown, and why there is no more of it."""
    python = "/usr/bin/python3"
    if not os.access(python, os.X_OK):
        pytest.skip("no Python that every user may run")
    forbid = "import ctypes; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)\n"
    done = nobody.keisoku(
        "run", "--no-html", python, "-c", BUSY + forbid + BUSY.replace("0.4", "3") + "raise SystemExit(5)"
    )
    assert done.returncode == 5, done.stderr
    text = " ".join(done.stderr.split())
    assert re.search(r"from [0-9.]+ s on a process was not measured any more: cannot read the memory", text), text
    assert "PR_SET_DUMPABLE" in text and re.search(r"unreadable [1-9]", text), text
    assert re.search(r"trust +[1-9][0-9]* samples", text), text


def test_a_process_that_forbids_it_before_the_start(nobody: Nobody) -> None:
    """A child, in the time of --delay: what the note calls its time is the recording's."""
    python = "/usr/bin/python3"
    if not os.access(python, os.X_OK):
        pytest.skip("no Python that every user may run")
    forbid = "import ctypes; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)\ntime.sleep(60)"
    parent = f"import subprocess, sys\nchild = subprocess.Popen([sys.executable, '-c', {BUSY + forbid!r}])\n"
    code = parent + BUSY.replace("0.4", "4") + "child.kill()\nchild.wait()"
    done = nobody.keisoku("run", "--no-html", "--delay", "3s", python, "-c", code)
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stderr.split())
    told = re.search(r"from ([0-9.]+) s on a process was not measured any more: cannot read the memory", text)
    assert told and float(told[1]) < 60, text


def test_run_of_a_python_that_may_only_be_executed(nobody: Nobody) -> None:
    """The kernel lets nobody read its memory then: the cause is said, and the program is not disturbed."""
    if not os.access("/usr/bin/python3", os.X_OK):
        pytest.skip("no Python that every user may run")
    python = shutil.copy("/usr/bin/python3", nobody.place)
    os.chmod(python, 0o111)
    done = nobody.keisoku("run", python, "-c", BUSY + "print('end')\nraise SystemExit(5)")
    assert (done.returncode, done.stdout) == (5, "end\n"), done.stderr
    told = one_line(done)
    assert told.startswith("nothing was measured: cannot read the memory of process "), told
    assert "sudo keisoku run" in told
    nothing_written(nobody.place)


@pytest.mark.parametrize("command", ["attach", "dump", "doctor"])
def test_a_process_that_proc_hides(nobody: Nobody, command: str) -> None:
    """/proc mounted with hidepid=2, in a mount namespace of the test's own."""
    target = subprocess.Popen(["sleep", "60"])
    hidden = 'mount -t proc -o hidepid=2 proc /proc || exit 99; exec "$@"'
    words = ["unshare", "-m", "sh", "-c", hidden, "sh", *nobody.words, str(nobody.binary), command, str(target.pid)]
    try:
        done = subprocess.run(words, cwd=nobody.place, capture_output=True, text=True, timeout=60)
    finally:
        target.kill()
        target.wait()
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip("mounting /proc with hidepid is not permitted here")
    assert done.returncode == (0 if command == "doctor" else 1), done.stderr
    told = done.stdout if command == "doctor" else done.stderr
    assert "hidepid" in told
    assert f"sudo keisoku {'attach' if command == 'doctor' else command} {target.pid}" in told


@pytest.fixture(scope="module")
def good(keisoku: str, a_python: Interpreter, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    words = [keisoku, "run", "-q", "--no-html", "-o", "good.kei", a_python.path, "-c", BUSY]
    subprocess.run(words, cwd=folder, check=True, timeout=60)
    return folder / "good.kei"


def read_commands(path: Path) -> list[list[str]]:
    return [["report", str(path)], ["report", "--json", str(path)], ["export", "--format", "collapsed", str(path)]]


@pytest.mark.parametrize("share", [0, 1, 17, 100, 512, 4096, 0.5, 0.9])
def test_a_truncated_recording(run_keisoku: Run, good: Path, tmp_path: Path, share: float) -> None:
    data = good.read_bytes()
    size = int(len(data) * share) if isinstance(share, float) else share
    cut = tmp_path / "cut.kei"
    cut.write_bytes(data[:size])
    for words in read_commands(cut):
        done = run_keisoku(*words)
        assert done.status == 2, (size, done.err)
        assert "cut.kei" in one_line(done)
        assert done.out == ""
    assert cut.read_bytes() == data[:size]


def test_what_is_no_recording(run_keisoku: Run, tmp_path: Path) -> None:
    (tmp_path / "text.kei").write_text("not a recording\n" * 500)
    (tmp_path / "folder.kei").mkdir()
    for name in ("text.kei", "folder.kei", "missing.kei"):
        for words in read_commands(tmp_path / name):
            done = run_keisoku(*words)
            assert done.status in (1, 2)
            assert name in one_line(done)


def test_damaged_bytes_never_crash(run_keisoku: Run, good: Path, tmp_path: Path) -> None:
    data = bytearray(good.read_bytes())
    for at in range(100, len(data), max(1, len(data) // 12)):
        hurt = bytearray(data)
        hurt[at : at + 64] = bytes(255 - byte for byte in hurt[at : at + 64])
        path = tmp_path / "hurt.kei"
        path.write_bytes(hurt)
        done = run_keisoku("report", path)
        assert done.status in (0, 1, 2), (at, done.status, done.err)
        if done.status != 0:
            one_line(done)


def test_unwritable_output(run_keisoku: Run, a_python: Interpreter, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    there = ["folder", "folder/", "pipe", "/dev/null"]
    for output in ("/proc/x.kei", str(tmp_path / "no" / "such" / "x.kei"), "a" * 300 + ".kei", *there):
        done = run_keisoku("run", "-o", output, a_python.path, "-c", "open('started', 'w')")
        assert done.status == 125, done.err
        assert "cannot create" in one_line(done)
        assert not (tmp_path / "started").exists()
    assert not os.path.exists("/dev/null-2")


def test_unwritable_extras_are_warnings(run_keisoku: Run, a_python: Interpreter) -> None:
    extras = ["--html", "/proc/x.html", "--json", "/proc/x.json", "--export", "collapsed=/proc/x.txt"]
    done = run_keisoku("run", "-o", "x.kei", *extras, a_python.path, "-c", BUSY + "raise SystemExit(5)")
    assert done.status == 5
    assert done.err.count("keisoku: ") >= 3
    assert done.recording.exists()
    assert "/proc/x.html" not in done.err.splitlines()[-1]  # the screen names what was written


def test_what_may_not_be_read(run_keisoku: Run, tmp_path: Path) -> None:
    told = one_line(run_keisoku("report", "gone.kei"))
    assert told == "cannot open gone.kei: No such file or directory; check the name"


def test_one_report_to_standard_output(run_keisoku: Run, good: Path) -> None:
    done = run_keisoku("report", good, "--html", "-", "--json")
    assert done.status == 2
    assert "standard output" in one_line(done)
    assert done.out == ""


def test_unwritable_export(run_keisoku: Run, good: Path) -> None:
    done = run_keisoku("export", good, "--format", "pprof", "-o", "/proc/x")
    assert done.status == 2 or done.status == 1
    assert "/proc/x" in one_line(done)


def test_full_standard_output(keisoku: str, good: Path) -> None:
    for words in (["report", str(good)], ["export", "--format", "speedscope", str(good)], ["--help"], ["doctor"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run([keisoku, *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
        assert done.returncode == 1, words
        assert len(done.stderr.splitlines()) == 1, done.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with disk_of(tmp_path / "small", "1m") as place:
        yield place


# New stacks all the time.
STACKS = """
import itertools, time
end = time.monotonic() + 2
def f(n):
    return f(n - 1) if n else [sum(range(50)) for _ in range(9)]
for i in itertools.count():
    f(i * 7919 % 60)
    if time.monotonic() > end:
        break
print("end")
raise SystemExit(7)
"""


@pytest.mark.parametrize("page", [False, True], ids=["recording", "recording and page"])
def test_full_disk(run_keisoku: Run, keisoku: str, a_python: Interpreter, small_disk: Path, page: bool) -> None:
    """Somebody fills it after the first commits: one clear error, the program goes on to its end, and what was written
    before opens."""
    recording, fill = small_disk / "x.kei", small_disk / "fill"
    words = [keisoku, "run", "-q", *([] if page else ["--no-html"]), "-o", str(recording), a_python.path, "-c", STACKS]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        wait_for_samples(recording)
        with fill.open("wb", buffering=0) as out, suppress(OSError):
            while True:
                out.write(bytes(4096))
        said = run.communicate(timeout=60)
    assert (run.returncode, said[0]) == (7, "end\n"), said
    told = one_line(Result(7, *said, small_disk))
    assert "No space left on device" in told and "are kept" in told, told
    fill.unlink()
    assert [path.name for path in small_disk.glob("*.html")] == []
    for words in (["report", str(recording)], ["export", "--format", "collapsed", str(recording)]):
        opened = run_keisoku(*words)
        assert (opened.status, opened.err) == (0, ""), opened.err
        assert opened.out
    assert sum(count for (count,) in sql(recording, "SELECT samples FROM sample_chunk")) > 0


def wait_for_samples(recording: Path, limit_s: float = 30) -> None:
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        with suppress(sqlite3.Error):
            if sql(recording, "SELECT count(*) FROM sample_chunk") != [(0,)]:
                return
        time.sleep(0.05)
    pytest.fail("nothing was committed")


def test_a_disk_that_is_full_from_the_start(run_keisoku: Run, a_python: Interpreter, small_disk: Path) -> None:
    """Nothing is started, and nothing is left behind."""
    with (small_disk / "fill").open("wb", buffering=0) as out, suppress(OSError):
        while True:
            out.write(bytes(4096))
    done = run_keisoku("run", "-o", small_disk / "x.kei", a_python.path, "-c", "print('started')")
    assert (done.status, done.out) == (125, "")
    assert "No space left on device" in one_line(done)
    assert [path.name for path in small_disk.iterdir()] == ["fill"]


def test_closed_standard_error(keisoku: str, a_python: Interpreter, tmp_path: Path) -> None:
    words = [keisoku, "run", "-o", "x.kei", a_python.path, "-c", BUSY + "print('out')\nraise SystemExit(3)"]
    done = subprocess.run(["sh", "-c", '"$@" 2>&-', "sh", *words], cwd=tmp_path, capture_output=True, timeout=60)
    assert done.returncode == 3
    assert done.stdout == b"out\n"
    assert done.stderr == b""
    assert (tmp_path / "x.kei").exists()


def test_closed_standard_streams_stay_closed(keisoku: str, a_python: Interpreter, tmp_path: Path) -> None:
    """The program finds them closed too, and no file of ours gets their numbers."""
    program = (
        "import os\nclosed = []\nfor fd in range(3):\n    try: os.fstat(fd)\n    except OSError: closed.append(fd)\n"
    )
    program += "open('closed', 'w').write(repr(closed))\n" + BUSY
    words = [keisoku, "run", "-o", "x.kei", a_python.path, "-c", program]
    done = subprocess.run(["sh", "-c", '"$@" <&- >&- 2>&-', "sh", *words], cwd=tmp_path, timeout=60)
    assert done.returncode == 0
    assert (tmp_path / "closed").read_text() == "[0, 1, 2]"
    assert (tmp_path / "x.kei").read_bytes().startswith(b"SQLite format 3")


def test_a_reader_that_goes_away(keisoku: str, good: Path) -> None:
    """`keisoku export … | head -1` ends quietly, as every tool does."""
    words = [keisoku, "export", "--format", "speedscope", str(good)]
    done = subprocess.run(["sh", "-c", '"$@" | head -c 1', "sh", *words], capture_output=True, timeout=60)
    assert done.stdout == b"{"
    assert done.stderr == b""


def test_standard_error_that_goes_away(keisoku: str, a_python: Interpreter, tmp_path: Path) -> None:
    words = [keisoku, "run", "-o", "x.kei", a_python.path, "-c", BUSY + "raise SystemExit(4)"]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(words, cwd=tmp_path, stderr=writer, timeout=60)
    os.close(writer)
    assert done.returncode == 4
    assert done.returncode != -signal.SIGPIPE
    assert (tmp_path / "x.kei").exists()


WITHOUT_PERF = Path(__file__).resolve().parent.parent / "truth" / "programs" / "without_perf.py"


@pytest.mark.parametrize("mode", [0o4755, 0o711], ids=["set-user-ID", "not-readable"])
@pytest.mark.parametrize("perf", [True, False], ids=["perf", "without-perf"])
def test_an_exec_of_what_may_not_be_read(nobody: Nobody, mode: int, perf: bool) -> None:
    """A program of its own from then on, under its own name, and why it is not measured is said: by the kernel's records, or
    where nothing but /proc tells."""
    python = "/usr/bin/python3"
    if not os.access(python, os.X_OK):
        pytest.skip("no Python that every user may run")
    other = shutil.copy("/bin/sleep", nobody.place / "sleeper")
    os.chmod(other, mode)
    if os.statvfs(other).f_flag & os.ST_NOSUID:
        pytest.skip("set-user-ID programs have no effect on this file system")
    if not perf:
        words = ["unshare", "--net", sys.executable, str(WITHOUT_PERF)]  # where there is no process connector either
        if subprocess.run([*words, "/bin/true"], capture_output=True).returncode != 0:
            pytest.skip("no seccomp filter can be set here, or no network namespace made")
        nobody.words = [*words, shutil.which(nobody.words[0]) or "", *nobody.words[1:]]
    code = BUSY + f"import os; os.execv({str(other)!r}, ['sleeper', '2'])"
    done = nobody.keisoku("run", "--no-html", "-o", "x.kei", python, "-c", code)
    assert done.returncode == 0, done.stderr
    with sqlite3.connect(f"file:{nobody.place / 'x.kei'}?mode=ro", uri=True) as recording:
        found = recording.execute("SELECT pid, command, python, start_s, end_s FROM processes ORDER BY id").fetchall()
    assert len(found) == 2, found
    (pid, command, version, _, end_s), (pid_behind, behind, no_version, start_s, _) = found
    assert pid == pid_behind and command.startswith(python) and version, found
    assert behind.split("\0")[0].startswith("sleeper") and not no_version and abs(start_s - end_s) < 1, found
    if not perf:
        text = " ".join(done.stderr.split())
        assert re.search(r"from [0-9.]+ s on a process was not measured any more: cannot read the memory", text), text
