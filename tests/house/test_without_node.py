"""A machine without node and npm builds everything but the page, and what is built says so where a page is wanted.

The checkout is configured anew with neither on PATH. Of all that is compiled only the page's stand-in differs then, so it
alone is compiled there, and linked with the rest of the build at hand as the command line is.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest
from interpreters import Interpreter
from support import TOP, make_recording

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("without-node")]

LEFT_OUT = ("node", "npm")
MISSING = "the page was not built: node and npm were missing at build time; install them and build again"


def path_without(folder: Path) -> str:
    """PATH, with links to all the others in the place of each folder that has one of those left out."""
    kept = []
    for number, place in enumerate(map(Path, os.environ["PATH"].split(os.pathsep))):
        if any((place / name).exists() for name in LEFT_OUT):
            links = folder / str(number)
            links.mkdir(parents=True)
            for program in place.iterdir():
                if program.name not in LEFT_OUT:
                    (links / program.name).symlink_to(program)
            place = links
        kept.append(str(place))
    return os.pathsep.join(kept)


def done_well(words: list[str], **where: object) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, **where)  # type: ignore[call-overload]
    assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout}{done.stderr}"
    return str(done.stdout)


@pytest.fixture(scope="module")
def binary(keisoku: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    build = Path(keisoku).resolve().parents[1]
    if not (build / "build.ninja").exists():
        pytest.skip(f"{build} is no build folder: KEISOKU_BINARY names another binary")
    folder = tmp_path_factory.mktemp("without-node")
    scratch = folder / "build"
    env = {**os.environ, "PATH": path_without(folder / "path")}
    said = done_well(["meson", "setup", str(scratch), str(TOP)], env=env)
    assert "the page (report --html) is left out" in said, said
    compiled = json.loads((scratch / "compile_commands.json").read_text())
    parts = {row["output"]: Path(row["file"]).name for row in compiled if row["output"].startswith("lib/export/")}
    assert "html_page.c" not in parts.values(), parts
    (stand_in,) = [output for output, source in parts.items() if source == "html_none.c"]
    done_well(["ninja", "-C", str(scratch), stand_in], env=env)
    link = shlex.split(done_well(["ninja", "-C", str(build), "-t", "commands", "cli/keisoku"]).splitlines()[-1])
    at = link.index("-o") + 1
    assert link[at] == "cli/keisoku", link
    linked = scratch / "cli" / "keisoku"
    linked.parent.mkdir(exist_ok=True)
    # What comes first is taken: the page's own object stays in its archive.
    done_well([*link[:at], str(linked), str(scratch / stand_in), *link[at + 1 :]], cwd=build)
    return str(linked)


def test_run_keeps_the_status_and_says_what_is_missing(binary: str, a_python: Interpreter, tmp_path: Path) -> None:
    code = "import time; time.sleep(0.5); print('out'); raise SystemExit(7)"
    words = [binary, "run", "-o", "x.kei", a_python.path, "-c", code]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (7, "out\n"), done.stderr
    first, screen = done.stderr.split("\n", 1)
    assert first == f"keisoku: {MISSING}; the recording is complete without it"
    assert screen.startswith("keisoku  -c ") and "x.kei" in screen and ".html" not in screen, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["x.kei"]
    plain = subprocess.run([*words[:2], "--no-html", *words[2:]], cwd=tmp_path, capture_output=True, text=True)
    assert plain.returncode == 7 and plain.stderr.startswith("keisoku  -c "), plain.stderr


@pytest.mark.parametrize("words", [("report", "--html", "out.html"), ("export", "--format", "html", "-o", "out.html")])
def test_a_page_that_is_asked_for(binary: str, keisoku: str, tmp_path: Path, words: tuple[str, ...]) -> None:
    recording = make_recording(keisoku, "work", tmp_path / "work.kei")
    command, *options = words
    done = subprocess.run([binary, command, recording.name, *options], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, ""), done
    assert done.stderr == f"keisoku: {MISSING}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["work.kei"]
    for others in ([], ["--json"]):
        done = subprocess.run([binary, "report", recording.name, *others], cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "") and "crawl.py" in done.stdout, done
