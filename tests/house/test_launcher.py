"""./keisoku in a checkout: builds when it must, says what it installs, and is otherwise not there.

The launcher and its tools are copied into a small tree of their own, whose `keisoku` is a C program of a few lines, so
that a build takes a second and can be made to fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
PROGRAM = r"""
#include <stdio.h>
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        printf("[%s]", argv[i]);
    int c;
    while ((c = getchar()) != EOF)
        putchar(c);
    return 3;
}
"""
Launch = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "a checkout"
    (tree / "tools").mkdir(parents=True)
    (tree / "cli").mkdir()
    shutil.copy2(TOP / "keisoku", tree)
    for name in ("build", "setup"):
        shutil.copy2(TOP / "tools" / name, tree / "tools")
    (tree / "tools" / "packages").write_text("build  gcc  cmd:cc  compiler\n")
    (tree / "meson.build").write_text("project('small', 'c')\nsubdir('cli')\n")
    (tree / "cli" / "meson.build").write_text("executable('keisoku', 'main.c')\n")
    (tree / "cli" / "main.c").write_text(PROGRAM)
    return tree


def launch(
    program: Path, *words: str, cwd: Path | None = None, env: dict[str, str] | None = None, text: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, *words], cwd=cwd, env={**os.environ, **(env or {})}, input=text, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip


def test_first_start_builds_and_keeps_the_streams(tree: Path) -> None:
    first = launch(tree / "keisoku", "run", "a b", "", text="line\n")
    assert (first.returncode, first.stdout) == (3, "[run][a b][]line\n")
    assert "keisoku: building" in first.stderr
    second = launch(tree / "keisoku", "run", text="x")
    assert (second.returncode, second.stdout, second.stderr) == (3, "[run]x", "")


def test_builds_again_when_a_source_changed_or_went(tree: Path) -> None:
    (tree / "cli" / "extra.h").write_text("")
    launch(tree / "keisoku")
    assert launch(tree / "keisoku").stderr == ""
    (tree / "cli" / "main.c").write_text(PROGRAM.replace("return 3", "return 4"))
    assert launch(tree / "keisoku").returncode == 4
    assert launch(tree / "keisoku").stderr == ""
    time.sleep(0.01)
    (tree / "cli" / "extra.h").unlink()
    assert "building" in launch(tree / "keisoku").stderr


def test_from_elsewhere_and_through_links(tree: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "bin"
    elsewhere.mkdir()
    (elsewhere / "absolute").symlink_to(tree / "keisoku")
    (elsewhere / "relative").symlink_to("../a checkout/keisoku")
    (elsewhere / "twice").symlink_to("relative")
    for name in ("absolute", "relative", "twice"):
        assert launch(elsewhere / name, "x", cwd=Path("/")).stdout == "[x]"
    done = launch(Path("relative"), "x", cwd=elsewhere, env={"PATH": f"{elsewhere}:{os.environ['PATH']}"})
    assert done.stdout == "[x]"


@pytest.mark.parametrize(("word", "status"), [("run", 125), ("report", 1)])
def test_a_failed_build_shows_its_end(tree: Path, word: str, status: int) -> None:
    (tree / "cli" / "main.c").write_text("int main(void) { return undeclared_thing; }\n")
    done = launch(tree / "keisoku", word)
    assert (done.returncode, done.stdout) == (status, "")
    assert "undeclared_thing" in done.stderr
    assert str(tree / "build" / "build.log") in done.stderr
    # A failed build is not taken for a good one.
    assert launch(tree / "keisoku", word).returncode == status


def test_no_install_names_what_is_missing(tree: Path) -> None:
    table = tree / "tools" / "packages"
    table.write_text(table.read_text() + "build  keisoku-no-such  cmd:keisoku-no-such  nothing\n")
    done = launch(tree / "keisoku", "run", env={"KEISOKU_NO_INSTALL": "1"})
    assert done.returncode == 125
    assert "missing: keisoku-no-such" in done.stderr
    assert not (tree / "build" / "build.ninja").exists()


def test_what_only_the_page_needs_stops_no_build(tree: Path) -> None:
    (tree / "web").mkdir()
    table = tree / "tools" / "packages"
    table.write_text(table.read_text() + "web  keisoku-no-such  cmd:keisoku-no-such  the page\n")
    done = launch(tree / "keisoku", "run", env={"KEISOKU_NO_INSTALL": "1"})
    assert (done.returncode, done.stdout) == (3, "[run]"), done.stderr
    assert "missing: keisoku-no-such" in done.stderr
    assert "the page (HTML) is not built without them; everything else is" in done.stderr


def fake(folder: Path, name: str, body: str) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


@pytest.mark.parametrize("user", ["0", "1000"])
def test_installs_by_name_and_says_so(tree: Path, tmp_path: Path, user: str) -> None:
    table = tree / "tools" / "packages"
    table.write_text(table.read_text() + "build  keisoku-no-such  cmd:keisoku-no-such  nothing\n")
    tools, log = tmp_path / "fake", tmp_path / "log"
    fake(tools, "apt-get", f'echo "apt-get $*" >>"{log}"')
    fake(tools, "apt-cache", "echo keisoku-no-such")
    fake(tools, "sudo", f'echo sudo >>"{log}"; [ "$1" != "DEBIAN_FRONTEND=noninteractive" ] || shift; exec "$@"')
    fake(tools, "id", f"echo {user}")
    done = launch(tree / "keisoku", "x", env={"PATH": f"{tools}:{os.environ['PATH']}", "KEISOKU_NO_INSTALL": ""})
    assert done.returncode == 3, done.stderr
    said = log.read_text()
    assert "install --no-install-recommends keisoku-no-such\n" in said
    assert ("sudo" in said) == (user != "0")
    assert "keisoku: installing what is missing: keisoku-no-such\n" in done.stderr
    assert ("running: sudo" in done.stderr) == (user != "0")


def test_first_starts_at_the_same_time(tree: Path) -> None:
    words = [str(tree / "keisoku"), "x"]
    running = [subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert [one.communicate(timeout=120)[0] for one in running] == ["[x]"] * 4
    assert launch(tree / "keisoku", "x").stderr == ""


def test_moved_checkout_builds_again(tree: Path) -> None:
    launch(tree / "keisoku")
    moved = tree.parent / "moved"
    tree.rename(moved)
    (moved / "cli" / "main.c").write_text(PROGRAM.replace("return 3", "return 5"))
    assert launch(moved / "keisoku").returncode == 5
