"""Files that keisoku writes: new, for their owner only, and never through a link somebody put there."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from interpreters import Interpreter
from support import Run

PROGRAM = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end:\n    sum(range(1000))\n"


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


# ---- every option that names an output -------------------------------------------------------------------------------

# What stands before and behind the options that name the outputs; a.kei and b.kei are recordings, PYTHON and PID a
# program that runs. A command with such an option and no row here fails.
CALLS: dict[str, tuple[list[str], list[str]]] = {
    "run": ([], ["PYTHON", "app.py"]),
    "attach": (["PID", "--duration", "300ms"], []),
    "report": (["a.kei"], []),
    "export": (["a.kei"], []),
    "diff": (["a.kei", "b.kei"], []),
    "ctl": (["live.kei", "save"], []),
    "merge": (["a.kei", "b.kei"], []),
    "stat": ([], ["PYTHON", "app.py"]),
    "bench": (["true", "PYTHON -c pass", "--rounds", "1", "--no-warmup"], []),
    "scale": (["--sizes", "1,2,3,4"], ["--", "PYTHON", "app.py", "{n}"]),
}
SIZES = "1234"


@dataclass
class Told:
    """What keisoku says of itself: commands → their options that name an output, with what they take; formats."""

    options: dict[str, list[tuple[str, str]]]
    formats: list[str]

    def calls(self, command: str) -> Iterator[tuple[list[str], list[str]]]:
        """The words of each call of that command, with all of its outputs, and their names."""
        before, behind = CALLS[command]
        for name in self.formats if command == "export" else [""]:
            words, names = [command, *before], []
            for option, takes in self.options[command]:
                if takes == "PREFIX":
                    words += [f"--{option}", "size-"]
                    names += [f"size-{size}.kei" for size in SIZES]
                elif takes == "FMT=OUT":
                    for one in self.formats:
                        words += [f"--{option}", f"{one}={option}-{one}.out"]
                        names.append(f"{option}-{one}.out")
                else:
                    words.append(f"--{option}={name}{option}.out")
                    names.append(f"{name}{option}.out")
            yield words + (["--format", name] if name else []) + behind, names


@pytest.fixture(scope="module")
def told(keisoku: str) -> Told:
    def ask(*words: str) -> str:
        return subprocess.run([keisoku, *words], check=True, capture_output=True, text=True, timeout=60).stdout

    names = re.findall(r"^([a-z]+) ", ask("export", "--format", "help"), re.MULTILINE)
    assert len(names) >= 8
    found = Told({}, [*names, "text", "json", "html"])
    for command in re.findall(r"^  ([a-z]+) ", ask("--help"), re.MULTILINE):
        said = ask(command, "--help")
        for option, takes in re.findall(r"^  .{4}--([a-z-]+)(?:\[=| )([A-Z]\S*)", said, re.MULTILINE):
            if option == "output" or takes.rstrip("]") in ("OUT", "FMT=OUT"):
                found.options.setdefault(command, []).append((option, takes))
    return found


@pytest.fixture(scope="module")
def recordings(keisoku: str, a_python: Interpreter, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a.kei and b.kei."""
    folder = tmp_path_factory.mktemp("recordings")
    for name in ("a.kei", "b.kei"):
        words = [keisoku, "run", "-q", "--no-html", "-o", name, a_python.path, "-c", PROGRAM]
        subprocess.run(words, cwd=folder, check=True, timeout=60)
    return folder


@pytest.fixture(scope="module")
def live(keisoku: str, a_python: Interpreter, recordings: Path) -> Iterator[int]:
    """A program that is being recorded to live.kei."""
    code = "import os, time\nprint(os.getpid(), flush=True)\nwhile True:\n    sum(range(9999)); time.sleep(0.002)"
    words = [keisoku, "run", "-q", "--no-html", "-o", "live.kei", a_python.path, "-c", code]
    recorder = subprocess.Popen(words, cwd=recordings, stdout=subprocess.PIPE, text=True)
    assert recorder.stdout is not None
    pid = int(recorder.stdout.readline())
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        recorder.communicate(timeout=60)


