"""Whether the verdict is the same each time, and right: programs measured again and again, alone and beside a competitor.

    python3 tests/findings/steady.py [--rounds N] [--names NAME,…] [--interpreters 3.8,3.14] [--seconds S] [--write]

A verdict is the first advice to change the program, or what else is concluded. Where the machine was too busy for one
(starved, insufficient), that is said, and counted apart. It is right if it is what the program's docstring has (labels.py),
at that place: of a pair the first advice, of a control the right answer and nothing false beside it. A report that is not
right is kept. What was measured is kept in --results, and goes on from there; --write puts the table into
docs/findings-score.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import interpreters  # noqa: E402
import labels  # noqa: E402
import score_page  # noqa: E402
import twins  # noqa: E402

SECTION = "The same verdict again"
BURNER = Path(__file__).resolve().parent / "programs" / "burner.py"
LOADS = ("quiet", "loaded")
SAMPLE = (
    "ledger", "spelling", "dispatcher", "packets", "tilings", "worlds", "shop", "convert", "sensors", "prices",
    "crawl", "token_chain", "one_query", "game_loop", "sorting", "tree_walk", "word_counts", "queens",
)  # fmt: skip
STEADY_MIN = 0.95
CELL_MIN = 5  # fewer repetitions say nothing of steadiness


@dataclass(frozen=True)
class Subject:
    """A program, and what is right to say of it."""

    of: labels.Twin | labels.Control

    @property
    def name(self) -> str:
        return self.of.name

    @property
    def mode(self) -> str:
        return "slow" if isinstance(self.of, labels.Twin) else ""

    @property
    def needs(self) -> str:
        return self.of.needs if isinstance(self.of, labels.Twin) else ""

    @property
    def wants(self) -> str:
        if isinstance(self.of, labels.Twin):
            return f"`{self.of.tag}` in {self.of.function}"
        return str(self.of.expects or "no advice")

    def is_right(self, report: dict[str, Any]) -> bool:
        if isinstance(self.of, labels.Twin):
            return labels.is_right_of_twin(self.of, report)
        return labels.is_right_of_control(self.of, report)


def subjects() -> list[Subject]:
    return [Subject(one) for one in (*labels.twins(), *labels.controls())]


def verdict(report: dict[str, Any]) -> str:
    asked = labels.asking(report)
    if asked:
        return str(asked[0]["tag"])
    said = [finding["tag"] for finding in report["findings"]]
    return next((tag for tag in said if tag not in labels.UNSAID), said[0])


@contextmanager
def load(kind: str, seconds: float) -> Iterator[None]:
    """One competitor for each allowed core, or none."""
    if kind == "quiet":
        yield
        return
    words = [sys.executable, str(BURNER), str(len(os.sched_getaffinity(0))), str(seconds)]
    burner = subprocess.Popen(words, start_new_session=True)
    try:
        yield
    finally:
        os.killpg(burner.pid, 15)
        burner.wait()


def jobs(names: list[str], wanted: list[str], rounds: int) -> Iterator[tuple[str, Subject, str, str]]:
    """Key, program, interpreter, load: round after round, so that whatever is done is done evenly."""
    found = [one for one in interpreters.find_interpreters() if one.name in wanted]
    chosen = [one for one in subjects() if one.name in names]
    runs = {(one.name, subject.name): twins.can_run(one.path, subject.needs) for one in found for subject in chosen}
    for number in range(rounds):
        for subject in chosen:
            for one in found:
                for kind in LOADS:
                    if runs[one.name, subject.name]:
                        yield f"{subject.name} {one.name} {kind} {number}", subject, one.path, kind


def measure_all(arguments: argparse.Namespace, kept: dict[str, dict[str, Any]]) -> None:
    end = time.monotonic() + arguments.seconds
    for key, subject, python, kind in jobs(arguments.names, arguments.interpreters, arguments.rounds):
        if key in kept or time.monotonic() > end:
            continue
        with load(kind, 300):
            report = twins.measure(arguments.keisoku, python, subject.of.path, subject.mode)
        kept[key] = {"said": verdict(report), "advice": labels.said(report), "right": subject.is_right(report)}
        print(key, *kept[key].values(), flush=True)
        if not kept[key]["right"] and not labels.is_unsaid(report):
            (Path(arguments.results).parent / f"not right {key}.json").write_text(json.dumps(report))
        Path(arguments.results).write_text(json.dumps(kept))


@dataclass
class Cell:
    """Repetitions of one program on one interpreter under one load."""

    said: Counter[str] = field(default_factory=Counter)  # by verdict
    right: int = 0
    unsaid: int = 0

    @property
    def n(self) -> int:
        return sum(self.said.values())

    @property
    def most(self) -> int:
        """How often the same was said."""
        return max(self.said.values(), default=0)

    def __str__(self) -> str:
        unsaid = f" +{self.unsaid} unsaid" if self.unsaid else ""
        if not self.said:
            return unsaid.strip() or "–"
        (tag, most), *others = self.said.most_common()
        beside = f" (else {', '.join(name for name, _ in others)})" if others else ""
        wrong = f" **right {self.right}**" if self.right < self.n else ""
        return f"{tag} {most}/{self.n}{beside}{wrong}{unsaid}"


def cells_of(kept: dict[str, dict[str, Any]]) -> dict[tuple[str, str, str], Cell]:
    """By program, interpreter and load: all that was kept, whatever was asked for last."""
    cells: dict[tuple[str, str, str], Cell] = {}
    for key, one in kept.items():
        name, version, kind, _ = key.split()
        cell = cells.setdefault((name, version, kind), Cell())
        if one["said"] in labels.UNSAID:
            cell.unsaid += 1
        else:
            cell.said[one["said"]] += 1
            cell.right += one["right"]
    return cells


def summary(kept: dict[str, dict[str, Any]], cells: list[Cell]) -> list[str]:
    spoken, right = sum(cell.n for cell in cells), sum(cell.right for cell in cells)
    counted = [cell for cell in cells if cell.n >= CELL_MIN]
    same, n = sum(cell.most for cell in counted), sum(cell.n for cell in counted)
    steady = sum(cell.most / cell.n >= STEADY_MIN for cell in counted)
    true = sum(cell.right / cell.n >= STEADY_MIN for cell in counted)
    wrong = Counter(
        f"{key.split()[0]} hears {one['advice']}"
        for key, one in kept.items()
        if one["said"] not in labels.UNSAID and not one["right"]
    )
    share = f"{STEADY_MIN * 100:.0f} %"
    return [
        f"{len(kept)} recordings, {len(kept) - spoken} of them without a verdict (the machine was too busy, and that was said).",
        f"Right, the tag and the place of the program's docstring, are {right} of {spoken} verdicts"
        f" ({100 * right / max(spoken, 1):.1f} %).",
        f"Where {CELL_MIN} repetitions or more had one, {same} of {n} ({100 * same / max(n, 1):.1f} %) say what is said most"
        " often of that program there,",
        f"{steady} of {len(counted)} cells say the same in {share} of them or more, and {true} of {len(counted)} are right in"
        f" {share} or more.",
        *([f"Not right: {'; '.join(f'{what} ({n})' for what, n in wrong.most_common())}."] if wrong else []),
    ]


def table(kept: dict[str, dict[str, Any]]) -> list[str]:
    cells, wants = cells_of(kept), {one.name: one.wants for one in subjects()}
    columns = sorted(
        {key[1:] for key in cells}, key=lambda key: ([int(n) for n in key[0].rstrip("tdx").split(".")], key)
    )
    rows = [
        "| program | right | " + " | ".join(" ".join(column) for column in columns) + " |",
        "|---" * (len(columns) + 2) + "|",
    ]
    for name in dict.fromkeys(key[0] for key in cells):
        texts = [str(cells.get((name, *column), Cell())) for column in columns]
        rows.append("| " + " | ".join([name, wants.get(name, "–"), *texts]) + " |")
    return [
        *summary(kept, list(cells.values())),
        "Written by `make steady`; *loaded* has a competitor for each core beside it.",
        "",
        *rows,
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keisoku", default=str(labels.TOP / "build" / "cli" / "keisoku"))
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--names", type=lambda text: text.split(","), default=list(SAMPLE), help="`all` for all")
    parser.add_argument("--interpreters", type=lambda text: text.split(","), default=["3.8", "3.11", "3.15"])
    parser.add_argument("--seconds", type=float, default=3600, help="no further recording is begun after that")
    parser.add_argument("--results", default=str(labels.TOP / ".cache" / "repetitions.json"))
    parser.add_argument("--write", action="store_true", help="write the table into docs/findings-score.md")
    arguments = parser.parse_args()
    if arguments.names == ["all"]:
        arguments.names = [one.name for one in subjects()]
    path = Path(arguments.results)
    path.parent.mkdir(exist_ok=True)
    kept: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path.exists() else {}
    measure_all(arguments, kept)
    lines = table(kept)
    print("\n".join(lines))
    if arguments.write:
        score_page.write_sections({SECTION: lines})


if __name__ == "__main__":
    main()
