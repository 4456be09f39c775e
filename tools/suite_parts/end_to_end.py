"""The tests of pytest: end to end, those that measure, and further looks at what failed."""

from __future__ import annotations

import argparse
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from suite_parts.common import CORES, LOGS, Tally, call
from suite_parts.environment import get_pythons, test_python

# Of one part, so many tests, or this share of them: where more fail, it is not chance.
LOOKS_LEAST, LOOKS_SHARE = 8, 0.04
LOOKS = ("second", "third", "fourth", "fifth")
STOLEN_MAX = 0.05  # share of the cores' time that other machines of the host had: /proc/stat


def without_group(test: str) -> str:
    """A test's name without what keeps tests on one worker: `test_a[case]@group`."""
    at = test.rfind("@")
    return test[:at] if at > test.rfind("]") else test


def tally_junit(path: Path) -> Tally:
    tally = Tally()
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        name = f"{case.get('classname', '').removeprefix('tests.')}::{without_group(case.get('name', ''))}"
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


def look(
    part: str, words: list[str], log: Path, env: dict[str, str], where: str = "tests"
) -> tuple[Tally, dict[str, float]]:
    """run_pytest, and those that failed and may fail by chance, with the share of the cores that was stolen from each."""
    told = LOGS / f"{part}.again"
    told.unlink(missing_ok=True)
    tally = run_pytest(part, words, log, {**env, "KEISOKU_SECOND_LOOK": str(told)}, where)
    failed = json.loads(told.read_text()) if told.exists() else {}
    return tally, {without_group(test): stolen for test, stolen in failed.items()}


def classname(test: str) -> str:
    file, bracket, case = test.partition("[")
    return file.replace(".py::", "::").replace("/", ".").removeprefix("tests.") + bracket + case


def run_looked_at(part: str, words: list[str], log: Path, env: dict[str, str], measured: bool) -> Tally:
    """run_pytest, and a second look at those that failed: one by one. At those that measure and from which other
    machines of the host took a good part of the cores then, up to three more; who fails each time has failed."""
    tally, again = look(part, words, log, env)
    if len(again) > max(LOOKS_LEAST, LOOKS_SHARE * tally.count()):
        return tally
    for which in LOOKS if measured else LOOKS[:1]:
        if not again:
            break
        tests = list(again)
        seen, failed = look(f"{part}-{which}", tests[1:], log, {**env, "KEISOKU_ALL": "1"}, where=tests[0])
        names = [classname(test) for test in tests]
        if seen.count() != len(tests) or not set(seen.failed) <= set(names):
            break  # not all of them ran
        tally.failed = [test for test in tally.failed if test not in names]
        tally.add(seen)
        tally.twice += names if which == LOOKS[0] else []
        again = {test: stolen for test, stolen in failed.items() if stolen > STOLEN_MAX}
    return tally


# Each test is in one of these parts.
CHOSEN = {"pytest": "not alone and not company", "company": "company", "alone": "alone"}


def beside(workers: int) -> list[str]:
    """Options of pytest: so many tests at a time, those of one xdist_group one after the other."""
    return [f"-n{workers}", "--dist=loadgroup"]


def part_pytest(options: argparse.Namespace, log: Path) -> Tally:
    if options.quick:
        words = ["-m", f"{CHOSEN['pytest']} and not slow and not network", *beside(CORES + 2)]
        return run_looked_at("pytest", words, log, {"KEISOKU_QUICK": "1"}, measured=False)
    get_pythons(log)
    # They wait more than they compute.
    return run_looked_at("pytest", ["-m", CHOSEN["pytest"], *beside(CORES + 2)], log, {}, measured=False)


def part_docs(_: argparse.Namespace, log: Path) -> Tally:
    """A subset of pytest's part, for `make docs`; never run twice by a full run."""
    return run_pytest("docs", [], log, where="tests/docs")


def part_company(options: argparse.Namespace, log: Path) -> Tally:
    get_pythons(log)
    return run_looked_at("company", ["-m", CHOSEN["company"], *beside(CORES)], log, crossed(options), measured=True)


def part_alone(options: argparse.Namespace, log: Path) -> Tally:
    get_pythons(log)
    return run_looked_at("alone", ["-m", CHOSEN["alone"]], log, crossed(options), measured=True)


def crossed(options: argparse.Namespace) -> dict[str, str]:
    return {"KEISOKU_ALL": "1"} if options.all else {}
