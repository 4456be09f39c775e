"""The page docs/findings-score.md: what twins.py, steady.py and outside.py found, as its tables. Each writes its own sections."""

from __future__ import annotations

import math
import re
import statistics
from dataclasses import dataclass, field

import labels
from labels import Control, Twin

PAGE = labels.TOP / "docs" / "findings-score.md"
PAIRS = {"Programs that the rules were tuned on": False, "Programs that they were not": True}  # held
DECLARED = "Advice that is true of fixed programs"
CONTROLS = {"Controls": False, "Controls that no rule was tuned on": True}
REMARKS = "What it got wrong"  # written by hand, and last


@dataclass
class Verdict:
    twin: Twin
    tag: bool = False  # the finding is there, and first of those that ask for a change
    place: bool = False
    fixed: list[str] = field(default_factory=list)  # what the fixed one hears
    false: list[str] = field(default_factory=list)  # of that, advice that is not true of it
    unsaid: bool = False  # nothing could be said of the fixed one
    predicted: tuple[float, float] | None = None
    achieved: float = 0
    said: str = ""

    @property
    def distance(self) -> float | None:
        """log2 from the predicted range (0 inside of it) to what was achieved."""
        if self.predicted is None or not self.achieved:
            return None
        low, high = self.predicted
        return math.log2(min(max(self.achieved, low), high) / self.achieved)


@dataclass
class Heard:
    """What was said of a control."""

    control: Control
    said: str = ""
    wrong: list[str] = field(default_factory=list)
    right: bool = False
    unsaid: bool = False


def yes(value: bool) -> str:
    return "yes" if value else "**no**"


def heard_by_fixed(one: Verdict) -> str:
    return ", ".join(f"**wrong: {said}**" if said in one.false else said for said in one.fixed) or "–"


def is_advised(one: Verdict) -> bool:
    return any(labels.is_advice(said) for said in one.fixed)


def table(verdicts: list[Verdict]) -> list[str]:
    rows = [
        "| program | finding | said first | place | predicted | achieved | log2 | the fixed one hears |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in verdicts:
        predicted = f"{one.predicted[0]:.1f}–{one.predicted[1]:.1f}x" if one.predicted else "–"
        distance = f"{one.distance:+.2f}" if one.distance is not None else "–"
        said = yes(one.tag) if one.tag else f"**no**: {one.said}"
        cells = [one.twin.name, f"`{one.twin.tag}`", said, yes(one.place), predicted, f"{one.achieved:.1f}x", distance]
        rows.append("| " + " | ".join([*cells, heard_by_fixed(one)]) + " |")
    return rows


def summary(verdicts: list[Verdict]) -> list[str]:
    n = len(verdicts)
    distances = [abs(one.distance) for one in verdicts if one.distance is not None]
    middle = f"{statistics.median(distances):.2f}" if distances else "–"
    return [
        f"{sum(one.tag for one in verdicts)} of {n} right, {sum(one.place for one in verdicts)} of {n} at the right place;"
        f" median of |log2(predicted / achieved)|: {middle}.",
        f"Of the {n} fixed ones {sum(map(is_advised, verdicts))} hear advice, {sum(bool(one.false) for one in verdicts)} of them"
        f" some that is not true of them ({sum(len(one.false) for one in verdicts)} false advice);"
        f" of {sum(one.unsaid for one in verdicts)} nothing could be said.",
    ]


def declared_table(verdicts: list[Verdict]) -> list[str]:
    """Advice that a fixed program is declared to want, and whether it heard it."""
    rows = ["| fixed program | advice | true because | said |", "|---|---|---|---|"]
    for one in verdicts:
        for answer in one.twin.fixed:
            given = any(said == f"{answer.tag} in {name}" for said in one.fixed for name in answer.functions)
            rows.append(f"| {one.twin.name} | {answer} | {answer.why} | {'yes' if given else 'not now'} |")
    return rows


def control_table(heard: list[Heard]) -> list[str]:
    rows = ["| program | right answer | because | said | right |", "|---|---|---|---|---|"]
    for one in heard:
        expects = one.control.expects
        reasons = [expects.why] if expects else []
        reasons += [f"{answer} is true too: {answer.why}" for answer in one.control.allows]
        wrong = f" **wrong: {', '.join(one.wrong)}**" if one.wrong else ""
        right = "–" if one.unsaid else yes(one.right)
        cells = [one.control.name, str(expects or "nothing"), "; ".join(reasons) or "–", one.said + wrong, right]
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def control_summary(heard: list[Heard]) -> list[str]:
    told = [one for one in heard if not one.unsaid]
    advice = sum(one.control.expects is not None for one in heard)
    missed = sum(not one.right and not one.wrong for one in told)
    return [
        f"{len(heard)} programs; of {advice} the right answer is advice, of {len(heard) - advice} it is that there is none."
        f" {sum(one.right for one in told)} heard the right one,",
        f"{missed} heard none where there is one, {sum(bool(one.wrong) for one in told)} something that is not true of them"
        f" ({sum(len(one.wrong) for one in told)} false advice); of {len(heard) - len(told)} nothing could be said.",
    ]


def split_page(text: str) -> dict[str, str]:
    """Title of each section and what it says; the page's head has the title ""."""
    head, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    return {"": head, **{title: rest for title, _, rest in (section.partition("\n") for section in sections)}}


def write_sections(new: dict[str, list[str]]) -> None:
    """Puts them into the page, in place of those of the same title; what others wrote stays."""
    sections = split_page(PAGE.read_text()) if PAGE.exists() else {}
    remarks = sections.pop(REMARKS, "\nNothing noted yet.\n")
    for title, lines in new.items():
        sections[title] = "\n".join(lines if title == "" else ["", *lines]).rstrip() + "\n\n"
    sections[REMARKS] = remarks
    parts = [text if title == "" else f"## {title}\n{text}" for title, text in sections.items()]
    PAGE.write_text("".join(parts).rstrip() + "\n")


def score_sections(verdicts: list[Verdict], heard: list[Heard], version: str) -> dict[str, list[str]]:
    sections = {
        "": [
            "# Score of the findings",
            "",
            "How often the advice is right, where, and by how much. Written by `make score`; each program is one of a pair with",
            "equal output (`tests/findings/programs`), measured as a user would, and timed against its fixed twin, interleaved:",
            "by elapsed time where the advice is to wait side by side or to share the work, else by CPU time.",
            "`log2` is the distance from the predicted range to what was achieved: 0 inside the range, ±1 a factor of two.",
            "All advice to change a fixed program is false that its docstring does not declare true of it, with place and",
            "reason. A control has its right answer in its docstring: one advice and its place, or none.",
            f"Measured on Python {version}, on one machine; gains move with the machine.",
        ]
    }
    for title, held in PAIRS.items():
        chosen = [one for one in verdicts if one.twin.held == held]
        if chosen:
            sections[title] = [*summary(chosen), "", *table(chosen)]
    if any(one.twin.fixed for one in verdicts):
        sections[DECLARED] = declared_table(verdicts)
    for title, held in CONTROLS.items():
        some = [one for one in heard if one.control.held == held]
        if some:
            sections[title] = [*control_summary(some), "", *control_table(some)]
    return sections
