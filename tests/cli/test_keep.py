"""Recordings with bounds (--keep, --max-size), copies (--save-when, ctl save), pauses: what is left is exactly what was
asked for, in the room that was allowed."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from interpreters import Interpreter
from support import Run, busy, sql

pytestmark = pytest.mark.company

# Another function each second: function_0, function_1 …
SECONDS = """
import sys, time
def make(n):
    names = {"time": time}
    exec("def second_%d(end):\\n while time.time() < end:\\n  sum(range(300))" % n, names)
    return names["second_%d" % n]
start = time.time()
for n in range(int(sys.argv[1])):
    open("second %d" % n, "w").close()
    make(n)(start + n + 1)
"""

# New code objects with long names all the time: nothing can be told by a name that was there before.
HOSTILE = """
import os, sys, time
end, n = time.time() + float(sys.argv[1]), 0
while time.time() < end and not os.path.exists("enough"):
    n += 1
    names = {}
    name = "made_%d_" % n + "x" * 500
    exec("def %s(f, n):\\n sum(range(2000))\\n return f[-n](f, n - 1) if n > 1 else 0" % name, names)
    names[name]([names[name]], 1)
"""

BUSY = "import time\nend = time.time() + %s\nwhile time.time() < end: sum(range(300))"

Report = Callable[[Path], dict[str, Any]]


class Recorder:
    """keisoku run in the background."""

    def __init__(self, keisoku: str, folder: Path, *words: object) -> None:
        self.keisoku, self.folder = keisoku, folder
        self.file = folder / "x.kei"
        self.begun = time.monotonic()
        command = [keisoku, "run", "--no-html", "-q", "-o", "x.kei", *map(str, words)]
        self.process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self.wait_for(
            lambda: (folder / "x.kei").exists() and re.search("recording,|complete", self.ctl("status")[1]) is not None
        )

    def wait_for(self, done: Callable[[], bool], limit: float = 60) -> None:
        until = time.monotonic() + limit
        while not done():
            assert time.monotonic() < until and self.process.poll() is None
            time.sleep(0.02)

    def ctl(self, *words: object) -> tuple[int, str]:
        done = subprocess.run(
            [self.keisoku, "ctl", "x.kei", *map(str, words)],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert done.stdout == "" and done.stderr.count("\n") == 1, done.stderr
        return done.returncode, done.stderr.strip()

    def seconds(self) -> float:
        found = re.search(r", ([0-9.]+) s measured", self.ctl("status")[1])
        assert found is not None
        return float(found.group(1))

    def sleeps(self) -> dict[str, int]:
        """How often each of the recorder's measuring threads has gone to sleep."""
        found = {}
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            name = (task / "comm").read_text().strip()
            if name in ("kei-sampler", "kei-tracker", "kei-writer"):
                switches = re.search(r"^voluntary_ctxt_switches:\s*(\d+)", (task / "status").read_text(), re.M)
                assert switches is not None
                found[name] = int(switches.group(1))
        return found

    def rests_for(self, seconds: float) -> bool:
        before = self.sleeps()
        time.sleep(seconds)
        return self.sleeps() == before

    def end(self) -> tuple[int, str]:
        _, err = self.process.communicate(timeout=60)
        return self.process.returncode, err


@pytest.fixture
def start(keisoku: str, tmp_path: Path) -> Iterator[Callable[..., Recorder]]:
    made: list[Recorder] = []

    def begin(*words: object) -> Recorder:
        made.append(Recorder(keisoku, tmp_path, *words))
        return made[-1]

    yield begin
    for recorder in made:
        if recorder.process.poll() is None:
            recorder.process.send_signal(signal.SIGINT)
            recorder.process.send_signal(signal.SIGINT)
            try:
                recorder.process.wait(20)
            except subprocess.TimeoutExpired:
                recorder.process.kill()
                recorder.process.wait()


def seconds_of(recording: Path) -> dict[int, float]:
    rows = sql(recording, "SELECT name, total_wall_s FROM functions WHERE name LIKE 'second_%' AND total_wall_s > 0")
    return {int(name.split("_")[1]): wall for name, wall in rows}


