"""The C units: `meson test`, counted by test function."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path

from suite_parts.common import BUILD, Tally, call

TAP_LINE = re.compile(r"^\s*(ok|not ok)\s+\d+\s*-?\s*(.*)$", re.MULTILINE)


def tally_meson(folder: Path, part: str) -> Tally:
    """What `meson test` left behind: one entry per program, and cmocka's own lines in it."""
    tally = Tally()
    for line in (folder / "meson-logs" / "testlog.json").read_text().splitlines():
        entry = json.loads(line)
        name = f"{part}: {entry['name']}"
        functions = TAP_LINE.findall(entry.get("stdout", ""))
        bad = [title for result, title in functions if result != "ok" and "# SKIP" not in title]
        skipped = [title for _, title in functions if "# SKIP" in title]
        if entry["result"] == "SKIP":
            tally.skipped.append((name, (entry.get("stderr") or "the program skips itself").strip()))
            continue
        tally.skipped += [
            (f"{name}: {title.split('SKIP')[1].strip()}", "skips itself, see its source") for title in skipped
        ]
        tally.passed += len(functions) - len(bad) - len(skipped)
        if bad or entry["result"] not in ("OK", "EXPECTEDFAIL"):
            tally.failed += [f"{name}: {title}" for title in bad] or [f"{name}: {entry['result']}"]
        elif not functions:
            tally.passed += 1
    return tally


def run_meson_suite(
    folder: Path, part: str, log: Path, env: dict[str, str] | None = None, before: Sequence[str] = ()
) -> Tally:
    result = folder / "meson-logs" / "testlog.json"
    result.unlink(missing_ok=True)
    words = ["meson", "test", "-C", str(folder), "--suite", "unit", "--no-rebuild", "--print-errorlogs"]
    words += ["--timeout-multiplier", "5"]  # what hangs is to be found, not what has few cores
    status = call([*before, *words], log, {"CMOCKA_MESSAGE_OUTPUT": "TAP", **(env or {})}, limit_s=900)
    if not result.exists():
        return Tally(failed=[f"{part}: meson test gave no result (status {status})"])
    tally = tally_meson(folder, part)
    if status != 0 and not tally.failed:
        tally.failed.append(f"{part}: meson test failed (status {status})")
    if not tally.passed and not tally.failed:
        tally.failed.append(f"{part}: no test ran (is cmocka there?)")
    return tally


def part_unit(_: argparse.Namespace, log: Path) -> Tally:
    return run_meson_suite(BUILD, "unit", log)
