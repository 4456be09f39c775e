"""What a target names is not trusted: file names of its code, names of its functions and threads."""

from __future__ import annotations

import ctypes
import os
import re
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from interpreters import Interpreter
from support import Result, Run

SECRET = "mark_of_a_secret_line_20458"
# Runs, for argv[2] seconds, one function whose code says that it comes from argv[1]; it and its thread have odd names.
PROGRAM = r"""
import sys, threading, time

def named(file, name):
    lines = ["", "def work():", "    end = time.monotonic() + " + sys.argv[2], "    while time.monotonic() < end:",
             "        sum(range(1000))"]
    space = {"time": time}
    exec(compile("\n".join(lines), file, "exec"), space)
    function = space["work"]
    names = {"co_name": name}
    if hasattr(function.__code__, "co_qualname"):
        names["co_qualname"] = name
    function.__code__ = function.__code__.replace(**names)
    return function

function = named(sys.argv[1], "evil\x1b[31m\nname\x07\u202e<script>")
thread = threading.Thread(target=function, name="thread\x1b]0;title\x07\n<b>")
thread.start()
thread.join()
"""
# Line feed and tab belong to the formats themselves.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(PROGRAM)
    return tmp_path


def texts(run_keisoku: Run, folder: Path) -> dict[str, str]:
    """All that keisoku says of a.kei, without colour."""

    def run(*words: str) -> Result:
        return run_keisoku(*words, cwd=folder)

    said = {"report": run("report", "a.kei", "--color=never").out}
    said["lines"] = run("report", "a.kei", "--lines", "work", "--color=never").out
    said["json"] = run("report", "a.kei", "--json").out
    for name in ("collapsed", "speedscope"):
        said[name] = run("export", "a.kei", "--format", name).out
    if run("report", "a.kei", "--html", "a.html").status == 0:
        said["html"] = (folder / "a.html").read_text(errors="replace")
    return said


def special(folder: Path, kind: str) -> Path:
    path = folder / f"named-{kind}.py"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/zero")
    elif kind == "own device":
        try:
            os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 5))
        except PermissionError:
            pytest.skip("may make no device")
    elif kind == "folder":
        path.mkdir()
    elif kind == "link to fifo":
        os.mkfifo(folder / "pipe")
        path.symlink_to("pipe")
    elif kind == "proc":
        return Path("/proc/self/mem")
    elif kind == "huge":
        with path.open("wb") as handle:
            handle.truncate(1 << 40)
    return path


@pytest.mark.parametrize("kind", ["fifo", "device", "own device", "folder", "link to fifo", "proc", "huge", "absent"])
def test_odd_files_are_not_read(run_keisoku: Run, a_python: Interpreter, folder: Path, kind: str) -> None:
    """A pipe would block for ever, a device would never end."""
    done = run_keisoku("run", "-o", "a.kei", a_python.path, "app.py", special(folder, kind), "0.5", timeout=60)
    assert done.status == 0, done.err
    assert (folder / "a.kei").stat().st_size < 5_000_000
    assert "evil" in texts(run_keisoku, folder)["collapsed"]


@pytest.mark.parametrize("kind", ["fifo", "own device", "link to fifo", "huge"])
def test_what_is_no_text_is_not_even_opened(run_keisoku: Run, a_python: Interpreter, folder: Path, kind: str) -> None:
    """To open a device may rewind a tape or start a watchdog, and a pipe's writer sees that it has a reader."""
    path = special(folder, kind).resolve()
    with OpensOf(path) as opens:
        done = run_keisoku("run", "-o", "a.kei", a_python.path, "app.py", path, "0.5", timeout=60)
        assert done.status == 0, done.err
        assert opens.any() == (kind == "huge")  # a regular file is opened


def test_what_is_not_kept_is_not_opened(run_keisoku: Run, a_python: Interpreter, folder: Path) -> None:
    """A library's file of which little was seen: to open it would break a lease that the program has on it."""
    path = folder / "site-packages" / "library.py"
    path.parent.mkdir()
    path.write_text("# nothing of this is run\n")
    with OpensOf(path) as opens:
        done = run_keisoku("run", "--rate", "20", "-o", "a.kei", a_python.path, "app.py", path, "0.5", timeout=60)
        assert done.status == 0, done.err
        assert not opens.any()
    assert "library.py" in texts(run_keisoku, folder)["json"]