def size_of(recording: Path) -> int:
    total = 0
    for ending in ("", "-wal", "-journal"):
        with suppress(FileNotFoundError):
            total += os.stat(f"{recording}{ending}").st_size
    return total


def test_the_last_seconds_are_kept(run_keisoku: Run, a_python: Interpreter, tmp_path: Path, report: Report) -> None:
    (tmp_path / "app.py").write_text(SECONDS)
    done = run_keisoku("run", "--keep", "2s", "--no-html", "-o", "x.kei", a_python.path, "app.py", 5)
    assert done.status == 0, done.err
    got = report(tmp_path / "x.kei")["recording"]
    assert got["duration_s"] == pytest.approx(2, abs=0.05)
    assert got["dropped_s"] > 2.5
    found = seconds_of(tmp_path / "x.kei")
    if busy() and set(found) <= {4}:
        pytest.skip("the machine was so busy that the program took a second and more to end")
    assert set(found) == {3, 4}, found
    assert (1 if busy() else 1.5) < sum(found.values()) < 2.2, found
    names = sql(tmp_path / "x.kei", "SELECT text FROM string WHERE text LIKE 'second_%'")
    assert sorted(names) == [("second_3",), ("second_4",)]
    assert re.search(r"kept\s+the\s+last\s+2\.0\s+s\s+of\s+[5-9]\.\d", done.err), done.err


def test_who_reads_a_live_recording_takes_nothing(
    start: Callable[..., Recorder], a_python: Interpreter, run_keisoku: Run, tmp_path: Path
) -> None:
    """The recorder has read its own file by then, for a trim and for a copy. Its locks are still there, and its log."""
    (tmp_path / "app.py").write_text(SECONDS)
    recorder = start("--keep", "1s", a_python.path, "app.py", 30)
    recorder.wait_for((tmp_path / "second 3").exists)
    assert recorder.ctl("save", "-o", "copy.kei")[0] == 0
    assert run_keisoku("report", "x.kei", cwd=tmp_path).status == 0
    read = time.time_ns()
    assert (tmp_path / "x.kei-wal").exists()
    time.sleep(2)
    recorder.process.kill()
    recorder.process.wait()
    assert run_keisoku("report", "x.kei", cwd=tmp_path).status == 0
    ((began,),) = sql(tmp_path / "x.kei", "SELECT value FROM meta WHERE key = 'start_unix_ns'")
    ((last,),) = sql(tmp_path / "x.kei", "SELECT coalesce(max(end_ns), 0) FROM sample_chunk")
    if busy():
        pytest.skip("the machine is too busy to say how long the recorder had")
    assert int(began) + last > read + 1_000_000_000


def watch_size(recorder: Recorder, enough: Callable[[], bool]) -> int:
    """Its largest size until what is waited for has come, and for a moment longer; then the program ends."""
    most, until = 0, time.monotonic() + 60
    while not enough():
        assert time.monotonic() < until, most
        for _ in range(20):
            most = max(most, size_of(recorder.file))
            time.sleep(0.005)
    for _ in range(100):
        most = max(most, size_of(recorder.file))
        time.sleep(0.005)
    (recorder.folder / "enough").touch()
    return most


def test_a_size_limit_ends_the_recording_not_the_program(
    start: Callable[..., Recorder], a_python: Interpreter, tmp_path: Path, report: Report
) -> None:
    (tmp_path / "app.py").write_text(HOSTILE + "\nopen('finished', 'w').close(); sys.exit(3)")
    recorder = start("--max-size", "256K", "--rate", "200", a_python.path, "app.py", 60)
    most = watch_size(recorder, lambda: "is complete" in recorder.ctl("status")[1])
    assert not (tmp_path / "finished").exists()
    status, err = recorder.end()
    assert status == 3 and (tmp_path / "finished").exists(), err
    assert 100_000 < most <= 256 * 1024
    assert size_of(recorder.file) <= 256 * 1024
    assert err.count("reached --max-size") == 1, err
    got = report(recorder.file)["recording"]
    assert got["complete"] and any("--max-size" in note for note in got["notes"])


