"""Faults: what a target does to itself or suffers while it is measured, and what the collector suffers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "truth"))  # recording, oracle
sys.path.insert(0, str(Path(__file__).resolve().parent))
from faulty import LONG, Bounded, Ended, why_not  # noqa: E402
from support import NeverError  # noqa: E402

BYTES_MAX = 200 << 20  # of resident memory, whatever a target shows
LIMIT_S = 300 if LONG else 120  # beyond it a call hangs: long runs share their cores with others


def peak_of(pid: int) -> int:
    """Bytes; 0: it has ended. What wait4 tells has the peak of the process that forked it, too: the tests' own."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(found.group(1)) * 1024 if found else 0


@pytest.fixture
def bounded(keisoku: str, tmp_path: Path) -> Bounded:
    """bounded('dump', pid, limit_s=30, prefix=[...]) -> Ended; fails on a signal, a hang or too much memory."""

    def run(*arguments: object, limit_s: float = LIMIT_S, prefix: tuple[str, ...] = ()) -> Ended:
        words = [*prefix, keisoku, *map(str, arguments)]
        with (tmp_path / "out").open("w+") as out, (tmp_path / "err").open("w+") as err:
            process = subprocess.Popen(words, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
            end = time.monotonic() + limit_s
            pid, peak = 0, 0
            while not pid and time.monotonic() < end:
                pid, status = os.waitpid(process.pid, os.WNOHANG)
                peak = max(peak, 0 if pid else peak_of(process.pid))
                time.sleep(0 if pid else 0.003)
            if not pid:
                process.kill()
                process.wait()
                raise NeverError(f"{' '.join(words)} did not end in {limit_s:.0f} s")
            process.returncode = os.waitstatus_to_exitcode(status)
            for file in (out, err):
                file.seek(0)
            ended = Ended(process.returncode, out.read(), err.read(), peak)
        if ended.status < 0:
            raise NeverError(f"{' '.join(words)} died of signal {-ended.status}\n{ended.err}")
        if ended.peak_bytes >= BYTES_MAX:
            raise NeverError(f"{' '.join(words)} took {ended.peak_bytes >> 20} MiB")
        return ended

    return run


@pytest.fixture
def reader(request: pytest.FixtureRequest, keisoku: str) -> str:
    """The test's parameter, for --reader; skips where this machine does not permit it."""
    name: str = request.param
    if why := why_not(keisoku, name):
        pytest.skip(why)
    return name