class OpensOf:
    """Whether a file was opened, by whomever: inotify, which makes one event of several."""

    IN_OPEN = 0x20

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> OpensOf:
        library = ctypes.CDLL(None, use_errno=True)
        self.fd = library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0 or library.inotify_add_watch(self.fd, os.fsencode(self.path), self.IN_OPEN) < 0:
            pytest.skip(f"no inotify: {os.strerror(ctypes.get_errno())}")
        return self

    def any(self) -> bool:
        try:
            return len(os.read(self.fd, 4096)) > 0
        except BlockingIOError:
            return False

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that `nobody` can enter (pytest's own cannot be), with a file for all and a file for root alone."""
    if os.getuid() != 0:
        pytest.skip("needs root: keisoku must be allowed to read more than the target is")
    with tempfile.TemporaryDirectory(prefix="keisoku-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "app.py").write_text(PROGRAM)
        for stem in ("public", "secret", "group"):
            (folder / f"{stem}.py").write_text(f"{SECRET}_{stem}\n" * 12)
        (folder / "secret.py").chmod(0o600)
        (folder / "group.py").chmod(0o640)  # of root's group, which keisoku itself is in
        yield folder


@pytest.mark.parametrize("through", ["name", "link"])
def test_only_what_the_target_could_read(run_keisoku: Run, shared: Path, through: str) -> None:
    """A program of the user `nobody` whose code claims to come from a file that only root, or its group, may read."""
    python = "/usr/bin/python3"  # nobody can start this one; others may lie in root's home
    if not os.access(python, os.X_OK):
        pytest.skip(f"no {python}")
    for stem, shown in (("public", True), ("secret", False), ("group", False)):
        named = shared / f"{stem}.py"
        if through == "link":
            named = shared / f"link-{stem}.py"
            named.symlink_to(f"{stem}.py")
        words = [python, "app.py", str(named), "60"]
        process = subprocess.Popen(words, cwd=shared, user=65534, group=65534, extra_groups=[])
        try:
            time.sleep(0.5)
            for left in (*shared.glob("a.*"),):
                left.unlink()
            done = run_keisoku("attach", process.pid, "--duration", "1", "-o", "a.kei", "--no-html", cwd=shared)
            assert done.status == 0, done.err
            said = texts(run_keisoku, shared)
        finally:
            process.kill()
            process.wait()
        assert "evil" in said["collapsed"]
        assert (f"{SECRET}_{stem}" in "".join(said.values()) + done.err) == shown, stem


def test_control_characters_are_escaped(run_keisoku: Run, a_python: Interpreter, folder: Path) -> None:
    named = folder / "file\x1b[2J\nname\x85.py"
    done = run_keisoku("run", "--color=never", "-o", "a.kei", a_python.path, "app.py", named, "0.5")
    assert done.status == 0, done.err
    said = {"screen": done.err, **texts(run_keisoku, folder)}
    for name, text in said.items():
        found = CONTROL.search(text)
        assert not found, f"{name}: {text[max(0, found.start() - 40) : found.end() + 20]!r}"
        assert "evil" in text or name in ("lines", "html"), name  # the page packs its data
    assert not re.search(r"evil[^<]{0,60}<script>", said.get("html", ""))
    # A name with a line feed in it is still one line of the folded stacks.
    for line in said["collapsed"].splitlines():
        assert re.fullmatch(r".*\S \d+", line), line


def test_dump_escapes_names(run_keisoku: Run, a_python: Interpreter, folder: Path) -> None:
    process = subprocess.Popen([a_python.path, "app.py", "x\x1b[2J.py", "60"], cwd=folder)
    try:
        end = time.monotonic() + 30
        while "evil" not in run_keisoku("dump", process.pid).out and time.monotonic() < end:
            time.sleep(0.1)  # it is still starting
        for words in ([], ["--json"]):
            done = run_keisoku("dump", process.pid, *words)
            assert done.status == 0, done.err
            assert not CONTROL.search(done.out), repr(done.out)
            assert "evil" in done.out
    finally:
        process.kill()
        process.wait()
