"""Pythons that live elsewhere: in a PID namespace and below a root of their own, in a virtual environment, behind a
launcher. Threads, functions, lines and source text are theirs, under the names that they use themselves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from interpreters import Interpreter, interpreter
from oracle import PROGRAMS
from recording import Recording
from support import Result, Run
from test_trees import check_version

INSIDE = PROGRAMS / "inside.py"
LINES = {line.rpartition("# it ")[2]: number for number, line in enumerate(INSIDE.read_text().split("\n"), 1)}
Report = Callable[[Path], dict[str, Any]]

# A root that only this mount namespace has: the system's folders, the interpreter where nobody else has it, and the
# program. Then a PID namespace, in which a shell is 1.
ENTER = """
set -e
root=$1 prefix=$2 program=$3; shift 3
mount -t tmpfs none "$root"
mkdir "$root/inner" "$root/app" "$root/proc" "$root/dev"
for name in usr bin lib lib64; do
    if [ -L /$name ]; then cp -P /$name "$root/"; elif [ -d /$name ]; then
        mkdir "$root/$name"; mount --rbind /$name "$root/$name"
    fi
done
mount --rbind /dev "$root/dev"
mount --rbind "$prefix" "$root/inner"
cp "$program" "$root/app/inside.py"
exec unshare --pid --fork --kill-child --mount-proc="$root/proc" chroot "$root" \
    /usr/bin/env PYTHONHOME=/inner LD_LIBRARY_PATH=/inner/lib /bin/sh -c 'cd /app; "$@" & wait $!' sh "$@"
