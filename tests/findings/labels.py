"""What is right to say of the programs in programs/. Each has it in rows of its docstring; here they are read, and a report
is held against them:

    finds: TAG in FUNCTION at `SOURCE OF THE LINE`    of a pair: what is to be found; the line may be left out
    fixed: TAG in FUNCTION, FUNCTION: WHY             of a pair: advice that is true of the fixed one
    expects: TAG in FUNCTION: WHY                     of a control: the right answer; `nothing`: none to change it
    allows: TAG in FUNCTION: WHY                      of a control: true too, and may be left unsaid
    with: OPTION                                      of run, without which it cannot be told

Advice to change a program that has no row, or another place than its row has, is false.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).resolve().parent / "programs"
TABLE = TOP / "lib" / "diagnose" / "findings.def"
FINDS = re.compile(r"^finds: ([a-z-]+) in ([\w<>]+)(?: at `(.*)`)?$", re.MULTILINE)
ANSWER = re.compile(r"([a-z-]+) in ([\w<>]+(?:, [\w<>]+)*): (\S.*)")
NEEDS = re.compile(r"^needs: (\w+)$", re.MULTILINE)
ASKING = ("native", "parallel", "algorithm")  # advice to change the program; what else is said asks for nothing
UNSAID = ("starved", "insufficient")  # the machine was too busy for a verdict


@dataclass(frozen=True)
class Answer:
    """Advice that is true of a program, the functions that it may name, and why it is true."""

    tag: str
    functions: tuple[str, ...]
    why: str

    def is_given_by(self, finding: dict[str, Any]) -> bool:
        return finding["tag"] == self.tag and function_of(finding) in self.functions

    def __str__(self) -> str:
        return f"`{self.tag}` in {', '.join(self.functions)}"


def known_tags() -> set[str]:
    return set(re.findall(r'^FINDING\(\w+, "([^"]+)"', TABLE.read_text(), re.MULTILINE))


def rows(path: Path, word: str) -> list[str]:
    return re.findall(rf"^{word}: (.*)$", path.read_text(), re.MULTILINE)


def answers(path: Path, word: str) -> tuple[Answer, ...]:
    found = []
    for row in rows(path, word):
        match = ANSWER.fullmatch(row)
        assert match, f"{path}: `{word}: {row}` does not say what, where and why"
        found.append(Answer(match[1], tuple(match[2].split(", ")), match[3]))
    return tuple(found)


@dataclass(frozen=True)
class Twin:
    path: Path
    tag: str
    function: str
    line: str  # source text; empty: any line of the function
    fixed: tuple[Answer, ...]
    needs: str

    @property
    def waits(self) -> bool:
        row = re.search(rf'^FINDING\(\w+, "{self.tag}", (\w+)', TABLE.read_text(), re.MULTILINE)
        return row is not None and row[1] == "PARALLEL"

    @property
    def memory(self) -> bool:
        return re.search(rf'"{self.tag}",[^"]*"memory"', TABLE.read_text()) is not None

    @property
    def held(self) -> bool:
        return self.path.parent.name == "held"

    @property
    def name(self) -> str:
        return self.path.stem


def read_twin(path: Path) -> Twin:
    text = path.read_text()
    finds, needs = FINDS.search(text), NEEDS.search(text)
    assert finds, f"{path} does not say what is to be found"
    return Twin(path, finds[1], finds[2], finds[3] or "", answers(path, "fixed"), needs[1] if needs else "")


def twins() -> list[Twin]:
    return [read_twin(path) for folder in ("held", "tuned") for path in sorted((FOLDER / folder).glob("*.py"))]


@dataclass(frozen=True)
class Control:
    """A program of which one thing is right to say, or nothing."""

    path: Path
    expects: Answer | None
    allows: tuple[Answer, ...]

    @property
    def true(self) -> tuple[Answer, ...]:
        return (*([self.expects] if self.expects else []), *self.allows)

    @property
    def held(self) -> bool:
        return self.path.parent.name == "controls-held"

    @property
    def name(self) -> str:
        return self.path.stem


def read_control(path: Path) -> Control:
    expected = rows(path, "expects")
    assert len(expected) == 1, f"{path} does not say what is right"
    return Control(path, None if expected == ["nothing"] else answers(path, "expects")[0], answers(path, "allows"))


def controls() -> list[Control]:
    folders = ("controls", "controls-held")
    return [read_control(path) for folder in folders for path in sorted((FOLDER / folder).glob("*.py"))]


def options_of(path: Path) -> list[str]:
    return [word for row in rows(path, "with") for word in row.split()]


def asking(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [finding for finding in report["findings"] if finding["prescription"] in ASKING]


def is_complete(report: dict[str, Any]) -> bool:
    """The machine was not too busy for any verdict: what is not said is not so."""
    return all(finding["tag"] not in UNSAID for finding in report["findings"])


def is_unsaid(report: dict[str, Any]) -> bool:
    return all(finding["tag"] in UNSAID for finding in report["findings"])


def function_of(finding: dict[str, Any]) -> str:
    return str(finding.get("place", {}).get("function", "")).split(".")[-1]


def words(finding: dict[str, Any]) -> str:
    """A conclusion's place says nothing of what is right."""
    where = f" in {function_of(finding)}" if finding["prescription"] in ASKING else ""
    return f"{finding['tag']}{where}"


def is_advice(said: str) -> bool:
    """Words that `words` made."""
    return " in " in said


def said(report: dict[str, Any]) -> str:
    return ", ".join(words(finding) for finding in report["findings"])


def false_advice(true: tuple[Answer, ...], report: dict[str, Any]) -> list[str]:
    """What it says to change that is not true, or not there."""
    return [words(one) for one in asking(report) if not any(answer.is_given_by(one) for answer in true)]


def is_right_place(twin: Twin, place: dict[str, Any]) -> bool:
    if function_of({"place": place}) != twin.function:
        return False
    lines = twin.path.read_text().splitlines()
    line = lines[place["line"] - 1].strip() if 0 < place.get("line", 0) <= len(lines) else ""
    return not twin.line or line == twin.line


def is_right_of_twin(twin: Twin, report: dict[str, Any]) -> bool:
    """Of the one with the problem: that comes first, and at its place."""
    first = asking(report)[:1]
    return bool(first) and first[0]["tag"] == twin.tag and is_right_place(twin, first[0]["place"])


def is_right_of_control(control: Control, report: dict[str, Any]) -> bool:
    """What is expected is said, and nothing false beside it."""
    given = control.expects is None or any(control.expects.is_given_by(one) for one in asking(report))
    return given and not false_advice(control.true, report)
