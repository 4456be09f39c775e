"""Every fault at full length: some hours, in pieces."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from suite_parts.common import BUILD, LOGS, TOP, Tally, ended_well, note_end, say
from suite_parts.end_to_end import run_pytest, tally_junit
from suite_parts.environment import get_pythons, interpreter_names
from suite_parts.sanitized import run_fuzzers


def part_faults(options: argparse.Namespace, log: Path) -> Tally:
    """tests/faults with every loop at full length, interpreter by interpreter, then the fuzzers, ten minutes each. A full
    run has a handful of rounds of each."""
    get_pythons(log)
    tally = Tally()
    for name in ["none", *interpreter_names("SUPPORTED"), *interpreter_names("ON_REQUEST")]:
        tally.add(faults_over(name, log))
    tally.add(run_fuzzers(max(options.fuzz_seconds, 600), log, keep=True))
    return tally


def faults_over(name: str, log: Path) -> Tally:
    """The piece of one interpreter; "none": the tests that are over no interpreters."""
    part = f"faults-{name}"
    start = time.monotonic()
    inputs = [BUILD / "cli" / "keisoku", *(path for path in (TOP / "tests" / "faults").rglob("*.*") if path.is_file())]
    kept = ended_well(part, inputs)
    if kept:
        tally = tally_junit(LOGS / f"{part}.xml")
    else:
        env = {"KEISOKU_LONG": "1", "KEISOKU_ALL": "1", "KEISOKU_ONLY": name}
        tally = run_pytest(part, ["--timeout=20000"], log, env, where="tests/faults", limit_s=86400)
        note_end(part, not tally.failed)
    say(f"  {part:12} {tally.line()}  ({'kept' if kept else f'{time.monotonic() - start:.0f} s'})")
    return tally