"""


@dataclass(frozen=True)
class Place:
    """How to start inside.py there. Where the program sees itself: /app/inside.py, as `inside.py`."""

    python: Interpreter
    words: list[str]


@dataclass(frozen=True)
class Started:
    pid: int  # as we see it
    own_pid: int  # as it does
    file: str  # its own name for its program
    tids: dict[str, int]  # by the names of its threads, as we see them


def need_namespaces() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, for namespaces and another root")
    if not shutil.which("unshare") or subprocess.run(["unshare", "-mp", "true"], capture_output=True).returncode != 0:
        pytest.skip("namespaces of one's own are not permitted here")


# Not one that tools/get-pythons brings: its loader has an absolute path, which is not there in another root.
@pytest.fixture(params=["3.8", "3.11"])  # thread ids from the C library's memory, and from the interpreter's
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    python = interpreter(request.param)
    if python is None:
        pytest.skip(f"no Python {request.param} on this machine")
    need_namespaces()
    code = "import sys; print(sys.prefix)"
    prefix = subprocess.run([python.path, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    root = tmp_path / "root"
    root.mkdir()
    within = Path("/inner") / Path(python.path).relative_to(prefix)
    words = ["unshare", "--mount", "sh", "-c", ENTER, "sh", str(root), prefix, str(INSIDE), str(within), "inside.py"]
    return Place(python, words)


def children(pid: int) -> list[int]:
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
        texts = [Path(f"/proc/{pid}/task/{tid}/children").read_text() for tid in tasks]
    except OSError:
        return []
    return [int(child) for text in texts for child in text.split()]


def own_id(pid: int, tid: int) -> int:
    """As the innermost PID namespace shows it."""
    status = Path(f"/proc/{pid}/task/{tid}/status").read_text()
    return next(int(line.split()[-1]) for line in status.splitlines() if line.startswith("NSpid:"))


@contextmanager
def started(place: Place) -> Iterator[Started]:
    process = subprocess.Popen([*place.words, "stay", "60"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            pytest.fail(f"it did not start: {process.communicate(timeout=10)[1]}", pytrace=False)
        told = json.loads(line)
        pid = process.pid
        while below := children(pid):
            pid = below[-1]
        outer = {own_id(pid, int(tid)): int(tid) for tid in os.listdir(f"/proc/{pid}/task")}
        yield Started(pid, told["pid"], told["file"], {name: outer[own] for name, own in told["ids"].items()})
    finally:
        process.kill()
        process.communicate()


def test_dump_into_a_namespace(run_keisoku: Run, place: Place) -> None:
    with started(place) as inside:
        assert inside.own_pid == 2 != inside.pid, inside
        for _ in range(20):
            done = run_keisoku("dump", inside.pid, "--json")
            assert done.status == 0, done.err
            dump = json.loads(done.out)
            threads = {thread["name"]: thread for thread in dump["threads"]}
            if threads["MainThread"]["proved"]:
                break
    assert {name: thread["tid"] for name, thread in threads.items()} == inside.tids
    assert threads["sleeper"]["state"] == "sleep" and threads["sleeper"]["proved"]
    frame = threads["sleeper"]["frames"][0]
    assert (frame["function"], frame["file"], frame["line"]) == ("rest", inside.file, LINES["sleeps here"])
    functions = [frame["function"] for frame in threads["MainThread"]["frames"]]
    assert functions[-2:] == ["spin", "<module>"], functions


def check_recording(path: Path, report: Report, run_keisoku: Run) -> None:
    """All that was read of it: its threads, its functions at their lines, its source text, which nobody else has."""
    seen = Recording(path)
    shown = {(function, file) for sample in seen for function, file, _ in sample.stack}
    assert {("leaf", "/app/inside.py"), ("spin", "/app/inside.py"), ("rest", "/app/inside.py")} <= shown, shown
    lines = {line for sample in seen for function, _, line in sample.stack if function == "rest"}
    assert lines == {LINES["sleeps here"]}
    assert not Path("/app/inside.py").exists()
    text = run_keisoku("report", "--lines", "leaf", path).out
    assert "total += i" in text, text
    trust = report(path)["trust"]
    assert trust["dropped"] <= max(10, 0.05 * trust["samples"]), trust


@pytest.mark.parametrize("reader", ["core", "kernel"])
def test_attach_into_a_namespace(run_keisoku: Run, report: Report, place: Place, reader: str) -> None:
    if reader == "kernel":
        row = next(line for line in run_keisoku("doctor").out.splitlines() if line.startswith("kernel sampler"))
        if "yes" not in row.split():
            pytest.skip(row)
    with started(place) as inside:
        words = ("--reader", reader, "--rate", "1000", "--duration", "1s", "--no-html", "-o", "x.kei")
        done = run_keisoku("attach", inside.pid, *words)
    assert done.status == 0, done.err
    path = done.folder / "x.kei"
    check_recording(path, report, run_keisoku)
    names = {sample.thread: sample.tid for sample in Recording(path)}
    assert names == inside.tids
    assert report(path)["trust"]["proved_by"].get(reader, 0) > 20, report(path)["trust"]


def test_run_of_a_namespace(run_keisoku: Run, report: Report, place: Place) -> None:
    words = ("--reader", "core", "--rate", "1000", "--no-html", "-o", "x.kei", *place.words, "work", "0.6")
    done = run_keisoku("run", *words)
    assert done.status == 7, done.err
    check_recording(done.folder / "x.kei", report, run_keisoku)
    pythons = [process for process in Recording(done.folder / "x.kei").processes if process.python]
    assert len(pythons) == 1, pythons
    check_version(pythons[0].python, place.python.version)
    assert "inside.py" in pythons[0].command, pythons


# ---- one path, several files -----------------------------------------------------------------------------------------

SAME_PATH = """
import sys, time
def work(end):
    total = 0
    while time.process_time() < end:
        total += 1  # {whose}
