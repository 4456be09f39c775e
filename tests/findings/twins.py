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
import resource
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).resolve().parent / "programs"
TABLE = TOP / "lib" / "diagnose" / "findings.def"
PAGE = TOP / "docs" / "findings-score.md"
FINDS = re.compile(r"^finds: ([a-z-]+) in ([\w<>]+)(?: at `(.*)`)?$", re.MULTILINE)
ALLOWS = re.compile(r"^allows: (.+)$", re.MULTILINE)
NEEDS = re.compile(r"^needs: (\w+)$", re.MULTILINE)
ONCE = re.compile(r"^runs: once$", re.MULTILINE)  # it starts processes that need it as their main module
# Advice to change the program; what else is said (stop, starved, insufficient) asks for nothing.
ASKING = ("native", "parallel", "algorithm")
WANT_NONE = "Programs that want no advice"


@dataclass(frozen=True)
class Twin:
    path: Path
    tag: str
    function: str
    line: str  # source text; empty: any line of the function
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
    return Twin(path, finds[1], finds[2], finds[3] or "", needs[1] if needs else "")


def twins() -> list[Twin]:
    return [read_twin(path) for folder in ("held", "tuned") for path in sorted((FOLDER / folder).glob("*.py"))]


@dataclass(frozen=True)
class Control:
    """A program that wants no advice but what it allows (a loop in Python is one, whatever is said of it)."""

    path: Path
    allows: tuple[str, ...]

    @property
    def held(self) -> bool:
        return self.path.parent.name == "controls-held"

    @property
    def name(self) -> str:
        return self.path.stem


def controls() -> list[Control]:
    found = []
    for path in [*sorted((FOLDER / "controls").glob("*.py")), *sorted((FOLDER / "controls-held").glob("*.py"))]:
        allows = ALLOWS.search(path.read_text())
        assert allows, f"{path} does not say what may be found"
        found.append(Control(path, tuple(allows[1].split())))
    return found


def wrong_advice(control: Control, report: dict[str, Any]) -> list[str]:
    return [finding["tag"] for finding in asking(report) if finding["tag"] not in control.allows]


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


def record(keisoku: str, words: list[str], environment: dict[str, str] | None = None) -> dict[str, Any]:
    """The report of one run, as a user would get it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [keisoku, "run", "-q", "--no-html", "--json=report.json", *words]
        subprocess.run(command, cwd=folder, capture_output=True, timeout=300, env=environment)
        value: dict[str, Any] = json.loads((Path(folder) / "report.json").read_text())
        return value


def measure(keisoku: str, python: str, path: Path, mode: str, *options: str) -> dict[str, Any]:
    again = mode == "fixed" and not ONCE.search(path.read_text())
    words = ["-c", AGAIN, str(path)] if again else [str(path), *([mode] if mode else [])]
    return record(keisoku, [*options, python, *words])


def measure_enough(keisoku: str, python: str, path: Path, mode: str) -> dict[str, Any]:
    """Again where the machine was too busy to say anything, or a fast one was through too soon: at a higher rate."""
    for options in ((), ("--reader", "core", "--rate", "2000")):
        report = measure(keisoku, python, path, mode, *options)
        if all(finding["tag"] not in ("insufficient", "starved") for finding in report["findings"]):
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
    verdict.false = still_said(keisoku, python, twin)
    return verdict


def still_said(keisoku: str, python: str, twin: Twin) -> list[str]:
    """What is said of the fixed one. What is said of it again and again, but not of it once (what it makes once is made
    many times then), is true of the repetition."""
    found = [
        one["tag"] for one in asking(measure_enough(keisoku, python, twin.path, "fixed")) if one["tag"] == twin.tag
    ]
    if not found or ONCE.search(twin.path.read_text()):
        return found
    once = record(keisoku, ["--reader", "core", "--rate", "2000", python, str(twin.path), "fixed"])
    tags = [one["tag"] for one in once["findings"]]
    return found if twin.tag in tags or "insufficient" in tags or "starved" in tags else []


# Prints, behind what the program says, the most memory that it or a child had.
PEAK = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(done.returncode)
"""


def peak(python: str, path: Path, mode: str) -> tuple[float, str]:
    words = [python, "-c", PEAK, python, str(path), mode]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return float(done.stderr.split()[-1]), done.stdout


