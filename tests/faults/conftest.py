"""Faults: what a target does to itself or suffers while it is measured, and what the collector suffers.

KEISOKU_LONG=1 (make faults) runs every loop at full length; without it each is a handful of rounds.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from interpreters import Interpreter

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "truth"))  # recording, oracle

LONG = bool(os.environ.get("KEISOKU_LONG"))
BYTES_MAX = 200 << 20  # of resident memory, whatever a target shows


@dataclass(frozen=True)
class Ended:
    """How one call of keisoku ended, by itself and within its limits."""

    status: int
    out: str
    err: str
    peak_bytes: int


Bounded = Callable[..., Ended]


@pytest.fixture
def bounded(keisoku: str, tmp_path: Path) -> Bounded:
    """bounded('dump', pid, limit_s=30, prefix=[...]) -> Ended; fails on a signal, a hang or too much memory."""

    def run(*arguments: object, limit_s: float = 60, prefix: tuple[str, ...] = ()) -> Ended:
        words = [*prefix, keisoku, *map(str, arguments)]
        with (tmp_path / "out").open("w+") as out, (tmp_path / "err").open("w+") as err:
            process = subprocess.Popen(words, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
            end = time.monotonic() + limit_s
            pid = 0
            while not pid and time.monotonic() < end:
                pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                time.sleep(0 if pid else 0.003)
            if not pid:
                process.kill()
                process.wait()
                pytest.fail(f"{' '.join(words)} did not end in {limit_s:.0f} s")
            process.returncode = os.waitstatus_to_exitcode(status)
            for file in (out, err):
                file.seek(0)
            ended = Ended(process.returncode, out.read(), err.read(), usage.ru_maxrss * 1024)
        assert ended.status >= 0, f"{' '.join(words)} died of signal {-ended.status}\n{ended.err}"
        assert ended.peak_bytes < BYTES_MAX, f"{' '.join(words)} took {ended.peak_bytes >> 20} MiB"
        return ended

    return run


def rounds(short: int, long: int) -> int:
    return long if LONG else short


def enough(python: Interpreter, *never: str) -> None:
    """One interpreter of each way to lay out frames, unless this is the long run."""
    if python.name in never:
        pytest.skip(f"the damage is not written for Python {python.name}")
    if not LONG and python.name not in ("3.8", "3.11", "3.13", "3.15"):
        pytest.skip("in the long run only (make faults)")