def numbered(name: str) -> str:
    """What a name that is taken becomes."""
    stem, _, ending = name.rpartition(".")
    return f"{stem}-2.{ending}"


def test_every_command_with_an_output_has_a_row(told: Told) -> None:
    assert set(told.options) == set(CALLS)


@pytest.mark.parametrize("there", ["a file", "a link to a file", "a link to nothing"])
@pytest.mark.parametrize("command", CALLS)
def test_what_is_there_is_kept(
    run_keisoku: Run,
    a_python: Interpreter,
    told: Told,
    recordings: Path,
    live: int,
    folder: Path,
    command: str,
    there: str,
) -> None:
    """Every output goes to a new file beside what has its name, for the owner alone."""
    for path in recordings.glob("*.kei"):
        (folder / path.name).symlink_to(path)  # of live.kei the recorder knows the file
    for words, names in told.calls(command):
        for name in names:
            if there == "a file":
                (folder / name).write_text("mine\n")
            else:
                (folder / name).symlink_to("victim" if there == "a link to a file" else "nothing-there")
        before = set(folder.iterdir())
        done = run_keisoku(*(word.replace("PYTHON", a_python.path).replace("PID", str(live)) for word in words))
        claimed = command != "scale" or "nothing is claimed" not in done.out  # of so little: the machine decides
        assert done.status == (0 if claimed else 1), (words, done.err)
        assert (folder / "victim").read_text() == "kept\n"
        assert not (folder / "nothing-there").exists()
        for name in names:
            assert (folder / name).is_symlink() if there != "a file" else (folder / name).read_text() == "mine\n"
        assert {path.name for path in made(folder, before)} == {numbered(name) for name in names}, (words, done.err)
        for path in made(folder, before):
            assert stat.S_ISREG(path.lstat().st_mode) and path.stat().st_size > 0, path.name
            assert mode(path) == 0o600, f"{path.name} is {mode(path):o}"


@pytest.mark.parametrize("ending", ["-wal", "-shm", "-journal"])
def test_the_log_of_a_recording_never_through_a_link(
    run_keisoku: Run, a_python: Interpreter, folder: Path, ending: str
) -> None:
    """Somebody else's link where SQLite puts its log, index or journal."""
    (folder / f"x.kei{ending}").symlink_to("victim")
    done = run_keisoku("run", "--no-html", "-o", "x.kei", a_python.path, "app.py")
    assert (folder / "victim").read_text() == "kept\n"
    assert done.status == 0, done.err
    assert mode(folder / "x.kei") == 0o600
    assert run_keisoku("report", "x.kei").status == 0


def test_files_of_a_recording_in_progress(keisoku: str, a_python: Interpreter, folder: Path) -> None:
    """Its log and its index are for the owner only, too."""
    seen: dict[str, int] = {}
    words = [keisoku, "run", "-q", "-o", "x.kei", a_python.path, "app.py"]
    with subprocess.Popen(words, cwd=folder) as run:
        while run.poll() is None:
            for path in folder.glob("x.*"):
                with suppress(FileNotFoundError):
                    seen[path.name] = seen.get(path.name, 0) | mode(path)
            time.sleep(0.005)
    assert run.returncode == 0
    assert {"x.kei", "x.kei-wal", "x.kei-shm"} <= set(seen)
    assert set(seen.values()) == {0o600}, seen


def test_the_page_beside_a_recording_never_through_a_link(
    run_keisoku: Run, a_python: Interpreter, folder: Path
) -> None:
    (folder / "x.html").symlink_to("victim")
    done = run_keisoku("run", "-o", "x.kei", a_python.path, "app.py")
    assert done.status == 0, done.err
    assert (folder / "victim").read_text() == "kept\n"
    assert (folder / "x-2.html").stat().st_size > 0 and mode(folder / "x-2.html") == 0o600


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
