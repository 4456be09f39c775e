"""Programs in pairs: one with a problem and one without, of equal output. What a finding must say of the first, it must
not say of the second; how much faster the second is, is what it must have promised. And controls, of which one thing is
right to say, or nothing. What is right stands in their docstrings (labels.py).

    python3 tests/findings/twins.py [--keisoku FILE] [--rounds N] [--write] INTERPRETER [NAME...]

runs them all and prints the score; --write puts it into docs/findings-score.md. The rules were tuned on those in
programs/tuned and programs/controls, not on those in programs/held and programs/controls-held: the scores stand apart.
With --results what was timed and judged is kept, with --recordings what was recorded: that is judged anew each time.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import resource
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import labels
import score_page
from labels import Control, Twin
from score_page import Heard, Verdict

ONCE = re.compile(r"^runs: once$", re.MULTILINE)  # it starts processes that need it as their main module
ONCE_TRIES = 3  # until one is measured on a machine that has time for it

# The fixed one is soon over: again and again, so that there is enough of it to say something wrong of.
AGAIN = """
import runpy, sys, time
path, end = sys.argv[1], time.monotonic() + 2
sys.argv = [path, "fixed"]
while time.monotonic() < end:
    runpy.run_path(path, run_name="__main__")
"""


recordings: Path | None = None  # where they are kept, by what was recorded
instruments: list[str] = []  # options of run for all programs


def recording_name(words: list[str], environment: dict[str, str]) -> str:
    """By what is recorded: options, interpreter, the program as it is."""
    plain = " ".join(Path(word).name for word in words if "\n" not in word)
    programs = [Path(word).read_bytes() for word in words if word.endswith(".py") and Path(word).is_file()]
    others = [word for word in words if not word.endswith(".py")]
    mark = hashlib.sha256(repr((others, environment.get("PYTHONPATH"), programs)).encode()).hexdigest()[:10]
    return re.sub(r"[^\w.]+", "-", plain).strip("-") + f".{mark}.kei"


def record(keisoku: str, words: list[str], environment: dict[str, str] | None = None) -> dict[str, Any]:
    """The report of one run, as a user would get it; of the one that was kept, where it was."""
    with tempfile.TemporaryDirectory() as folder:
        file = (recordings or Path(folder)).absolute() / recording_name(words, environment or {})
        if not file.exists():
            made = file.with_suffix(".part")
            made.unlink(missing_ok=True)
            command = [keisoku, "run", "-q", "--no-html", "-o", str(made), *words]
            subprocess.run(command, cwd=folder, capture_output=True, timeout=300, env=environment)
            made.rename(file)
        report = subprocess.run([keisoku, "report", "--json", str(file)], capture_output=True, timeout=300)
        value: dict[str, Any] = json.loads(report.stdout)
        return value


def options_of(path: Path) -> list[str]:
    own = labels.options_of(path)
    return [*(word for word in instruments if word not in own), *own]


def measure(keisoku: str, python: str, path: Path, mode: str, *options: str) -> dict[str, Any]:
    again = mode == "fixed" and not ONCE.search(path.read_text())
    words = ["-c", AGAIN, str(path)] if again else [str(path), *([mode] if mode else [])]
    return record(keisoku, [*options, *options_of(path), python, *words])


def measure_enough(keisoku: str, python: str, path: Path, mode: str) -> dict[str, Any]:
    """Again where the machine was too busy to say anything, or a fast one was through too soon: at a higher rate."""
    for options in ((), ("--reader", "core", "--rate", "2000")):
        report = measure(keisoku, python, path, mode, *options)
        if labels.is_complete(report):
            break
    return report


def judge(keisoku: str, python: str, twin: Twin) -> Verdict:
    verdict = Verdict(twin)
    report = measure_enough(keisoku, python, twin.path, "slow")
    slow = labels.asking(report)
    verdict.said = ", ".join(labels.words(finding) for finding in slow) or "nothing"
    verdict.tag = bool(slow) and slow[0]["tag"] == twin.tag
    for finding in slow:
        if finding["tag"] != twin.tag:
            continue
        verdict.place = labels.is_right_place(twin, finding["place"])
        if "predicted_gain" in finding:
            verdict.predicted = (finding["predicted_gain"]["low"], finding["predicted_gain"]["high"])
    verdict.fixed, verdict.false, verdict.unsaid = judge_fixed(keisoku, python, twin)
    return verdict


def judge_fixed(keisoku: str, python: str, twin: Twin) -> tuple[list[str], list[str], bool]:
    """What is said of the fixed one, what of it is false, and whether nothing could be. What is said of it again and again,
    but not of it once (what it makes once is made many times then), is true of the repetition; on a busy machine silence
    does not say so."""
    report = measure_enough(keisoku, python, twin.path, "fixed")
    said = [labels.words(finding) for finding in report["findings"]]
    false = labels.false_advice(twin.fixed, report)
    if false and not ONCE.search(twin.path.read_text()):
        for number in range(ONCE_TRIES):
            # a rate of its own tells each of them from the others
            options = ["--reader", "core", "--rate", f"{2000 + number}", *options_of(twin.path)]
            once = record(keisoku, [*options, python, str(twin.path), "fixed"])
            if labels.is_complete(once):
                said = [labels.words(finding) for finding in once["findings"]]
                false = labels.false_advice(twin.fixed, once)
                break
    return said, false, labels.is_unsaid(report)


def listen(keisoku: str, python: str, control: Control) -> Heard:
    report = measure_enough(keisoku, python, control.path, "")
    wrong, right = labels.false_advice(control.true, report), labels.is_right_of_control(control, report)
    return Heard(control, labels.said(report), wrong, right, labels.is_unsaid(report))


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
    parser.add_argument("--keisoku", default=str(labels.TOP / "build" / "cli" / "keisoku"))
    parser.add_argument("--rounds", type=int, default=3, help="pairs that are timed")
    parser.add_argument("--write", action="store_true", help="write docs/findings-score.md")
    parser.add_argument("--results", default="", help="keep results in this file; those in it are not measured again")
    parser.add_argument("--recordings", type=Path, help="keep recordings in this folder; judge those in it")
    parser.add_argument("--with", action="append", default=[], dest="instruments", help="an option of run for all")
    parser.add_argument("python")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    global recordings, instruments
    recordings, instruments = arguments.recordings, arguments.instruments
    if recordings:
        recordings.mkdir(parents=True, exist_ok=True)
    verdicts, heard = [], []
    kept = kept_before(arguments.results)
    for twin in labels.twins():
        if (arguments.names and twin.name not in arguments.names) or not can_run(arguments.python, twin.needs):
            continue
        verdict = Verdict(twin, **kept.get(twin.name, {}))
        timed, known = verdict.achieved, twin.name in kept
        if not known or recordings:
            verdict = judge(arguments.keisoku, arguments.python, twin)
            if not known and arguments.rounds:
                timed = achieved(arguments.python, twin, arguments.rounds)
            verdict.achieved = timed
            keep(arguments.results, twin.name, verdict)
        said = (twin.name, twin.tag, verdict.said, verdict.place, verdict.predicted, round(verdict.achieved, 2))
        print(*said, verdict.fixed, verdict.false, flush=True)
        verdicts.append(verdict)
    for control in labels.controls():
        if arguments.names and control.name not in arguments.names:
            continue
        one = Heard(control, **kept.get(control.name, {}))
        if control.name not in kept or recordings:
            one = listen(arguments.keisoku, arguments.python, control)
            keep(arguments.results, control.name, one)
        print(control.name, one.said, one.right, one.wrong, flush=True)
        heard.append(one)
    code = "import platform; print(platform.python_version())"
    version = subprocess.run([arguments.python, "-c", code], capture_output=True, text=True).stdout.strip()
    sections = score_page.score_sections(verdicts, heard, version)
    for title, lines in sections.items():
        print(title, *lines, sep="\n")
    if arguments.write:
        score_page.write_sections(sections)


if __name__ == "__main__":
    main()
