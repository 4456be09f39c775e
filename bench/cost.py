"""What being measured costs: paired, interleaved runs of a program that does a fixed amount of work; start-up; our own CPU."""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import slices
import stolen
from interpreters import Interpreter
from intervals import mean95, ratio
from peers import KEISOKU, TOOLS, Run, Tool, execute
from quiet import quiet, with_more

PROGRAM = Path(__file__).resolve().parent / "programs" / "steady.py"

COUNTED = ("stolen", "taken", "awake")  # over the quiet runs

WAKEUP = Path(KEISOKU).resolve().parent.parent / "bench" / "wakeup"
READ_FLOOR = WAKEUP.with_name("read_floor")


def wakeup_us() -> float:
    """CPU time of a thread that is waked on a busy core and reads nothing: what no sampler thread can go below."""
    return float(subprocess.run([WAKEUP], capture_output=True, text=True, check=True).stdout)


def read_floor_ns() -> float:
    """A remote read that does nothing else: what no reader from outside can go below."""
    return float(subprocess.run([READ_FLOOR], capture_output=True, text=True, check=True).stdout)


def program_says(run: Run) -> dict[str, Any]:
    lines = [line for line in run.out.splitlines() if line.startswith("{")]
    if not lines:
        raise RuntimeError(f"the program printed nothing: status {run.status}, {run.err[-500:]}")
    value: dict[str, Any] = json.loads(lines[-1])
    return value


def units_for(python: Interpreter, seconds: float, folder: Path, depth: int) -> int:
    """How much work takes that long here; the best of three, since the machine only ever makes it slower."""
    fastest = min(
        program_says(execute([python.path, str(PROGRAM), str(depth), "200"], folder / "x", folder))["wall_s"]
        for _ in range(3)
    )
    return max(1, int(200 * seconds / fastest))


def report_of(file: Path) -> dict[str, Any]:
    done = subprocess.run([KEISOKU, "report", str(file), "--json"], capture_output=True, text=True, check=True)
    value: dict[str, Any] = json.loads(done.stdout)
    return value


def run_once(tool: Tool, python: Interpreter, folder: Path, words: list[str]) -> Run:
    file = folder / "out"
    file.unlink(missing_ok=True)
    return execute(tool.words(python, file, words), file, folder)


def one(tool: Tool, python: Interpreter, folder: Path, depth: int, units: int) -> dict[str, float]:
    before = stolen.cores_ticks()
    run = run_once(tool, python, folder, [str(PROGRAM), str(depth), str(units)])
    file = run.file
    said = program_says(run)
    row = {"wall_s": said["wall_s"], "cpu_s": said["cpu_s"], "stolen": stolen.share_since(before)}
    row["tool_cpu_s"] = max(0.0, run.tree_cpu_s - said["process_cpu_s"])
    if tool.name != "bare":
        row["samples"] = sum(weight for _, _, weight in tool.stacks(file, PROGRAM))
        if tool.name.startswith("austin"):
            row["samples"] = 0  # its weights are times
    if tool.name.startswith("keisoku"):
        report = report_of(file)
        trust, duration = report["trust"], report["recording"]["duration_s"]
        row["taken"] = trust["core_time_taken_s"] / duration
        row["awake"] = trust["core_time_awake_s"] / duration
        row["own_cpu"] = trust["own_cpu_s"] / duration
        row["samples"] = trust["samples"]
        row["dropped"] = trust["dropped"]
        row["late"] = trust["late"]
        row["rate_hz"] = trust["rate_hz"]
    return row


