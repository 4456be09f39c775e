"""Programs in pairs: one with a problem and one without, of equal output. What a finding must say of the first, it must
not say of the second; how much faster the second is, is what it must have promised.

    python3 tests/findings/twins.py [--keisoku FILE] [--rounds N] [--write] INTERPRETER [NAME...]

runs them all and prints the score; --write puts it into docs/findings-score.md. The rules were tuned on those in
programs/tuned, not on those in programs/held: both scores stand apart. A program says in its docstring what is to be found:

    finds: TAG in FUNCTION at `SOURCE OF THE LINE`
"""

from __future__ import annotations

import argparse
import json
import math
import re
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).resolve().parent / "programs"
PAGE = TOP / "docs" / "findings-score.md"
FINDS = re.compile(r"^finds: ([a-z-]+) in (\w+)(?: at `(.*)`)?$", re.MULTILINE)
NEEDS = re.compile(r"^needs: (\w+)$", re.MULTILINE)
ONCE = re.compile(r"^runs: once$", re.MULTILINE)  # it starts processes that need it as their main module
# Advice to change the program; what else is said (stop, starved, insufficient) asks for nothing.
ASKING = ("native", "parallel", "algorithm")


@dataclass(frozen=True)
class Twin:
    path: Path
    tag: str
    function: str
    line: str  # source text; empty: any line of the function
    needs: str

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
    return Twin(path, finds[1], finds[2], finds[3] or "", needs[1] if needs else "")


def twins() -> list[Twin]:
    return [read_twin(path) for path in sorted(FOLDER.glob("*/*.py"))]


@dataclass
class Verdict:
    twin: Twin
    tag: bool = False  # the finding is there, and first of those that ask for a change
    place: bool = False
    false: list[str] = field(default_factory=list)  # of the fixed one: the same finding
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


# The fixed one is soon over: again and again, so that there is enough of it to say something wrong of.
AGAIN = """
import runpy, sys, time
path, end = sys.argv[1], time.monotonic() + 2
sys.argv = [path, "fixed"]
while time.monotonic() < end:
    runpy.run_path(path, run_name="__main__")
"""


def measure(keisoku: str, python: str, path: Path, mode: str) -> dict[str, Any]:
    again = mode == "fixed" and not ONCE.search(path.read_text())
    with tempfile.TemporaryDirectory() as folder:
        words = [keisoku, "run", "-q", "--no-html", "--json=report.json", python]
        words += ["-c", AGAIN, str(path)] if again else [str(path), mode]
        subprocess.run(words, cwd=folder, capture_output=True, timeout=120)
        value: dict[str, Any] = json.loads((Path(folder) / "report.json").read_text())
        return value


def measure_enough(keisoku: str, python: str, path: Path, mode: str) -> dict[str, Any]:
    """Again while the machine was too busy to say anything."""
    for _ in range(4):
        report = measure(keisoku, python, path, mode)
        if all(finding["tag"] != "insufficient" for finding in report["findings"]):
            break
    return report


