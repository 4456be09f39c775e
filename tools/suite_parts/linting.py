"""tools/lint.py, counted by check."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from suite_parts.common import GIVE_WAY, TOP, Tally
from suite_parts.environment import test_python


def part_lint(options: argparse.Namespace, log: Path) -> Tally:
    python = test_python(log)
    words = [*GIVE_WAY, sys.executable, str(TOP / "tools" / "lint.py"), "--list"]
    words += ["--quick"] if options.quick else []
    path = os.environ["PATH"] if python is None else f"{python.parent}:{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, **({"KEISOKU_ALL": "1"} if options.all else {})}
    done = subprocess.run(words, cwd=TOP, env=env, capture_output=True, text=True)
    log.write_text(done.stdout + done.stderr)
    tally = Tally()
    for line in done.stdout.splitlines():
        verdict, _, rest = line.partition(" ")
        name, _, why = rest.partition(": ")
        if verdict == "pass":
            tally.passed += 1
        elif verdict == "FAIL":
            tally.failed.append(f"lint: {name}")
        elif verdict == "skip":
            tally.skipped.append((f"lint: {name}", why))
    if done.returncode != 0 and not tally.failed:
        tally.failed.append(f"lint: ended with status {done.returncode}")
    return tally
