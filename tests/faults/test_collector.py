"""The collector is killed at random instants: the program goes on as if nothing had been, the recording opens, and at
most the last second of it is missing."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from pathlib import Path

from faulty import Bounded, rounds
from interpreters import Interpreter
from support import sql

PROGRAM = """
import sys, time
end = time.monotonic() + float(sys.argv[1])
def work():
    return sum(range(500))
while time.monotonic() < end:
    work()
print("end", flush=True)
raise SystemExit(7)
"""
LENGTH_S = 2.0


def test_killed_at_random_instants(bounded: Bounded, keisoku: str, a_python: Interpreter, tmp_path: Path) -> None:
    draw = random.Random(3)
    opened = 0
    for i in range(rounds(4, 1000)):
        target = subprocess.Popen([a_python.path, "-c", PROGRAM, str(LENGTH_S)], stdout=subprocess.PIPE, text=True)
        recording = tmp_path / f"{i}.kei"
        words = [keisoku, "attach", str(target.pid), "-q", "--no-html", "-o", recording.name]
        born = time.time_ns()
        collector = subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.DEVNULL)
        time.sleep(draw.uniform(0, LENGTH_S - 0.2) if i else LENGTH_S - 0.3)
        killed = time.time_ns()
        collector.send_signal(signal.SIGKILL)
        assert collector.wait(20) == -signal.SIGKILL
        out, _ = target.communicate(timeout=60)
        assert (target.returncode, out) == (7, "end\n"), i
        if not recording.exists():
            assert killed - born < 1_000_000_000, "no recording after a second"
            continue
        done = bounded("report", recording.name)
        if done.status != 0:  # killed before the file had its tables
            assert killed - born < 1_000_000_000 and done.err.count("\n") == 1, (i, done)
            continue
        opened += 1
        ((start,),) = sql(recording, "SELECT value FROM meta WHERE key = 'start_unix_ns'")
        ((last,),) = sql(recording, "SELECT coalesce(max(end_ns), 0) FROM sample_chunk")
        last += int(start)
        if killed - born > 1_300_000_000:
            assert killed - last < 1_300_000_000, f"{(killed - last) / 1e9:.2f} s are missing"
        for path in tmp_path.glob(f"{i}.kei*"):
            path.unlink()
    assert opened >= rounds(1, 500)