def measure(
    python: Interpreter, names: list[str], folder: Path, rounds: int, seconds: float, depth: int
) -> dict[str, Any]:
    """Every tool and the bare program once a round, in an order drawn anew; each ratio is of one round."""
    units = units_for(python, seconds, folder, depth)
    chosen = [TOOLS[name] for name in ["bare", *names] if TOOLS[name].versions(python.minor)]
    order = random.Random(1)
    rows: list[dict[str, dict[str, float]]] = []
    floor: list[float] = []
    failed: dict[str, str] = {}
    for _ in range(rounds):
        row: dict[str, dict[str, float]] = {}
        floor.append(wakeup_us())
        for tool in order.sample(chosen, len(chosen)):
            if tool.name in failed:
                continue
            try:
                row[tool.name] = one(tool, python, folder, depth, units)
            except (RuntimeError, OSError, ValueError) as error:
                failed[tool.name] = str(error)
        rows.append(row)
    result: dict[str, Any] = {"python": python.version, "depth": depth, "rounds": rounds, "tools": {}, "failed": failed}
    result["wakeup_us"] = statistics.fmean(floor)
    result["bare_wall_s"] = statistics.median(row["bare"]["wall_s"] for row in rows)
    for tool in chosen[1:]:
        both = [row for row in rows if tool.name in row]
        if len(both) < 2 or tool.name in failed:
            continue
        cells = [row[tool.name] for row in both]
        counted = cells
        if "taken" in cells[0]:  # what keisoku counts itself needs no bare run beside it
            counted = with_more(cells, partial(one, tool, python, folder, depth, units))
        result["tools"][tool.name] = {
            "wall": ratio([(row[tool.name]["wall_s"], row["bare"]["wall_s"]) for row in both]),
            "cpu": ratio([(row[tool.name]["cpu_s"], row["bare"]["cpu_s"]) for row in both]),
            # The bare run has start-up CPU that process_time leaves out: subtracted.
            "tool_cpu": mean95(
                [
                    max(0.0, row[tool.name]["tool_cpu_s"] - row["bare"]["tool_cpu_s"]) / row[tool.name]["wall_s"]
                    for row in both
                ]
            ),
            "samples_hz": statistics.fmean(cell.get("samples", 0) / cell["wall_s"] for cell in cells),
            **{
                key: statistics.fmean(cell[key] for cell in (quiet(counted) if key in COUNTED else cells))
                for key in (*COUNTED, "own_cpu", "dropped", "late", "rate_hz", "samples")
                if key in cells[0]
            },
        }
    return result


def sliced(
    name: str, python: Interpreter, folder: Path, seconds: float, depth: int, threads: int = 1
) -> dict[str, Any] | None:
    """None, and it is said why: it failed, and the rest goes on."""
    try:
        return slices.measure(TOOLS[name], python, folder, seconds, depth, threads)
    except (RuntimeError, OSError, ValueError, subprocess.SubprocessError) as error:
        print(f"bench: slices of {name}, {threads} threads, depth {depth}: {error}", file=sys.stderr)
        return None


def by_slices(python: Interpreter, names: list[str], folder: Path, seconds: float) -> dict[str, dict[str, Any]]:
    """One thread at depth 20."""
    rows = {name: sliced(name, python, folder, seconds, 20) for name in names}
    return {name: row for name, row in rows.items() if row}


def by_threads(python: Interpreter, folder: Path, seconds: float) -> list[dict[str, Any]]:
    """1, 8 and 64 threads that share one GIL, at depth 20 and 200, 1 kHz asked for."""
    shapes = [(threads, depth) for threads in (1, 8, 64) for depth in (20, 200)]
    rows = [sliced("keisoku 1 kHz", python, folder, seconds, depth, threads) for threads, depth in shapes]
    return [row for row in rows if row]


def startup(python: Interpreter, folder: Path, rounds: int) -> dict[str, Any]:
    """A program that ends at once, under `keisoku run` and bare, taken in turn."""
    commands = {
        "python": [python.path, "-c", "pass"],
        "keisoku run": [KEISOKU, "run", "-q", "--no-html", "-o", "out", python.path, "-c", "pass"],
        "keisoku --version": [KEISOKU, "--version"],
        "./keisoku --version": [str(Path(__file__).resolve().parent.parent / "keisoku"), "--version"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, words in commands.items():
            for old in folder.glob("out*"):
                old.unlink()
            times[name].append(execute(words, folder / "out", folder).wall_s)
    return {name: statistics.median(values) for name, values in times.items()}
