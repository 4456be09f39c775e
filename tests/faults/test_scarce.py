"""What the recorder or the whole machine is short of: cores, memory, room on the disk. The program runs on, what is
recorded is true and opens, and what is missing is said."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from faulty import LONG, Bounded, rounds, start_loop
from interpreters import Interpreter
from recording import Recording
from support import disk_of, sql

KNOWN = {"work", "rest", "<module>"}
SPIN = (
    "import os, time\nos.nice(int(os.environ['NICE']))\nend = time.monotonic() + 30\nwhile time.monotonic() < end: pass"
)


@contextmanager
def competitors(python: str, nice: int) -> Iterator[None]:
    """One that wants all of its core, on each."""
    words = [python, "-c", SPIN]
    others = [subprocess.Popen(words, env={**os.environ, "NICE": str(nice)}) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


@contextmanager
def target_of(python: str) -> Iterator[int]:
    """A program that works and rests; it must be there at the end."""
    target = start_loop(python)
    try:
        yield target.pid
        assert target.poll() is None
    finally:
        target.kill()
        target.communicate()


def check_recording(bounded: Bounded, path: Path) -> None:
    """It opens; every function in it is one of the program's, and no thread has more time than there was."""
    assert bounded("report", path.name, "--json").status == 0
    recording = Recording(path)
    seen = {function for sample in recording for function, file, _ in sample.stack if file == "<string>"}
    assert seen <= KNOWN, seen
    ((duration,),) = sql(path, "SELECT value / 1e9 FROM meta WHERE key = 'duration_ns'")
    rows = sql(
        path,
        "SELECT sum(wall_s), max(run_s), max(coalesce(end_s, ?) - start_s)"
        " FROM states JOIN threads ON thread = id GROUP BY id",
        duration,
    )
    for wall, run, life in rows:
        assert wall == pytest.approx(life, abs=0.05)
        assert run <= life + 0.05


def group_of(controller: str) -> Path:
    """The control group that we are in."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    groups = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    for _, place, kind, options, *_ in mounts:
        for number, names, group in groups:
            first = kind == "cgroup" and controller in options.split(",") and controller in names.split(",")
            second = kind == "cgroup2" and number == "0"
            folder = Path(place + group)
            if first or (second and controller in (folder / "cgroup.controllers").read_text().split()):
                return folder
    pytest.skip(f"no control group of {controller} here")


@contextmanager
def limited(controller: str, settings: dict[str, str]) -> Iterator[tuple[str, ...]]:
    """What to put in front of a command that is to run in a control group of its own, inside of ours. `settings`: file,
    of either version of control groups, and value; those that are not there are left out."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for a control group")
    folder = group_of(controller) / f"keisoku-test-{os.getpid()}"
    try:
        folder.mkdir()
        files = [folder / name for name in settings if (folder / name).exists()]
        for file in files:
            file.write_text(settings[file.name])
    except OSError as error:
        if folder.exists():
            folder.rmdir()
        pytest.skip(f"no control group of one's own: {error}")
    try:
        if not files:
            pytest.skip(f"control groups in control groups have no {controller} here")
        yield ("/bin/sh", "-c", f'echo $$ >{folder}/cgroup.procs && exec "$0" "$@"')
    finally:
        for _ in range(100):
            try:
                folder.rmdir()
                break
            except OSError:  # who was killed is still leaving
                time.sleep(0.05)


