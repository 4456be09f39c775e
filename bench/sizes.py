"""What a recording weighs and how soon it answers: bytes a sample, the verdict of ten minutes, the page."""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

import stolen
from cost import PROGRAM, report_of, units_for
from interpreters import Interpreter
from peers import KEISOKU, TOOLS, TOP, execute
from quiet import QUIET

MAKE_RECORDING = TOP / "build" / "tests" / "tools" / "make-recording"


def timed(words: list[str], repeats: int) -> float:
    """Median seconds; the output is thrown away."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def page_of(recording: Path, folder: Path) -> int | None:
    page = folder / "page.html"
    page.unlink(missing_ok=True)
    done = subprocess.run([KEISOKU, "report", str(recording), "--html", str(page)], capture_output=True)
    return page.stat().st_size if done.returncode == 0 and page.exists() else None


def steady(python: Interpreter, folder: Path, seconds: float) -> dict[str, Any]:
    """Of three times the one during which other machines of the host took least, or the first from which they took
    nothing to speak of."""
    found: list[dict[str, Any]] = []
    for _ in range(3):
        before = stolen.cores_ticks()
        row = steady_once(python, folder, seconds)
        found.append({**row, "stolen": stolen.share_since(before)})
        if found[-1]["stolen"] <= QUIET:
            break
    return min(found, key=lambda row: float(row["stolen"]))


def steady_once(python: Interpreter, folder: Path, seconds: float) -> dict[str, Any]:
    """Two real runs of a steady program; the difference between them is free of what every file carries."""
    own = TOOLS["keisoku 1 kHz"]
    units = units_for(python, 1.0, folder, 20)
    sizes, samples, clocks = [], [], []
    for length in (seconds / 4, seconds):
        file = folder / "steady.kei"
        file.unlink(missing_ok=True)
        run = execute(own.words(python, file, [str(PROGRAM), "20", str(int(units * length))]), file, folder)
        if run.status != 0:
            raise RuntimeError(run.err[-300:])
        sizes.append(file.stat().st_size)
        report = report_of(file)
        trust = report["trust"]
        samples.append(trust["samples"])
        clocks.append((report["recording"]["duration_s"], trust["own_cpu_s"], trust["core_time_taken_s"]))
    page = page_of(folder / "steady.kei", folder)
    further_s = clocks[1][0] - clocks[0][0]
    return {
        "python": python.version,
        "seconds": seconds,
        "samples": samples[1],
        "bytes": sizes[1],
        "bytes_a_sample": sizes[1] / samples[1],
        "bytes_a_further_sample": (sizes[1] - sizes[0]) / (samples[1] - samples[0]),
        "page_bytes": page,
        # without start-up: the second run less the first
        "steady_hz": (samples[1] - samples[0]) / further_s,
        "steady_own_cpu": (clocks[1][1] - clocks[0][1]) / further_s,
        "steady_taken": (clocks[1][2] - clocks[0][2]) / further_s,
    }


def description(seconds: int, functions: int, stacks: int) -> str:
    """A program with many functions, 5 to 25 deep, five minutes of one mix and five of another, for make-recording."""
    draw = random.Random(5)
    lines = ["command service.py", "mode run", "evidence perf clock,/proc", "cores 4"]
    lines += ["process app 4127 python=3.13.0 exe=/usr/bin/python3.13 command=service.py exit=0"]
    lines += ["thread main app 4127 name=MainThread"]
    for i in range(functions):
        file = f"/srv/app/module_{i // 12}.py" if i % 3 else f"/usr/lib/python3.13/library_{i // 12}.py"
        lines.append(f"function f{i} {file} {10 + i % 12 * 40} as=Class{i // 6}.method_{i}")
    for i in range(stacks):
        frames = (draw.randrange(functions) for _ in range(draw.randrange(5, 26)))
        lines.append(f"stack s{i} f0:12 " + " ".join(f"f{f}:{12 + f % 12 * 40 + draw.randrange(30)}" for f in frames))
    states = ["python"] * 6 + ["native+gil", "io", "gil-wait", "kernel"]
    for _ in range(2):
        chosen = draw.sample(range(stacks), stacks * 2 // 3)
        weights = [draw.paretovariate(1.1) for _ in chosen]
        kinds = (
            f"{100 * weight / sum(weights):.5f}%{states[i % len(states)]}@s{i}"
            for weight, i in zip(weights, chosen, strict=True)
        )
        lines.append(f"during main {seconds // 2} " + " ".join(kinds) + " delay=0.01")
    lines += ["counter core_busy 0 0 0", f"counter core_busy 0 {seconds} {seconds * 10**9 * 9 // 10}"]
    lines += ["self rate_asked_hz 1000", "self rate_hz 1000", "self own_cpu_ns 12000000000"]
    return "\n".join(lines) + "\n"


def synthetic(folder: Path) -> dict[str, Any] | None:
    """600 000 samples: ten minutes at 1 kHz."""
    if not MAKE_RECORDING.exists():
        return None
    file = folder / "synthetic.kei"
    file.unlink(missing_ok=True)
    (folder / "synthetic.txt").write_text(description(600, 300, 900))
    subprocess.run([str(MAKE_RECORDING), str(folder / "synthetic.txt"), str(file)], check=True, capture_output=True)
    text = timed([KEISOKU, "report", str(file)], 7)
    as_json = timed([KEISOKU, "report", str(file), "--json"], 3)
    exports = {
        name: timed([KEISOKU, "export", str(file), "--format", name], 3)
        for name in ("collapsed", "speedscope", "pprof")
    }
    done = subprocess.run([KEISOKU, "report", str(file), "--json"], capture_output=True, text=True, check=True)
    return {
        "samples": json.loads(done.stdout)["trust"]["samples"],
        "bytes": file.stat().st_size,
        "report_s": text,
        "json_s": as_json,
        "exports_s": exports,
        "page_bytes": page_of(file, folder),
    }
