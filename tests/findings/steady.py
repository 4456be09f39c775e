"""Whether the verdict is the same each time: programs measured again and again, alone and beside a competitor.

    python3 tests/findings/steady.py [--rounds N] [--names NAME,…] [--interpreters 3.8,3.14] [--seconds S] [--write]

A verdict is the first advice to change the program, or what else is concluded. Where the machine was too busy for one
(starved, insufficient), that is said, and counted apart. Advice that a control does not allow, or about another cause
than the program has, is counted as false, and its report kept. What was measured is kept in --results, and goes on from
there; --write puts the table into docs/findings-score.md.
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import interpreters  # noqa: E402
import twins  # noqa: E402

SECTION = "The same verdict again"
UNSAID = ("starved", "insufficient")
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
    """A program, and what may be said of it."""

    path: Path
    mode: str
    wants: tuple[str, ...]
    needs: str = ""

    @property
    def name(self) -> str:
        return self.path.stem

    def false(self, tags: list[str]) -> list[str]:
        """Of a control: what it does not allow. Of a program with a problem: another cause first, but the loop around it."""
        if not self.mode:
            return [tag for tag in tags if tag not in self.wants]
        return [tag for tag in tags[:1] if tag not in (*self.wants, "hot-loop", "one-core")]


def subjects() -> list[Subject]:
    pairs = [Subject(twin.path, "slow", (twin.tag,), twin.needs) for twin in twins.twins()]
    return pairs + [Subject(control.path, "", control.allows) for control in twins.controls()]


def verdict(report: dict[str, Any]) -> str:
    asked = twins.asking(report)
    if asked:
        return str(asked[0]["tag"])
    said = [finding["tag"] for finding in report["findings"]]
    return next((tag for tag in said if tag not in UNSAID), said[0])


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


def measure_all(arguments: argparse.Namespace, kept: dict[str, list[Any]]) -> None:
    end = time.monotonic() + arguments.seconds
    for key, subject, python, kind in jobs(arguments.names, arguments.interpreters, arguments.rounds):
        if key in kept or time.monotonic() > end:
            continue
        with load(kind, 300):
            report = twins.measure(arguments.keisoku, python, subject.path, subject.mode)
        tags = [finding["tag"] for finding in twins.asking(report)]
        kept[key] = [verdict(report), *subject.false(tags)]
        print(key, *kept[key], flush=True)
        if len(kept[key]) > 1:
            (Path(arguments.results).parent / f"false {key}.json").write_text(json.dumps(report))
        Path(arguments.results).write_text(json.dumps(kept))


def cell(said: list[str]) -> tuple[str, int, int]:
    """How often the same was said, of how many that said something; and what else was."""
    counts = Counter(tag for tag in said if tag not in UNSAID)
    n = sum(counts.values())
    unsaid = f" +{len(said) - n} unsaid" if n < len(said) else ""
    if not counts:
        return (unsaid.strip() or "–"), 0, 0
    (tag, most), *others = counts.most_common()
    beside = f" (else {', '.join(name for name, _ in others)})" if others else ""
    return f"{tag} {most}/{n}{beside}{unsaid}", most, n


def table(kept: dict[str, list[Any]]) -> list[str]:
    """Of all that was kept, whatever was asked for last."""
    said: dict[tuple[str, str, str], list[str]] = {}
    false: Counter[tuple[str, str]] = Counter()
    for key, (first, *others) in kept.items():
        name, version, kind, _ = key.split()
        said.setdefault((name, version, kind), []).append(first)
        false.update((name, tag) for tag in others)
    columns = sorted(
        {key[1:] for key in said}, key=lambda key: ([int(n) for n in key[0].rstrip("tdx").split(".")], key)
    )
    rows = [
        "| program | " + " | ".join(" ".join(column) for column in columns) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    same = spoken = counted = steady = cases = 0
    for name in dict.fromkeys(key[0] for key in said):
        cells = [cell(said.get((name, *column), [])) for column in columns]
        for _, most, n in cells:
            spoken += n
            if n >= CELL_MIN:
                same, counted, cases = same + most, counted + n, cases + 1
                steady += most / n >= STEADY_MIN
        rows.append(f"| {name} | " + " | ".join(text for text, _, _ in cells) + " |")
    wrong = ", ".join(f"{tag} in {name} ({n})" for (name, tag), n in false.items())
    return [
        f"{len(kept)} recordings, {len(kept) - spoken} of them without a verdict (the machine was too busy, and that was said).",
        f"Where {CELL_MIN} repetitions or more had one, {same} of {counted} ({100 * same / max(counted, 1):.1f} %) say what is"
        " said most often of that program",
        f"there, and {steady} of {cases} cells say it in {100 * STEADY_MIN:.0f} % of them or more. False advice:"
        f" {sum(false.values())}{f' ({wrong})' if wrong else ''}.",
        "Written by `make steady`; *loaded* has a competitor for each core beside it.",
        "",
        *rows,
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keisoku", default=str(twins.TOP / "build" / "cli" / "keisoku"))
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--names", type=lambda text: text.split(","), default=list(SAMPLE), help="`all` for all")
    parser.add_argument("--interpreters", type=lambda text: text.split(","), default=["3.8", "3.11", "3.15"])
    parser.add_argument("--seconds", type=float, default=3600, help="no further recording is begun after that")
    parser.add_argument("--results", default=str(twins.TOP / ".cache" / "steady.json"))
    parser.add_argument("--write", action="store_true", help="write the table into docs/findings-score.md")
    arguments = parser.parse_args()
    if arguments.names == ["all"]:
        arguments.names = [one.name for one in subjects()]
    path = Path(arguments.results)
    path.parent.mkdir(exist_ok=True)
    kept: dict[str, list[Any]] = json.loads(path.read_text()) if path.exists() else {}
    measure_all(arguments, kept)
    lines = table(kept)
    print("\n".join(lines))
    if arguments.write:
        twins.write_sections({SECTION: lines})


if __name__ == "__main__":
    main()
