"""Files that keisoku writes: new, for their owner only, and never through a link somebody put there."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from interpreters import Interpreter
from support import Run

PROGRAM = "import time\nend = time.process_time() + 0.5\nwhile time.process_time() < end:\n    sum(range(1000))\n"


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    """With no umask the mode is what keisoku asked for."""
    old = os.umask(0)
    yield
    os.umask(old)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(PROGRAM)
    (tmp_path / "victim").write_text("kept\n")
    return tmp_path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def made(folder: Path, before: set[Path]) -> list[Path]:
    return sorted(set(folder.iterdir()) - before)


def test_run_writes_for_the_owner_only(run_keisoku: Run, a_python: Interpreter, folder: Path) -> None:
    before = set(folder.iterdir())
    words = ["--json", "report.json", "--export", "collapsed=stacks.txt"]
    done = run_keisoku("run", *words, a_python.path, "app.py")
    assert done.status == 0, done.err
    new = made(folder, before)
    assert {path.suffix for path in new} >= {".kei", ".json", ".txt"}, done.err
    for path in new:
        assert path.is_file() and not path.is_symlink()
        assert mode(path) == 0o600, f"{path.name} is {mode(path):o}"


@pytest.mark.parametrize("dangling", [False, True], ids=["to a file", "to nothing"])
def test_recording_never_through_a_link(run_keisoku: Run, a_python: Interpreter, folder: Path, dangling: bool) -> None:
    target = folder / ("nothing-there" if dangling else "victim")
    (folder / "app.kei").symlink_to(target)
    run_keisoku("run", "-o", "app.kei", a_python.path, "app.py")
    assert (folder / "victim").read_text() == "kept\n"
    assert not (folder / "nothing-there").exists()
    assert (folder / "app.kei").is_symlink()


OUTPUTS = [
    ("export", "x.kei", "--format", "collapsed", "-o"),
    ("export", "x.kei", "--format", "speedscope", "-o"),
    ("export", "x.kei", "--format", "pprof", "-o"),
    ("report", "x.kei", "--html"),
]


@pytest.mark.parametrize("words", OUTPUTS, ids=lambda words: " ".join(words[2:4]))
def test_other_outputs_never_through_a_link(
    run_keisoku: Run, a_python: Interpreter, folder: Path, words: tuple[str, ...]
) -> None:
    done = run_keisoku("run", "--no-html", "-o", "x.kei", a_python.path, "app.py")
    assert done.status == 0, done.err
    (folder / "out").symlink_to("victim")
    before = set(folder.iterdir())
    run_keisoku(*words, "out")
    assert (folder / "victim").read_text() == "kept\n"
    assert (folder / "out").is_symlink()
    for path in made(folder, before):
        assert not path.is_symlink()
        assert mode(path) == 0o600


def test_an_existing_file_is_kept(run_keisoku: Run, a_python: Interpreter, folder: Path) -> None:
    (folder / "app.kei").write_text("mine\n")
    before = set(folder.iterdir())
    done = run_keisoku("run", "--no-html", "-o", "app.kei", a_python.path, "app.py")
    assert done.status == 0, done.err
    assert (folder / "app.kei").read_text() == "mine\n"
    new = [path for path in made(folder, before) if path.suffix == ".kei"]
    assert len(new) == 1 and new[0].name in done.err


def test_no_environment_is_recorded(run_keisoku: Run, a_python: Interpreter, folder: Path) -> None:
    done = run_keisoku("run", "-o", "app.kei", a_python.path, "app.py", env={"SECRET_TOKEN": "mark-of-a-secret-73512"})
    assert done.status == 0, done.err
    for path in folder.iterdir():
        assert b"mark-of-a-secret-73512" not in path.read_bytes(), path.name
    dumped = run_keisoku("report", "app.kei", "--json").out
    assert "SECRET_TOKEN" not in dumped and "mark-of-a-secret" not in dumped


def test_redact_args_and_no_source(run_keisoku: Run, a_python: Interpreter, folder: Path) -> None:
    (folder / "app.py").write_text(PROGRAM + "mark_of_a_line_95117 = 1\n")
    argument = "mark-of-an-argument-40991"
    done = run_keisoku("run", "--redact-args", "--no-source", "-o", "a.kei", a_python.path, "app.py", argument)
    assert done.status == 0, done.err
    texts = [done.err, run_keisoku("report", "a.kei", "--json").out, run_keisoku("report", "a.kei").out]
    texts += [path.read_text(errors="replace") for path in folder.glob("*.html")]
    assert not any(argument in text or "sum(range(1000))" in text for text in texts)
    # The control: without the options both are there.
    plain = run_keisoku("run", "--no-html", "-o", "b.kei", a_python.path, "app.py", argument)
    assert argument in run_keisoku("report", "b.kei", "--json").out
    assert "sum(range(1000))" in plain.err + run_keisoku("report", "b.kei", "--top", 20).out
