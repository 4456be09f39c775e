"""The tests of pytest: end to end, those that measure, and the second look at these."""

from __future__ import annotations

import argparse
import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from suite_parts.common import CORES, LOGS, Tally, call
from suite_parts.environment import get_pythons, test_python

SECOND_LOOKS_MAX = 8  # of one part; where more fail, it is not chance


def tally_junit(path: Path) -> Tally:
    tally = Tally()
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        test = re.sub(r"@\w+$", "", case.get("name", ""))  # without its group
        name = f"{case.get('classname', '').removeprefix('tests.')}::{test}"
        skip = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            tally.failed.append(name)
        elif skip is not None:
            tally.skipped.append((name, skip.get("message", "")))
        else:
            tally.passed += 1
    return tally


def run_pytest(
    part: str,
    words: list[str],
    log: Path,
    env: dict[str, str] | None = None,
    where: str = "tests",
    limit_s: float = 3000,
) -> Tally:
    python = test_python(log)
    if python is None:
        return Tally(failed=[f"{part}: the tests' environment could not be set up"])
    result = LOGS / f"{part}.xml"
    result.unlink(missing_ok=True)
    common = ["-q", "-ra", "-p", "no:cacheprovider", "--timeout=600", "--durations=15", f"--junitxml={result}"]
    status = call([str(python), "-m", "pytest", *common, *words, where], log, env, limit_s=limit_s)
    if status == 5:
        return Tally()  # nothing to collect
    if not result.exists():
        return Tally(failed=[f"{part}: pytest gave no result (status {status})"])
    tally = tally_junit(result)
    if status not in (0, 1) or (status == 1 and not tally.failed):
        tally.failed.append(f"{part}: pytest ended with status {status}")
    return tally


def run_measured(part: str, words: list[str], log: Path, env: dict[str, str]) -> Tally:
    """run_pytest, and a second look at those that failed: one by one, and once."""
    wanted = LOGS / f"{part}.again"
    wanted.unlink(missing_ok=True)
    tally = run_pytest(part, words, log, {**env, "KEISOKU_SECOND_LOOK": str(wanted)})
    again: list[str] = json.loads(wanted.read_text()) if wanted.exists() else []
    if not 0 < len(again) <= SECOND_LOOKS_MAX:
        return tally
    names = [test.replace(".py::", "::").replace("/", ".").removeprefix("tests.") for test in again]
    second = run_pytest(f"{part}-again", again[1:], log, {**env, "KEISOKU_ALL": "1"}, where=again[0])
    if second.passed + len(second.failed) + len(second.skipped) < len(again):
        return tally  # not all of them ran
    tally.failed = [name for name in tally.failed if name not in names]
    tally.add(second)
    tally.twice += names
    return tally


# Each test is in one of these parts.
CHOSEN = {"pytest": "not alone and not company", "company": "company", "alone": "alone"}


def beside(workers: int) -> list[str]:
    """Options of pytest: so many tests at a time, those of one xdist_group one after the other."""
    return [f"-n{workers}", "--dist=loadgroup"]


def part_pytest(options: argparse.Namespace, log: Path) -> Tally:
    if options.quick:
        words = ["-m", f"{CHOSEN['pytest']} and not slow and not network", *beside(CORES + 2)]
        return run_pytest("pytest", words, log, {"KEISOKU_QUICK": "1"})
    get_pythons(log)
    # They wait more than they compute.
    return run_pytest("pytest", ["-m", CHOSEN["pytest"], *beside(CORES + 2)], log)


def part_docs(_: argparse.Namespace, log: Path) -> Tally:
    """A subset of pytest's part, for `make docs`; never run twice by a full run."""
    return run_pytest("docs", [], log, where="tests/docs")


def part_company(options: argparse.Namespace, log: Path) -> Tally:
    get_pythons(log)
    return run_measured("company", ["-m", CHOSEN["company"], *beside(CORES)], log, crossed(options))


def part_alone(options: argparse.Namespace, log: Path) -> Tally:
    get_pythons(log)
    return run_measured("alone", ["-m", CHOSEN["alone"]], log, crossed(options))


def crossed(options: argparse.Namespace) -> dict[str, str]:
    return {"KEISOKU_ALL": "1"} if options.all else {}