def clock(python: str, path: Path, mode: str) -> tuple[float, float, str]:
    """Elapsed time, CPU time of it and its children, and what it said."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([python, str(path), mode], capture_output=True, text=True, timeout=300)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, cpu, done.stdout


def achieved(python: str, twin: Twin, rounds: int) -> float:
    """How many times faster the fixed one is: the median of interleaved pairs. Their outputs must be equal. Where it has
    less to do, CPU time is compared, which other programs leave as it is; where it waits less, elapsed time; where it
    keeps less, peak memory."""
    ratios = []
    for _ in range(rounds):
        if twin.memory:
            (most, said), (least, same) = peak(python, twin.path, "slow"), peak(python, twin.path, "fixed")
            assert said == same, f"{twin.name}: the two say different things"
            ratios.append(most / least)
            continue
        *slow, said = clock(python, twin.path, "slow")
        *fixed, same = clock(python, twin.path, "fixed")
        assert said == same, f"{twin.name}: the two say different things"
        ratios.append(slow[not twin.waits] / fixed[not twin.waits])
    return statistics.median(ratios)


def can_run(python: str, needs: str) -> bool:
    return not needs or subprocess.run([python, "-c", f"import {needs}"], capture_output=True).returncode == 0


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


@dataclass
class Heard:
    """What was said of a control."""

    control: Control
    said: str = ""
    wrong: list[str] = field(default_factory=list)


def listen(keisoku: str, python: str, control: Control) -> Heard:
    report = measure_enough(keisoku, python, control.path, "")
    found = [finding["tag"] for finding in report["findings"]]
    return Heard(control, ", ".join(found), wrong_advice(control, report))


def control_table(heard: list[Heard]) -> list[str]:
    rows = ["| program | allowed | said |", "|---|---|---|"]
    for one in heard:
        wrong = f" **wrong: {', '.join(one.wrong)}**" if one.wrong else ""
        rows.append(f"| {one.control.name} | {', '.join(one.control.allows)} | {one.said}{wrong} |")
    return rows


def split_page(text: str) -> dict[str, str]:
    """Title of each section and what it says; the page's head has the title ""."""
    head, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    return {"": head, **{title: rest for title, _, rest in (section.partition("\n") for section in sections)}}


REMARKS = "What it got wrong"  # written by hand, and last


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
            f"Measured on Python {version}, on one machine; gains move with the machine.",
        ]
    }
    for title, held in (("Programs that the rules were tuned on", False), ("Programs that they were not", True)):
        chosen = [one for one in verdicts if one.twin.held == held]
        if chosen:
            sections[title] = [summary(chosen) + ".", "", *table(chosen)]
    for title, held in ((WANT_NONE, False), (f"{WANT_NONE}, and that no rule was tuned on", True)):
        some = [one for one in heard if one.control.held == held]
        if some:
            said = f"{len(some)} programs, {sum(len(one.wrong) for one in some)} false advice."
            sections[title] = [said, "", *control_table(some)]
    return sections


def keep(path: str, name: str, value: Verdict | Heard) -> None:
    """So that a run that was broken off goes on, and one program can be measured again."""
    if not path:
        return
    kept = json.loads(Path(path).read_text()) if Path(path).exists() else {}
    kept[name] = {key: item for key, item in vars(value).items() if key not in ("twin", "control")}
    Path(path).write_text(json.dumps(kept))


def kept_before(path: str) -> dict[str, dict[str, Any]]:
    value: dict[str, dict[str, Any]] = json.loads(Path(path).read_text()) if path and Path(path).exists() else {}
    return value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keisoku", default=str(TOP / "build" / "cli" / "keisoku"))
    parser.add_argument("--rounds", type=int, default=3, help="pairs that are timed")
    parser.add_argument("--write", action="store_true", help="write docs/findings-score.md")
    parser.add_argument("--results", default="", help="keep results in this file; those in it are not measured again")
    parser.add_argument("python")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    verdicts, heard = [], []
    kept = kept_before(arguments.results)
    for twin in twins():
        if (arguments.names and twin.name not in arguments.names) or not can_run(arguments.python, twin.needs):
            continue
        verdict = Verdict(twin, **kept.get(twin.name, {}))
        if twin.name not in kept:
            verdict = judge(arguments.keisoku, arguments.python, twin)
            verdict.achieved = achieved(arguments.python, twin, arguments.rounds) if arguments.rounds else 0
            keep(arguments.results, twin.name, verdict)
        said = (twin.name, twin.tag, verdict.said, verdict.place, verdict.predicted, round(verdict.achieved, 2))
        print(*said, verdict.false, flush=True)
        verdicts.append(verdict)
    for control in controls():
        if arguments.names and control.name not in arguments.names:
            continue
        one = Heard(control, **kept.get(control.name, {}))
        if control.name not in kept:
            one = listen(arguments.keisoku, arguments.python, control)
            keep(arguments.results, control.name, one)
        print(control.name, one.said, one.wrong, flush=True)
        heard.append(one)
    code = "import platform; print(platform.python_version())"
    version = subprocess.run([arguments.python, "-c", code], capture_output=True, text=True).stdout.strip()
    sections = score_sections(verdicts, heard, version)
    for title, lines in sections.items():
        print(title, *lines, sep="\n")
    if arguments.write:
        write_sections(sections)


if __name__ == "__main__":
    main()
