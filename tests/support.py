"""What the tests' own modules share by name; fixtures are in conftest.py."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

TOP = Path(__file__).resolve().parent.parent


@dataclass
class Result:
    """What one call of keisoku left behind."""

    status: int
    out: str
    err: str
    folder: Path
    arguments: list[str] = field(default_factory=list)

    @property
    def recordings(self) -> list[Path]:
        return sorted(self.folder.glob("*.kei"))

    @property
    def recording(self) -> Path:
        found = self.recordings
        assert len(found) == 1, f"expected one recording, found {[path.name for path in found]}\n{self.err}"
        return found[0]

    @property
    def page(self) -> Path:
        found = sorted(self.folder.glob("*.html"))
        assert len(found) == 1, f"expected one page, found {[path.name for path in found]}\n{self.err}"
        return found[0]

    def sql(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return sql(self.recording, query, *values)


def sql(recording: Path, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Asks a recording with Python's own SQLite, read only."""
    connection = sqlite3.connect(f"file:{recording}?mode=ro", uri=True)
    try:
        return connection.execute(query, values).fetchall()
    finally:
        connection.close()


Run = Callable[..., Result]


def busy() -> bool:
    """So many want a core that what is said of a program is said of the machine."""
    return os.getloadavg()[0] > 2 * len(os.sched_getaffinity(0))


class NeverError(AssertionError):
    """What must not be seen even once was seen: tools/test never looks a second time."""


def never(wrong: Collection[object], what: str = "") -> None:
    """Fails with the first of the things that must not be."""
    if len(wrong):
        raise NeverError(f"{len(wrong)} {what}: {next(iter(wrong))}")


@contextmanager
def never_hangs(words: Sequence[object]) -> Iterator[None]:
    try:
        yield
    except subprocess.TimeoutExpired as late:
        raise NeverError(f"{' '.join(map(str, words))}: still running after {late.timeout} s") from late


def never_crashed(done: subprocess.CompletedProcess[str]) -> None:
    """keisoku itself: a program's own end by a signal is a status of 128 and more."""
    crashes = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE)
    if done.returncode < 0 and -done.returncode in crashes:
        raise NeverError(f"{done.args}: {signal.Signals(-done.returncode).name}: {done.stderr[-2000:]}")


class Nobody:
    """keisoku as a user without rights, in a folder of its own."""

    def __init__(self, keisoku: str, folder: Path) -> None:
        nobody = pwd.getpwnam("nobody")
        self.words = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
        self.binary = folder / "keisoku"
        shutil.copy(keisoku, self.binary)
        self.place = folder / "place"
        self.place.mkdir()
        os.chown(self.place, nobody.pw_uid, nobody.pw_gid)
        while folder != folder.parent and str(folder) != "/tmp":
            folder.chmod(folder.stat().st_mode | 0o055)
            folder = folder.parent

    def keisoku(self, *arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        words = [*self.words, str(self.binary), *arguments]
        env = {**os.environ, **(env or {})}
        with never_hangs(words):
            done = subprocess.run(words, cwd=self.place, env=env, capture_output=True, text=True, timeout=60)
        never_crashed(done)
        return done


@contextmanager
def disk_of(place: Path, size: str) -> Iterator[Path]:
    """A file system of that size at `place`, which is made; skips the test where there can be none."""
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a tiny file system")
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    if subprocess.run(words, capture_output=True).returncode != 0:
        pytest.skip("mounting a file system is not permitted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@contextmanager
def confined(core: int) -> Iterator[None]:
    """What is started meanwhile may run on that core alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, [core])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def shared_library(folder: Path, source: str, *flags: str) -> Path:
    """A library of that C source, made once for each set of flags."""
    compiler = shutil.which("cc")
    if not compiler:
        pytest.skip("needs a C compiler")
    made = folder / f"chain{''.join(flags)}.so"
    if not made.exists():
        made.with_suffix(".c").write_text(source)
        words = [compiler, "-O2", "-fPIC", "-shared", *flags, "-o", str(made), str(made.with_suffix(".c"))]
        subprocess.run(words, check=True)
    return made


def preloadable(keisoku: str) -> str:
    """The same program with a shared C library: into one that has its own nothing can be preloaded."""
    twin = Path(keisoku).resolve().with_name("keisoku-shared")
    return str(twin) if twin.exists() else keisoku


def make_recording(keisoku: str, description: str | Path, output: Path) -> Path:
    """A recording from tests/recordings/DESCRIPTION.txt, or from a description of the test's own."""
    maker = Path(keisoku).parent.parent / "tests" / "tools" / "make-recording"
    if not maker.exists():
        pytest.skip(f"{maker} is not there: KEISOKU_BINARY names no build folder")
    if isinstance(description, str):
        description = TOP / "tests" / "recordings" / f"{description}.txt"
    # The recording says its own name, so it is made where it lies.
    words = [str(maker), str(description), output.name]
    subprocess.run(words, cwd=output.parent, check=True, capture_output=True)
    return output
