"""The collector is killed at random instants: the program goes on as if nothing had been, the recording opens, and at
most the last second of it is missing."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from faulty import rounds
from interpreters import Interpreter
from support import sql

PROGRAM = """
import sys, time
end = time.monotonic() + float(sys.argv[1])
def work():
    return sum(range(10000))
while time.monotonic() < end:
    work()
    time.sleep(0.005)
print("end", flush=True)
raise SystemExit(7)
"""
LENGTH_S = 2.0
MISSING_S = 1.0  # of its end, at most; what the recorder waited for a core comes on top
BESIDE = 3 * (os.cpu_count() or 1)  # at a time: they sleep for the most part


def waited_s(pid: int) -> float | None:
    """How long those of its threads that look and write waited for a core: that they are late is not their fault then.
    None: one of them waits now, and the kernel tells that wait when it is over."""
    waited = 0.0
    for task in Path(f"/proc/{pid}/task").glob("*"):
        with suppress(OSError, IndexError):
            if task.name == str(pid) or (task / "comm").read_text().startswith(("kei-sampler", "kei-writer")):
                if (task / "stat").read_text().rpartition(")")[2].split()[0] == "R":
                    return None
                waited += int((task / "schedstat").read_text().split()[1]) / 1e9
    return waited


def kill_once(keisoku: str, python: str, folder: Path, i: int, after_s: float) -> bool:
    """True when the recording had been begun, and what is in it opened."""
    target = subprocess.Popen([python, "-c", PROGRAM, str(LENGTH_S)], stdout=subprocess.PIPE, text=True)
    recording = folder / f"{i}.kei"
    words = [keisoku, "attach", str(target.pid), "-q", "--no-html", "-o", recording.name]
    born = time.time_ns()
    collector = subprocess.Popen(words, cwd=folder, stderr=subprocess.DEVNULL)
    time.sleep(after_s)
    killed = time.time_ns()
    waited = waited_s(collector.pid)
    collector.send_signal(signal.SIGKILL)
    assert collector.wait(20) == -signal.SIGKILL
    out, _ = target.communicate(timeout=60)
    assert (target.returncode, out) == (7, "end\n"), i
    lived_s = 0.0 if waited is None else (killed - born) / 1e9 - waited
    if not recording.exists():
        assert lived_s < 1, "no recording after a second"
        return False
    done = subprocess.run([keisoku, "report", recording.name], cwd=folder, capture_output=True, text=True, timeout=60)
    begun = done.returncode == 0 and sql(recording, "SELECT value FROM meta WHERE key = 'start_unix_ns'")
    if not begun:  # killed before anything was committed, perhaps before the file had its tables
        assert lived_s < 1 and (done.returncode == 0 or done.stderr.count("\n") == 1), (i, lived_s, done)
        return False
    assert [path.name for path in folder.glob(f"{i}.kei*")] == [recording.name], "its log was not folded in"
    ((start,),) = begun
    ((last,),) = sql(recording, "SELECT coalesce(max(end_ns), 0) FROM sample_chunk")
    missing_s = (killed - last - int(start)) / 1e9
    late = waited is not None and lived_s >= MISSING_S and missing_s - waited >= MISSING_S
    assert not late, f"{missing_s:.2f} s are missing, {waited} of them waited"
    for path in folder.glob(f"{i}.kei*"):
        path.unlink()
    return True


def test_killed_at_random_instants(keisoku: str, a_python: Interpreter, tmp_path: Path) -> None:
    draw = random.Random(3)
    count = rounds(12, 1000)
    moments = [draw.uniform(MISSING_S if i % 2 else 0, LENGTH_S - 0.2) if i else LENGTH_S - 0.3 for i in range(count)]
    with ThreadPoolExecutor(BESIDE) as pool:
        rows = [pool.submit(kill_once, keisoku, a_python.path, tmp_path, i, after) for i, after in enumerate(moments)]
        opened = sum(row.result() for row in rows)
    if opened < rounds(4, 500):
        pytest.skip(f"the machine was too busy: {opened} of {count} had begun to record when they were killed")