@pytest.mark.alone
def test_starved_of_cores(bounded: Bounded, a_python: Interpreter, tmp_path: Path) -> None:
    """Competitors of a higher priority on every core, in the long run of the highest, which leaves a hundredth of a core:
    late and fewer samples, and the sums still hold."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for competitors of a higher priority")
    code = "import time\ndef work():\n    end = time.process_time() + 0.15\n    while time.process_time() < end: pass\n"
    words = (a_python.path, "-c", code + "work(); print('end'); raise SystemExit(7)")
    with competitors(a_python.path, -20 if LONG else -12):
        done = bounded("run", "--no-html", "-o", "x.kei", *words, limit_s=120)
    assert (done.status, done.out) == (7, "end\n"), done.err
    assert bounded("report", "x.kei", "--json").status == 0
    run_s = sum(sample.run_s for sample in Recording(tmp_path / "x.kei") if sample.innermost() == "work")
    assert run_s < 0.4, run_s  # waiting for a core is not running


@pytest.mark.alone
@pytest.mark.parametrize("reader", ["core", "kernel"])
def test_a_recorder_that_comes_last(bounded: Bounded, a_python: Interpreter, tmp_path: Path, reader: str) -> None:
    """The recorder runs only where nobody else wants to (SCHED_IDLE), and everybody wants to."""
    if not LONG:
        pytest.skip("in the long run only (make faults)")
    if not shutil.which("chrt"):
        pytest.skip("needs chrt")
    if reader == "kernel" and os.geteuid() != 0:
        pytest.skip("the kernel sampler needs root")
    last = ("chrt", "--idle", "0", "nice", "-n", "19")
    with target_of(a_python.path) as pid, competitors(a_python.path, 0):
        for _ in range(rounds(1, 10)):
            words = ("--rate", "1000", "--reader", reader, "--duration", "2s", "--no-html", "-o", "x.kei")
            done = bounded("attach", pid, *words, prefix=last, limit_s=120)
            if done.status != 0:  # it never had a core before the end
                assert "nothing was measured" in done.err and done.err.count("\n") == 1, done.err
                continue
            check_recording(bounded, tmp_path / "x.kei")
            (tmp_path / "x.kei").unlink()


@pytest.mark.company
def test_a_recorder_with_two_percent_of_a_core(bounded: Bounded, a_python: Interpreter, tmp_path: Path) -> None:
    """It stands still for most of each tenth of a second."""
    quota = {"cpu.max": "2000 100000", "cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "2000"}
    with target_of(a_python.path) as pid, limited("cpu", quota) as prefix:
        for _ in range(rounds(1, 10)):
            words = ("--rate", "10000", "--duration", "2s", "--no-html", "-o", "x.kei")
            done = bounded("attach", pid, *words, prefix=prefix, limit_s=120)
            assert done.status == 0, done.err
            check_recording(bounded, tmp_path / "x.kei")
            (tmp_path / "x.kei").unlink()


@pytest.mark.parametrize("megabytes", [24, 40, 64, 96, 160, 320])
def test_short_of_address_space(bounded: Bounded, a_python: Interpreter, tmp_path: Path, megabytes: int) -> None:
    """We, not the program, may use only so much: one clear line, or a recording."""
    with target_of(a_python.path) as pid:
        limit = ("prlimit", f"--as={megabytes << 20}")
        done = bounded("attach", pid, "--duration", "500ms", "--no-html", "-o", "x.kei", prefix=limit)
        if done.status == 0:
            check_recording(bounded, tmp_path / "x.kei")
        else:
            assert "keisoku: " in done.err or "error while loading" in done.err, done
            assert done.status in (1, 2, 125, 127), done


@pytest.mark.parametrize("megabytes", [2, 4, 6, 8, 12, 24])
def test_killed_for_its_memory(
    keisoku: str, bounded: Bounded, a_python: Interpreter, tmp_path: Path, megabytes: int
) -> None:
    """A control group with so much memory for the recorder: it works, says so in a line, or is killed by the kernel."""
    size = str(megabytes << 20)
    settings = {"memory.max": size, "memory.swap.max": "0", "memory.limit_in_bytes": size}
    with target_of(a_python.path) as pid, limited("memory", settings) as prefix:
        words = [*prefix, keisoku, "attach", str(pid), "--duration", "1s", "--no-html", "-o", "x.kei"]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        if done.returncode == 0:
            check_recording(bounded, tmp_path / "x.kei")
        else:
            assert done.returncode == -signal.SIGKILL or done.stderr.startswith("keisoku: "), done
            if (tmp_path / "x.kei").exists():
                opened = bounded("report", "x.kei")
                assert opened.status == 0 or opened.err.count("\n") == 1, opened


@pytest.mark.parametrize("kilobytes", [4, 40, 60, 100, 200])
def test_files_may_only_be_so_long(bounded: Bounded, a_python: Interpreter, tmp_path: Path, kilobytes: int) -> None:
    """ulimit -f: the kernel answers a write beyond it with a signal that kills who does not expect it."""
    limit = ("prlimit", f"--fsize={kilobytes << 10}")
    with target_of(a_python.path) as pid:
        words = ("--rate", "10000", "--duration", "1s", "-o", "x.kei", "--html", "x.html")
        done = bounded("attach", pid, *words, prefix=limit)
        assert done.status in (0, 1), done
        if done.status != 0 or not (tmp_path / "x.html").exists():
            assert "keisoku: " in done.err, done
        if (tmp_path / "x.kei").exists():
            opened = bounded("report", "x.kei")
            assert opened.status == 0 or opened.err.count("\n") == 1, opened
    # and is for the program what it always was
    done = bounded("run", "-q", "--no-html", "-o", "y.kei", "/bin/sh", "-c", "kill -XFSZ $$")
    assert done.status == 128 + signal.SIGXFSZ, done


THREADS = """
import threading, time
for i in range(20):
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("files", [5, 6, 12, 28, 40])
def test_short_of_descriptors(bounded: Bounded, a_python: Interpreter, tmp_path: Path, files: int) -> None:
    """What is left out for want of them is said, and nothing else is blamed."""
    target = subprocess.Popen([a_python.path, "-c", THREADS], stdout=subprocess.PIPE, text=True)
    limit = ("prlimit", f"--nofile={files}:{files}")
    try:
        assert target.stdout is not None and target.stdout.readline() == "ready\n"
        dump = bounded("dump", target.pid, "--json", prefix=limit)
        assert (len(json.loads(dump.out)["threads"]) == 21) if dump.status == 0 else (dump.status == 1), dump
        words = ("--duration", "300ms", "--no-html", "--reader", "core", "-o", "x.kei")
        done = bounded("attach", target.pid, *words, prefix=limit)
        for ended in (dump, done):
            assert ended.status == 0 or "open files" in ended.err or "descriptors" in ended.err, ended
        if done.status == 0:
            shown = json.loads(bounded("report", "x.kei", "--json").out)
            whole = len(sql(tmp_path / "x.kei", "SELECT id FROM threads")) == 21
            assert whole or "want of descriptors" in json.dumps(shown), shown
    finally:
        target.kill()
        target.communicate()