work(float(sys.argv[1]))
"""
# The program as it is, in a mount namespace where another file is in its place, twice, and in one where it is the same.
ROOTS = """
other=$1 app=$2; shift 2
hide='mount --bind "$0" "$1"; shift; exec "$@"'
"$@" &
unshare --mount sh -c "$hide" "$other" "$app" "$@" &
unshare --mount sh -c "$hide" "$other" "$app" "$@" &
unshare --mount "$@" &
wait
"""


def test_one_path_in_several_roots(run_keisoku: Run, a_python: Interpreter, tmp_path: Path) -> None:
    """Each process is shown the text of its own file, and what is one file stays one."""
    need_namespaces()
    app, other = tmp_path / "app.py", tmp_path / "other.py"
    app.write_text(SAME_PATH.format(whose="as here"))
    other.write_text(SAME_PATH.format(whose="from elsewhere"))
    words = ["sh", "-c", ROOTS, "sh", other, app, a_python.path, app, "0.5"]
    done = run_keisoku("run", "--reader", "core", "--rate", "1000", "--no-html", "-o", "x.kei", *words)
    assert done.status == 0, done.err
    texts: dict[str, set[str]] = {"as here": set(), "from elsewhere": set()}
    for process in Recording(done.recording).processes:
        if not process.python:
            continue
        # each function of that name is shown, those of others without a share
        shown = run_keisoku("report", "--process", process.pid, "--lines", "work", done.recording).out
        own = [part for part in shown.split("work  ") if "%" in part]
        whose = [name for name in texts if f"# {name}" in "".join(own)]
        assert len(own) == 1 and len(whose) == 1, f"{process}\n{shown}"
        stacks = [sample.stack for sample in Recording(done.recording) if sample.pid == process.pid]
        texts[whose[0]] |= {file for stack in stacks for function, file, _ in stack if function == "work"}
    names = {whose: len(files) for whose, files in texts.items()}
    assert names == {"as here": 1, "from elsewhere": 1}, texts
    assert {str(app)} in texts.values(), texts


LOCKED = """
import threading, time
lock = threading.Lock()
end = time.monotonic() + 1.5
def hold():
    while time.monotonic() < end:
        with lock:
            time.sleep(0.05)
        time.sleep(0.001)
def want():
    while time.monotonic() < end:
        with lock:
            pass
threads = [threading.Thread(target=job) for job in (hold, want, want)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
HIDDEN = """
other=$1 app=$2; shift 2
"$@" && unshare --mount sh -c 'mount --bind "$0" "$1"; shift; exec "$@"' "$other" "$app" "$@"
"""


def test_locks_are_of_the_file_of_their_root(run_keisoku: Run, a_python: Interpreter, tmp_path: Path) -> None:
    """Who waits and who holds is found by other ways than the samples: the names are the same. The other file has the
    same functions further down."""
    need_namespaces()
    a_python.since(3, 8, "locks")
    app, other, down = tmp_path / "app.py", tmp_path / "other.py", 100
    app.write_text(LOCKED)
    other.write_text("\n" * down + LOCKED)
    words = ["sh", "-c", HIDDEN, "sh", other, app, a_python.path, app]
    done = run_keisoku("run", "--no-html", "-o", "x.kei", *words)
    assert done.status == 0, done.err
    seen = Recording(done.recording)
    sampled = {(file, line > down) for sample in seen for function, file, line in sample.stack if function == "want"}
    assert len(sampled) == 2 and (str(app), False) in sampled, sampled
    numbers = {number for row in done.sql("SELECT frame, held FROM lock_holder") for number in row if number}
    looked_at = [frame for frame in map(seen.frames.get, numbers) if frame is not None]
    told = {(file, line > down) for function, file, line in looked_at if function in ("hold", "want")}
    if not any(below for _, below in told):
        pytest.skip(f"the machine had no time for a look at the second one's lock: {told}")
    assert told <= sampled, (told, sampled)


# Its functions are met one after the other: while all is as it was, when its file has another change time, and so late
# that the process is gone before they are named.
TOUCHED = """
import os, sys, time
def spin(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
def early():
    spin(0.4)
def later():
    spin(0.3)
def last():
    spin(0.03)
early()
if sys.argv[1:]:
    os.utime(__file__, None)
later()
last()
os._exit(0)
"""


def test_one_file_in_two_roots_stays_one(run_keisoku: Run, a_python: Interpreter, tmp_path: Path) -> None:
    """Whatever happens to it, and to those who have it."""
    need_namespaces()
    app = tmp_path / "app.py"
    app.write_text(TOUCHED)
    both = '"$@" && unshare --mount "$@" touches'
    words = ["sh", "-c", both, "sh", a_python.path, app]
    done = run_keisoku("run", "--reader", "core", "--rate", "1000", "--no-html", "-o", "x.kei", *words)
    assert done.status == 0, done.err
    seen = Recording(done.recording)
    assert len([process for process in seen.processes if process.python]) == 2, seen.processes
    named = {(function, file) for sample in seen for function, file, _ in sample.stack}
    own = {pair for pair in named if pair[0] in ("spin", "early", "later", "last")}
    assert {function for function, _ in own} >= {"early", "later"}, named
    assert {file for _, file in own} == {str(app)}, own


# ---- virtual environments and launchers ------------------------------------------------------------------------------

WORK = """
import sys, time
from installed import work
work(0.3)
print(sys.prefix)
print(work.__code__.co_filename)
sys.exit(7)
"""
INSTALLED = """
import time
def work(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
"""


def check_app(done: Result, app: Path, installed: Path) -> None:
    """One Python, its functions under the names that it has for its files, and its own status."""
    assert done.status == 7, done.err
    assert done.out.splitlines()[1] == str(installed), done.out
    recording = Recording(done.recording)
    assert len([process for process in recording.processes if process.python]) == 1, recording.processes
    pairs = {(sample.stack[0][:2], sample.stack[1][:2]) for sample in recording if len(sample.stack) == 2}
    at_work = {pair for pair in pairs if pair[1][0] == "work"}
    assert at_work == {(("<module>", str(app)), ("work", str(installed)))}, pairs


@pytest.mark.parametrize("how", ["symlinks", "copies"])
@pytest.mark.parametrize("named", ["by its path", "first on PATH"])
def test_virtual_environment(run_keisoku: Run, a_python: Interpreter, tmp_path: Path, how: str, named: str) -> None:
    """What it has installed is not the program's own code."""
    made = tmp_path / "venv"
    words = [a_python.path, "-m", "venv", "--without-pip", f"--{how}", str(made)]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"no virtual environment can be made: {done.stderr.strip()}")
    installed = next(made.glob("lib/python3*/site-packages")) / "installed.py"
    installed.write_text(INSTALLED)
    app = tmp_path / "app.py"
    app.write_text(WORK)
    environment = {"PATH": f"{made}/bin:{os.environ['PATH']}", "VIRTUAL_ENV": ""} if named == "first on PATH" else {}
    start = [app] if environment else [made / "bin" / "python", app]
    seen = run_keisoku("run", "--no-html", "-o", "x.kei", *start, env=environment)
    assert seen.out.splitlines()[:1] == [str(made)], seen.err
    check_app(seen, app, installed)
    report = json.loads(run_keisoku("report", "--json", seen.recording).out)
    own = {row["function"]: row for row in report["functions"]}
    assert own["work"]["file"] == str(installed), own