def asking(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [finding for finding in report["findings"] if finding["prescription"] in ASKING]


def is_right_place(twin: Twin, place: dict[str, Any]) -> bool:
    if place.get("function", "").split(".")[-1] != twin.function:
        return False
    lines = twin.path.read_text().splitlines()
    line = lines[place["line"] - 1].strip() if 0 < place.get("line", 0) <= len(lines) else ""
    return not twin.line or line == twin.line


def judge(keisoku: str, python: str, twin: Twin) -> Verdict:
    verdict = Verdict(twin)
    slow = asking(measure_enough(keisoku, python, twin.path, "slow"))
    verdict.said = ", ".join(finding["tag"] for finding in slow) or "nothing"
    if slow:
        verdict.tag = slow[0]["tag"] == twin.tag
    for finding in slow:
        if finding["tag"] != twin.tag:
            continue
        verdict.place = is_right_place(twin, finding["place"])
        if "predicted_gain" in finding:
            verdict.predicted = (finding["predicted_gain"]["low"], finding["predicted_gain"]["high"])
    fixed = asking(measure_enough(keisoku, python, twin.path, "fixed"))
    verdict.false = [finding["tag"] for finding in fixed if finding["tag"] == twin.tag]
    return verdict


def clock(python: str, path: Path, mode: str) -> tuple[float, str]:
    start = time.perf_counter()
    done = subprocess.run([python, str(path), mode], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return time.perf_counter() - start, done.stdout


def achieved(python: str, twin: Twin, rounds: int) -> float:
    """How many times faster the fixed one is: the median of interleaved pairs. Their outputs must be equal."""
    ratios = []
    for _ in range(rounds):
        slow, said = clock(python, twin.path, "slow")
        fixed, same = clock(python, twin.path, "fixed")
        assert said == same, f"{twin.name}: the two say different things"
        ratios.append(slow / fixed)
    return statistics.median(ratios)


def can_run(python: str, twin: Twin) -> bool:
    return not twin.needs or subprocess.run([python, "-c", f"import {twin.needs}"], capture_output=True).returncode == 0


def yes(value: bool) -> str:
    return "yes" if value else "**no**"


def table(verdicts: list[Verdict]) -> list[str]:
    rows = ["| program | finding | said first | place | predicted | achieved | log2 |", "|---|---|---|---|---|---|---|"]
    for one in verdicts:
        predicted = f"{one.predicted[0]:.1f}–{one.predicted[1]:.1f}x" if one.predicted else "–"
        distance = f"{one.distance:+.2f}" if one.distance is not None else "–"
        said = yes(one.tag) if one.tag else f"**no**: {one.said}"
        cells = [one.twin.name, f"`{one.twin.tag}`", said, yes(one.place), predicted, f"{one.achieved:.1f}x", distance]
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def summary(verdicts: list[Verdict]) -> str:
    n = len(verdicts)
    distances = [abs(one.distance) for one in verdicts if one.distance is not None]
    middle = f"{statistics.median(distances):.2f}" if distances else "–"
    return (
        f"{sum(one.tag for one in verdicts)} of {n} right, {sum(one.place for one in verdicts)} of {n} at the right place, "
        f"{sum(len(one.false) for one in verdicts)} false (the finding still there when its cause was gone); "
        f"median of |log2(predicted / achieved)|: {middle}"
    )


def page(verdicts: list[Verdict], version: str) -> str:
    parts = [
        "# Score of the findings",
        "",
        "How often the advice is right, where, and by how much. Written by `make score`; each program is one of a pair with",
        "equal output (`tests/findings/programs`), measured as a user would, and timed against its fixed twin, interleaved.",
        "`log2` is the distance from the predicted range to what was achieved: 0 inside the range, ±1 a factor of two.",
        f"Measured on Python {version}, on one machine; gains move with the machine.",
        "",
    ]
    for title, held in (("Programs that the rules were tuned on", False), ("Programs that they were not", True)):
        chosen = [one for one in verdicts if one.twin.held == held]
        if chosen:
            parts += [f"## {title}", "", summary(chosen) + ".", "", *table(chosen), ""]
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keisoku", default=str(TOP / "build" / "cli" / "keisoku"))
    parser.add_argument("--rounds", type=int, default=3, help="pairs that are timed")
    parser.add_argument("--write", action="store_true", help="write docs/findings-score.md")
    parser.add_argument("python")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    verdicts = []
    for twin in twins():
        if (arguments.names and twin.name not in arguments.names) or not can_run(arguments.python, twin):
            continue
        verdict = judge(arguments.keisoku, arguments.python, twin)
        verdict.achieved = achieved(arguments.python, twin, arguments.rounds) if arguments.rounds else 0
        print(
            twin.name,
            twin.tag,
            verdict.said,
            verdict.place,
            verdict.predicted,
            round(verdict.achieved, 2),
            verdict.false,
            flush=True,
        )
        verdicts.append(verdict)
    code = "import platform; print(platform.python_version())"
    version = subprocess.run([arguments.python, "-c", code], capture_output=True, text=True).stdout.strip()
    text = page(verdicts, version)
    print(text)
    if arguments.write:
        PAGE.write_text(text)


if __name__ == "__main__":
    main()
