#!/usr/bin/env python3
"""Runs the parts of keisoku's test suite and adds them up; tools/test calls it after the build.

Parts, in this order: unit (C units), pytest (end to end), company (end to end, measured: truth, findings, real programs;
as many at a time as there are cores), alone (those that can say nothing without a free core: one at a time), lint,
asan (unit suite and a short run under ASan and UBSan), fuzz (each fuzzer for five seconds).
One after the other, but that lint, asan and fuzz, which measure nothing, run beside pytest, which waits more than it
computes, and give way to it.
Only where they are named: docs, and faults (every fault at full length on every interpreter, and ten minutes of each
fuzzer: some hours; the pieces of it that ended well with this build and these tests are not run again).
With --quick: unit, pytest without its slow tests over two interpreters, and the lint that needs no compiler.
With --all: the whole product of interpreters and cases (tests/crossed.py), of which a plain run leaves some out.

The texts go to build/tests/PART.log, with the slowest tests of each part; a failed part shows the end of its text.
A test of pytest, company or alone that fails is looked at a second time and named at the end; not where something was
seen that must never be, nor a crash or a hang. Of company and alone up to five times, where other machines of the
host took the cores meanwhile.
Last lines: what each part took, and `N passed, N failed, N skipped`, in which a C unit counts per test function, pytest
per test, lint per check, fuzz per fuzzer.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from suite_parts.common import LOGS, TOP, Tally, say, tail
from suite_parts.end_to_end import part_alone, part_company, part_docs, part_pytest
from suite_parts.environment import test_python
from suite_parts.faults import part_faults
from suite_parts.linting import part_lint
from suite_parts.sanitized import part_asan, part_fuzz
from suite_parts.units import part_unit

FUZZ_SECONDS = 5  # of more than a dozen: a minute of all of them, as half a minute of two cores

PARTS = {
    "unit": part_unit,
    "pytest": part_pytest,
    "company": part_company,
    "alone": part_alone,
    "lint": part_lint,
    "asan": part_asan,
    "fuzz": part_fuzz,
    "docs": part_docs,
    "faults": part_faults,
}
FULL = ["unit", "pytest", "lint", "asan", "fuzz", "company", "alone"]
QUICK = ["unit", "pytest", "lint"]
BESIDE = ["lint", "asan", "fuzz"]  # in this order, while pytest runs


def stages(parts: Sequence[str]) -> list[list[list[str]]]:
    """What is done one after the other: lists of parts, of which each list has a thread of its own."""
    if "pytest" not in parts:
        return [[[name]] for name in parts]
    behind = [name for name in parts if name in BESIDE]
    rest = [[[name]] for name in parts if name not in BESIDE]
    at = rest.index([["pytest"]])
    return [*rest[:at], [["pytest"], behind] if behind else [["pytest"]], *rest[at + 1 :]]


def times(took: dict[str, float], whole: float) -> str:
    """`took 312 s: unit 10, pytest 90 …`: what grew is seen. Those that ran side by side are more than the whole."""
    return f"took {whole:.0f} s: " + ", ".join(f"{name} {seconds:.0f}" for name, seconds in took.items())


def print_skips(skipped: list[tuple[str, str]]) -> None:
    """One line a reason, with how many tests it stopped and the first of them."""
    reasons: dict[str, list[str]] = {}
    for what, why in skipped:
        reasons.setdefault(why or "no reason given", []).append(what)
    for why, names in reasons.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        say(f"skipped: {names[0]}{more}: {why}")


def keep_times(options: argparse.Namespace, took: float, total: Tally) -> None:
    """Of whole runs without a failure, for the page of the benchmarks: build/tests/took.json."""
    less = options.parts or options.all or options.fuzz_seconds != FUZZ_SECONDS
    if less or total.failed or any(os.environ.get(name) for name in ("KEISOKU_ONLY", "KEISOKU_ALL", "KEISOKU_QUICK")):
        return
    file = LOGS / "took.json"
    kept = json.loads(file.read_text()) if file.exists() else {}
    name = "make quick" if options.quick else "tools/test"
    kept[name] = {"seconds": took, "cores": os.cpu_count(), "result": total.line(), "date": time.strftime("%Y-%m-%d")}
    file.write_text(json.dumps(kept, indent=1))


class Suite:
    """What has run so far."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.total = Tally()
        self.took: dict[str, float] = {}
        self.lock = threading.Lock()  # of the two and of what is said

    def run(self, stage: list[list[str]]) -> None:
        with concurrent.futures.ThreadPoolExecutor(len(stage)) as pool:
            for done in [pool.submit(self.part, *names) for names in stage]:
                done.result()

    def part(self, *names: str) -> None:
        for name in names:
            start = time.monotonic()
            log = LOGS / f"{name}.log"
            log.unlink(missing_ok=True)
            self.ended(name, PARTS[name](self.options, log), time.monotonic() - start, log)

    def ended(self, name: str, tally: Tally, seconds: float, log: Path) -> None:
        with self.lock:
            self.total.add(tally)
            self.took[name] = seconds
            say(f"{name:8} {tally.line()}  ({seconds:.0f} s)")
            for failure in tally.failed:
                say(f"  failed: {failure}")
            if tally.failed:
                say(f"  the end of {log.relative_to(TOP)}:\n{tail(log)}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools/test", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--quick", action="store_true", help="the short set, under two minutes")
    parser.add_argument("--all", action="store_true", help="the whole product of interpreters and cases, half an hour")
    parser.add_argument("--fuzz-seconds", type=int, default=FUZZ_SECONDS, help="for each fuzzer")
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--venv", action="store_true", help="only set up the tests' environment and print its bin")
    options = parser.parse_args()
    if options.venv:
        python = test_python(LOGS / "venv.log")
        print(python.parent if python else "")
        return 0 if python else 1
    LOGS.mkdir(parents=True, exist_ok=True)
    # A shell's background job ignores these, and so would every program under test: a handler of ours becomes the
    # default in them.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, lambda *_: sys.exit(131))
    begin = time.monotonic()
    suite = Suite(options)
    for stage in stages(options.parts or (QUICK if options.quick else FULL)):
        suite.run(stage)
    total, took = suite.total, suite.took
    print_skips(total.skipped)
    for name in total.twice:
        say(f"looked at twice: {name}")
    if {"company", "alone"} & set(took) and not options.all:
        say("interpreters x cases: a part of the product, as tests/crossed.py says; tools/test --all runs the whole")
    whole = time.monotonic() - begin
    keep_times(options, whole, total)
    say(times(took, whole))
    say(total.line())
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