SHIMS = {
    # pyenv's: a shell that looks about, becomes another shell, which becomes the interpreter.
    "execs": (
        'name="${0##*/}"\nwhere=$(dirname "$0")\nexec "$where/launch" "$name" "$@"\n',
        'shift; exec {python} "$@"\n',
    ),
    # `uv run` and others: the launcher stays, and its child is the interpreter.
    "waits": ('"${0%/*}/launch" "$@"\nexit $?\n', 'ls / >/dev/null\n{python} "$@"\nexit $?\n'),
}


@pytest.mark.parametrize("kind", SHIMS)
@pytest.mark.parametrize("named", ["by its path", "first on PATH"])
def test_launcher(run_keisoku: Run, a_python: Interpreter, tmp_path: Path, kind: str, named: str) -> None:
    """Through a link to the program's folder: the names are those that the program was started with."""
    shims, real, linked = tmp_path / "shims", tmp_path / "real", tmp_path / "linked"
    shims.mkdir()
    real.mkdir()
    linked.symlink_to(real)
    for name, text in zip(("python3", "launch"), SHIMS[kind]):
        (shims / name).write_text("#!/bin/sh\n" + text.replace("{python}", a_python.path))
        (shims / name).chmod(0o755)
    app = linked / "app.py"
    app.write_text(WORK)
    (real / "installed.py").write_text(INSTALLED)
    environment = {"PATH": f"{shims}:{os.environ['PATH']}", "PYTHONPATH": str(linked), "VIRTUAL_ENV": ""}
    start = [app] if named == "first on PATH" else [shims / "python3", app]
    done = run_keisoku("run", "--no-html", "-o", "x.kei", *start, env=environment)
    check_app(done, app, real / "installed.py")  # the interpreter looks for modules where the link leads
