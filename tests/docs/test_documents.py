"""The documentation, held to what is there: its shell blocks run, its links lead somewhere, its lists are complete.

A shell block says in its first line what it is: ```sh run is executed from a folder that looks like the checkout (so
that recordings do not land in it), ```sh norun is not.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

TOP = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*TOP.glob("*.md"), *(TOP / "docs").rglob("*.md")])
FENCE = re.compile(r"^\s*```(.*)$")


class Block(NamedTuple):
    document: Path
    line: int
    info: str
    text: str


def blocks() -> list[Block]:
    found = []
    for document in DOCUMENTS:
        start, info, lines = 0, "", list[str]()
        for number, line in enumerate(document.read_text().splitlines(), 1):
            fence = FENCE.match(line)
            if fence and not start:
                start, info, lines = number, fence.group(1).strip(), []
            elif fence:
                found.append(Block(document, start, info, "\n".join(lines) + "\n"))
                start = 0
            elif start:
                lines.append(line)
        assert not start, f"{document.name}:{start}: the block does not end"
    return found


def name_of(value: object) -> str:
    return f"{value.document.name}:{value.line}" if isinstance(value, Block) else str(value)


SHELL = [block for block in blocks() if block.info.split()[:1] in (["sh"], ["bash"], ["shell"], ["console"])]
TO_RUN = [block for block in SHELL if block.info == "sh run"]


def test_there_is_something_to_run() -> None:
    assert any(block.document.name == "README.md" for block in TO_RUN)


@pytest.mark.parametrize("block", SHELL, ids=name_of)
def test_shell_blocks_say_whether_they_run(block: Block) -> None:
    assert block.info in ("sh run", "sh norun"), f"{block.document.name}:{block.line}: say run or norun"


@pytest.mark.company
@pytest.mark.slow
@pytest.mark.parametrize("block", TO_RUN, ids=name_of)
def test_shell_block(block: Block, tmp_path: Path, keisoku: str) -> None:
    for entry in TOP.iterdir():
        if not entry.name.startswith((".git", "build")):
            (tmp_path / entry.name).symlink_to(entry)
    before = set(tmp_path.iterdir())
    path = f"{Path(keisoku).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-eu", "-c", block.text],
        cwd=tmp_path,
        env={**os.environ, "PATH": path, "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    if "keisoku run" in block.text and "-o " not in block.text:
        suffixes = {entry.suffix for entry in set(tmp_path.iterdir()) - before}
        assert ".kei" in suffixes, done.stderr


def test_links_lead_somewhere() -> None:
    broken = []
    for document in DOCUMENTS:
        text = re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:", target) or target.startswith("#"):
                continue
            if not (document.parent / target.split("#")[0]).exists():
                broken.append(f"{document.relative_to(TOP)}: {target}")
    assert not broken


def table_rows(text: str) -> list[list[str]]:
    rows = [line.strip().strip("|").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in rows]


def test_readme_lists_the_commands_that_exist(keisoku: str) -> None:
    """Every command of --help stands in the README, and no other does."""
    shown = subprocess.run([keisoku, "--help"], capture_output=True, text=True, check=True).stdout
    readme = (TOP / "README.md").read_text()
    section = readme.split("## Commands")[1].split("\n## ")[0]
    written = {name for row in table_rows(section) for name in re.findall(r"^`([a-z]+)", row[0])}
    assert written, "the README has no table of commands"
    there = {name for name in re.findall(r"^ {1,6}([a-z]{2,})\b", shown, re.MULTILINE)}
    assert written <= there, f"not in --help: {written - there}"
    listed = re.search(r"[Cc]ommands:?\n((?: +.*\n)+)", shown)
    if listed:
        there = set(re.findall(r"^ {1,6}([a-z]{2,})\b", listed.group(1), re.MULTILINE)) - {"help", "version"}
        assert there <= written, f"not in the README: {there - written}"


def test_readme_lists_the_formats_that_exist(keisoku: str) -> None:
    shown = subprocess.run([keisoku, "export", "--format", "help"], capture_output=True, text=True).stdout
    names = re.findall(r"^ *([a-z]+)\b", shown, re.MULTILINE)
    readme = (TOP / "README.md").read_text()
    assert names
    assert [name for name in names if f"`{name}`" not in readme] == []


def test_glossary_has_one_meaning_for_each_term() -> None:
    text = (TOP / "docs" / "glossary.md").read_text().split("## States")
    terms = [row[0] for row in table_rows(text[0])][1:]
    assert len(terms) == len(set(terms))
    assert terms == sorted(terms, key=str.lower)


def test_glossary_has_every_state() -> None:
    text = (TOP / "docs" / "glossary.md").read_text().split("## States")[1]
    written = re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)
    there = re.findall(r'^X\(\w+, "([^"]+)"', (TOP / "lib/data/states.def").read_text(), re.MULTILINE)
    assert written == there


def test_examples_say_what_is_wrong() -> None:
    for path in sorted((TOP / "examples").glob("*.py")):
        text = path.read_text()
        assert '"""' in text.split("\n", 2)[1], path.name
        assert f"./keisoku run examples/{path.name}" in text, path.name


def test_files_named_exist() -> None:
    """`sampler.c`, `lib/data/states.def`: a document names only files of the tree. NAME and … are placeholders."""
    there = subprocess.run(["git", "ls-files"], cwd=TOP, capture_output=True, text=True).stdout.split()
    wrong = []
    for document in DOCUMENTS:
        text = re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)
        for name in re.findall(r"`([\w./-]+\.(?:c|h|def|inc|ts|tsx|mjs))`", text):
            of_cpython = re.match(r"(Objects|Python|Include|Modules)/", name)
            if (
                "NAME" not in name
                and not of_cpython
                and not any(path == name or path.endswith("/" + name) for path in there)
            ):
                wrong.append(f"{document.relative_to(TOP)}: {name}")
    assert not wrong