def test_keeping_stays_in_its_room(start: Callable[..., Recorder], a_python: Interpreter, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(HOSTILE)
    recorder = start("--keep", "1h", "--max-size", "256K", "--rate", "300", a_python.path, "app.py", 60)
    dropped = "SELECT value FROM meta WHERE key = 'dropped_ns'"
    most = watch_size(recorder, lambda: bool(sql(recorder.file, dropped)))
    assert recorder.ctl("status")[1].startswith("keisoku: recording")
    status, err = recorder.end()
    assert status == 0 and "--max-size" not in err, err
    assert 100_000 < most <= 256 * 1024
    assert sql(recorder.file, "SELECT value FROM meta WHERE key = 'complete'") == [(1,)]


def test_a_pause_is_measured_by_nobody(
    start: Callable[..., Recorder], a_python: Interpreter, tmp_path: Path, report: Report
) -> None:
    (tmp_path / "app.py").write_text(SECONDS)
    recorder = start(a_python.path, "app.py", 5)
    recorder.wait_for(lambda: recorder.seconds() > 0.8)
    paused = time.monotonic()
    status, said = recorder.ctl("pause")
    assert (status, said.startswith("keisoku: paused after ")) == (0, True)
    recorder.wait_for(lambda: recorder.rests_for(0.2))  # what was measured before is being written
    before, at = recorder.sleeps(), recorder.seconds()
    assert len(before) == 3
    time.sleep(1.5)
    assert recorder.sleeps() == before, "a thread woke up in a pause"
    assert recorder.seconds() == at
    assert recorder.ctl("pause") == (0, f"keisoku: was already paused after {at:.1f} s")
    time.sleep(0.8)
    assert recorder.ctl("resume")[0] == 0
    resumed = time.monotonic()
    status, err = recorder.end()
    assert status == 0, err
    took = time.monotonic() - recorder.begun
    got = report(recorder.file)
    (pause,) = got["recording"]["pauses"]
    assert pause["at_s"] == pytest.approx(at, abs=0.1)
    assert 2.3 <= pause["length_s"] <= resumed - paused
    assert 4.9 < got["recording"]["duration_s"] + pause["length_s"] <= took
    assert 50 < got["trust"]["rate_hz"] < 1.1 * got["trust"]["rate_asked_hz"]
    found = seconds_of(recorder.file)
    assert min(found.get(n, 0) for n in range(5)) < 0.1, found  # one second at least lies in the pause
    assert sum(found.values()) == pytest.approx(5 - pause["length_s"], abs=1.5 if busy() else 0.4)
    wall = {state: share["share"] for state, share in got["states"]["wall"].items()}
    assert wall.get("idle", 0) + wall.get("unknown", 0) < 0.1, wall
    cpu = sum(row.get("self_cpu_s", 0) for row in got["functions"])
    assert cpu <= got["recording"]["duration_s"] * 1.05


def test_saving_stopping_and_two_at_once(
    start: Callable[..., Recorder], keisoku: str, a_python: Interpreter, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(SECONDS + "\nopen('finished', 'w').close()")
    recorder = start("--keep", "1s", a_python.path, "app.py", 5)
    recorder.wait_for((tmp_path / "second 3").exists)
    words = [keisoku, "ctl", "x.kei", "save", "-o"]
    both = [subprocess.Popen([*words, name], cwd=tmp_path, stderr=subprocess.PIPE, text=True) for name in "ab"]
    said = [process.communicate(timeout=30)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert all(f"saved the last 1.0 s to {tmp_path / name}\n" in line for name, line in zip("ab", said, strict=True))
    for name in "ab":
        assert 0 not in seconds_of(tmp_path / name) and seconds_of(tmp_path / name), name
        assert sql(tmp_path / name, "SELECT value FROM meta WHERE key = 'complete'") == [(1,)]
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert recorder.ctl("save")[1].endswith("x.save.kei")
    assert recorder.ctl("stop")[0] == 0
    recorder.wait_for(lambda: sql(recorder.file, "SELECT value FROM meta WHERE key = 'complete'") == [(1,)])
    assert not (tmp_path / "finished").exists()
    status, said_now = recorder.ctl("save")
    assert status == 2 and "it is complete" in said_now
    assert recorder.end()[0] == 0 and (tmp_path / "finished").exists()


def sockets(recording: Path) -> list[Path]:
    """Of this recording: others are made at the same time."""
    places = [Path(f"/run/user/{os.geteuid()}/keisoku"), Path(f"/tmp/keisoku-{os.geteuid()}")]
    file = recording.stat()
    found = [place / f"{file.st_dev:x}-{file.st_ino:x}" for place in places]
    return [path for path in found if path.exists()]


def test_a_killed_recorder_is_told(start: Callable[..., Recorder], a_python: Interpreter) -> None:
    recorder = start(a_python.path, "-c", BUSY % 3)
    (socket,) = sockets(recorder.file)
    assert socket.stat().st_mode & 0o777 == 0o600 and socket.parent.stat().st_mode & 0o777 == 0o700
    recorder.wait_for(lambda: recorder.seconds() > 0.7)
    recorder.process.kill()
    recorder.process.wait()
    assert socket.exists()
    status, said = recorder.ctl("save")
    assert status == 2 and "its recorder was killed" in said, said
    assert not socket.exists()
    status, said = recorder.ctl("status")
    assert status == 2 and "its recorder was killed" in said, said


def test_a_recorder_that_ends_just_now_was_not_killed(
    run_keisoku: Run, make_recording: Callable[[Path, Path], Path], tmp_path: Path
) -> None:
    """It answers no more, and its file is whole a moment later."""
    text = "process main 7 python=3.13\nthread t main 7\nfunction f /home/u/app.py 1\nstack s f:2\nduring t 1 python@s\n"
    for name, end in (("x", "unfinished\n"), ("whole", "")):
        (tmp_path / f"{name}.txt").write_text(text + end)
        make_recording(tmp_path / f"{name}.txt", tmp_path / f"{name}.kei")
    later = threading.Timer(0.3, os.replace, (tmp_path / "whole.kei", tmp_path / "x.kei"))
    later.start()
    done = run_keisoku("ctl", "x.kei", "status")
    later.join()
    assert done.status == 2 and "it is complete" in done.err, done.err


def test_the_socket_goes_with_the_recording(run_keisoku: Run, a_python: Interpreter) -> None:
    done = run_keisoku("run", "-q", "--no-html", a_python.path, "-c", "pass")
    assert done.status == 0 and sockets(done.recording) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_is_refused(keisoku: str, a_python: Interpreter) -> None:
    def as_nobody() -> None:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)

    # Somewhere that everybody may enter, and a binary that everybody may run.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copy(keisoku, folder / "keisoku")
        recorder = Recorder(keisoku, folder, a_python.path, "-c", BUSY % 2.5)
        words = [str(folder / "keisoku"), "ctl", "x.kei", "stop"]
        done = subprocess.run(words, cwd=folder, preexec_fn=as_nobody, capture_output=True, text=True)
        assert (done.returncode, "is recorded by user 0" in done.stderr) == (1, True), done.stderr
        # Even where the way is open, the kernel says who asks.
        (socket,) = sockets(folder / "x.kei")
        socket.parent.chmod(0o711)
        socket.chmod(0o666)
        try:
            done = subprocess.run(words, cwd=folder, preexec_fn=as_nobody, capture_output=True, text=True)
        finally:
            socket.parent.chmod(0o700)
        assert (done.returncode, "is another user's" in done.stderr) == (1, True), done.stderr
        assert recorder.ctl("status")[1].startswith("keisoku: recording")
        recorder.ctl("stop")
        assert recorder.end()[0] == 0


def test_wrong_files_and_words(run_keisoku: Run, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no recording")
    for words in (["missing", "save"], ["text", "save"], ["text"], ["text", "dance"], ["text", "pause", "-o", "y"]):
        done = run_keisoku("ctl", *words)
        assert done.status == 2 and done.err.startswith("keisoku: ") and done.err.count("\n") == 1, (words, done.err)
    for option in ("cpu>", "cpu>90", "rss>1X", "load>3", "stuck>-1"):
        done = run_keisoku("run", "--save-when", option, "true")
        assert done.status == 125 and "is not usable: give" in done.err, done.err


def test_a_full_disk_while_a_copy_is_saved(
    start: Callable[..., Recorder], keisoku: str, a_python: Interpreter, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = f"mount -t tmpfs -o size=64k tmpfs '{small}'"
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-m", "sh", "-c", mount]).returncode != 0:
        pytest.skip("no file system can be mounted here")
    (tmp_path / "app.py").write_text(HOSTILE)
    script = tmp_path / "recorder"
    script.write_text(f'#!/bin/sh\n[ "$1" = run ] || exec \'{keisoku}\' "$@"\n')
    script.write_text(
        script.read_text() + f'exec unshare -m sh -c "{mount} && exec \'{keisoku}\' \\"\\$@\\"" sh "$@"\n'
    )
    script.chmod(0o755)
    recorder = Recorder(str(script), tmp_path, a_python.path, "app.py", 3)
    recorder.wait_for(lambda: recorder.seconds() > 1.5)
    status, said = recorder.ctl("save", "-o", small / "copy.kei")
    assert status == 1 and "No space left" in said, said
    assert recorder.ctl("save", "-o", "copy.kei")[0] == 0  # elsewhere there is room
    assert recorder.end()[0] == 0


@contextmanager
def triggered(
    start: Callable[..., Recorder], python: Interpreter, when: str, code: str
) -> Iterator[tuple[Recorder, str]]:
    recorder = start("--save-when", when, "--keep", "10s", python.path, "-c", code)
    yield recorder, recorder.end()[1]


def test_much_cpu_time_saves_one_copy(start: Callable[..., Recorder], a_python: Interpreter, tmp_path: Path) -> None:
    with triggered(start, a_python, "cpu>20%", "import time\ntime.sleep(0.5)\n" + BUSY % 3) as (_, err):
        if not err and busy():
            pytest.skip("the machine was so busy that it had no fifth of a core")
        assert len(re.findall(r"^keisoku: cpu is \d+%: saved the last [\d.]+ s to .*x\.cpu\.kei$", err, re.M)) == 1, err
        assert [path.name for path in tmp_path.glob("x.*.kei")] == ["x.cpu.kei"]
        assert sql(tmp_path / "x.cpu.kei", "SELECT value FROM meta WHERE key = 'complete'") == [(1,)]


def test_much_memory_saves_one_copy(start: Callable[..., Recorder], a_python: Interpreter, tmp_path: Path) -> None:
    code = "import time\ntime.sleep(0.3)\nx = bytearray(150 << 20)\ntime.sleep(1)"
    with triggered(start, a_python, "rss>100M", code) as (_, err):
        assert "saved the last" in err and (tmp_path / "x.rss.kei").exists(), err


STUCK = """
import threading, time
lock = threading.Lock()
lock.acquire()
def wait_for_ever():
    lock.acquire()
threading.Thread(target=wait_for_ever, daemon=True).start()
time.sleep(2.6)
"""


def test_a_stuck_thread_saves_one_copy(start: Callable[..., Recorder], a_python: Interpreter, tmp_path: Path) -> None:
    with triggered(start, a_python, "stuck>1s", STUCK) as (_, err):
        assert len(re.findall(r"thread \d+ is stuck for 1 s: saved", err)) == 1, err
        rows = sql(tmp_path / "x.stuck.kei", "SELECT DISTINCT path FROM stacks")
        assert any("wait_for_ever" in path for (path,) in rows), rows


def test_who_sleeps_is_not_stuck(start: Callable[..., Recorder], a_python: Interpreter, tmp_path: Path) -> None:
    with triggered(start, a_python, "stuck>1s", "import time\ntime.sleep(2.5)") as (_, err):
        assert "stuck" not in err and not list(tmp_path.glob("x.*.kei")), err


def test_the_report_says_so_too(run_keisoku: Run, a_python: Interpreter, tmp_path: Path) -> None:
    done = run_keisoku("run", "--keep", "1s", "--no-html", "-o", "x.kei", a_python.path, "-c", BUSY % 3)
    assert done.status == 0, done.err
    said = json.loads(run_keisoku("report", "--json", tmp_path / "x.kei").out)
    assert said["recording"]["dropped_s"] > 1.5