@pytest.mark.parametrize("command", ["run", "attach", "dump", "doctor"])
def test_no_proc(bounded: Bounded, a_python: Interpreter, command: str) -> None:
    """A container or another root without /proc: that is said, not that permission or memory is missing."""
    away = ("unshare", "--mount", "--propagation", "private", "/bin/sh", "-c")
    if subprocess.run([*away, "mount -t tmpfs none /proc"], capture_output=True).returncode != 0:
        pytest.skip("needs root, for a mount of one's own")
    what = {"run": [a_python.path, "-c", "print(1)"], "doctor": []}.get(command, [1])
    done = bounded(command, *what, prefix=(*away, 'mount -t tmpfs none /proc && exec "$0" "$@"'))
    assert done.status in (1, 125) and "no /proc is mounted" in done.err and done.err.count("\n") == 1, done


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with disk_of(tmp_path / "small", "1m") as place:
        yield place


def committed_samples(path: Path) -> int:
    """That a reader sees now; 0: there is no recording yet, or none that can be asked."""
    with suppress(sqlite3.Error):
        return sum(count for (count,) in sql(path, "SELECT samples FROM sample_chunk"))
    return 0


def test_a_disk_that_fills_up_at_any_instant(
    bounded: Bounded, keisoku: str, a_python: Interpreter, tmp_path: Path, small_disk: Path
) -> None:
    """Others take all the room at some moment, and give it back or not: what was written before opens."""
    draw = random.Random(5)
    with target_of(a_python.path) as pid:
        for i in range(rounds(3, 100)):
            path = small_disk / "x.kei"
            words = [
                keisoku,
                "attach",
                "-q",
                str(pid),
                "--rate",
                "10000",
                "--duration",
                "1500ms",
                "--no-html",
                "-o",
                str(path),
            ]
            fill = small_disk / "fill"
            with subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as attach:
                time.sleep(draw.uniform(0, 1.4))
                committed = committed_samples(path)
                with fill.open("wb", buffering=0) as out:
                    try:
                        while True:
                            out.write(bytes(4096))
                    except OSError:
                        pass
                if draw.random() < 0.5:
                    time.sleep(draw.uniform(0, 0.4))
                    fill.unlink()
                _, err = attach.communicate(timeout=60)
            assert attach.returncode in (0, 1), (i, attach.returncode, err)
            if attach.returncode != 0:
                assert err.startswith("keisoku: ") and err.count("\n") == 1 and "No space left" in err, (i, err)
            fill.unlink(missing_ok=True)
            left_behind = sorted(left.name for left in small_disk.glob("x.kei*"))
            if committed:
                shutil.copy(path, tmp_path / "x.kei")
                opened = bounded("report", path)
                assert (opened.status, opened.err) == (0, ""), (i, opened, err)
                assert sum(count for (count,) in sql(path, "SELECT samples FROM sample_chunk")) >= committed, (i, err)
                left_behind = sorted(left.name for left in small_disk.glob("x.kei*"))
                assert left_behind == ["x.kei"], (i, "a log was left behind", left_behind, err)
            elif left_behind:
                opened = bounded("report", path)
                assert opened.status == 0 or opened.err.count("\n") == 1, (i, opened, err)
            for left in small_disk.glob("x.kei*"):
                left.unlink()


CUT = """
import os, sys, time
def work(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        sum(range(200))
work(0.1 + float(sys.argv[1]))
for name in sys.argv[3:]:
    try:
        os.truncate(name, int(sys.argv[2]))
    except OSError:
        pass
work(0.6)
os._exit(7)
"""


@pytest.mark.parametrize("names", [["x.kei-shm"], ["x.kei", "x.kei-wal", "x.kei-shm"]], ids=["index", "all"])
def test_files_that_others_cut_short(bounded: Bounded, a_python: Interpreter, tmp_path: Path, names: list[str]) -> None:
    """Also the one that SQLite has in its memory: the recording may be lost, the program's status is not."""
    draw = random.Random(7)
    for _ in range(rounds(1, 40)):
        when, size = draw.uniform(0, 0.5), draw.choice([0, 0, 100, 4096, 40000])
        words = (a_python.path, "-c", CUT, when, size, *names)
        done = bounded("run", "-q", "--rate", "2000", "--no-html", "-o", "x.kei", *words)
        assert done.status == 7, done
        assert all(line.startswith("keisoku: ") for line in done.err.splitlines()), done
        if (tmp_path / "x.kei").exists():
            opened = bounded("report", "x.kei")
            assert opened.status == 0 or opened.err.count("\n") == 1, opened
        for left in tmp_path.glob("x.kei*"):
            left.unlink()
