"""What the parts of the test suite share: where things lie, running a command, adding up, what ended well before."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
BUILD = TOP / "build"
LOGS = BUILD / "tests"
CACHE = TOP / ".cache"
CORES = len(os.sched_getaffinity(0))
GIVE_WAY = ["nice", "-n", "10"]  # before the commands of those that run beside pytest


@dataclass
class Tally:
    passed: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)  # what, why
    twice: list[str] = field(default_factory=list)  # looked at a second time

    def add(self, other: Tally) -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.twice += other.twice

    def count(self) -> int:
        return self.passed + len(self.failed) + len(self.skipped)

    def line(self) -> str:
        return f"{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped"


def say(text: str) -> None:
    print(text, flush=True)


def call(words: list[str], log: Path, env: dict[str, str] | None = None, cwd: Path = TOP, limit_s: float = 3600) -> int:
    """Runs a command with its output in `log` (appended); gives its status, 124 when it ran past the limit."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as out:
        out.write(f"$ {' '.join(words)}\n")
        out.flush()
        try:
            done = subprocess.run(
                words,
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                timeout=limit_s,
            )
        except subprocess.TimeoutExpired:
            out.write(f"stopped after {limit_s:.0f} s\n")
            return 124
        except OSError as error:
            out.write(f"{error}\n")
            return 127
        return done.returncode


def tail(log: Path, lines: int = 40) -> str:
    text = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join("    " + line for line in text[-lines:])


def ended_well(part: str, inputs: list[Path]) -> bool:
    """A note says that it did, and is younger than what it was run with."""
    note = LOGS / f"{part}.well"
    return note.exists() and note.stat().st_mtime > max(path.stat().st_mtime for path in inputs)


def note_end(part: str, well: bool) -> None:
    note = LOGS / f"{part}.well"
    note.unlink(missing_ok=True)
    if well:
        note.touch()
