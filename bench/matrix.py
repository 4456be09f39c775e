"""Every tool at every number of threads and depth: what it reaches, what is wrong in it, what it costs, what it weighs.

Also `dump` beside the peers', a thousand threads, the highest rate, ten million samples (`ends`), and the cells in which
we are compared with the sampler of the 3.15 standard library (`beside_sampler`).
"""

from __future__ import annotations

import os
import re
import sqlite3
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

from cells import NOTHING
from cost import program_says, read_floor_ns, report_of, wakeup_us
from interpreters import Interpreter
from oracle import Stack, bare
from peers import BIN, KEISOKU, TOOLS, Run, Tool, execute
from sizes import MAKE_RECORDING, description

PROGRAM = Path(__file__).resolve().parent / "programs" / "matrix.py"
TOOLS_SHOWN = [
    "keisoku 1 kHz",
    "py-spy 1 kHz",
    "py-spy 1 kHz, not stopping",
    "austin 1 kHz",
    "3.15's sampler 1 kHz",
    "pyinstrument 1 ms",
    "scalene",
]
CHAIN = re.compile(r"(<module> )?(main )?((down )+(both (heavy (heavy_leaf )?|light (light_leaf )?)?)?)?")


def impossible(stack: Stack) -> bool:
    own = [bare(name) for name, file, _ in stack if file.endswith(PROGRAM.name)]
    return CHAIN.fullmatch("".join(name + " " for name in own)) is None


def judge(tool: Tool, file: Path) -> dict[str, float]:
    """Weight of all stacks, of the impossible ones, and how far the share of `heavy` is from three quarters, in points."""
    seen = wrong = heavy = light = 0.0
    for _, stack, weight in tool.stacks(file, PROGRAM):
        seen += weight
        wrong += weight * impossible(stack)
        names = {bare(name) for name, _, _ in stack}
        heavy += weight * ("heavy" in names)
        light += weight * ("light" in names)
    row = {"seen": seen, "impossible": wrong}
    if heavy + light:
        row["share_error"] = 100 * (heavy / (heavy + light) - 0.75)
    return row


def run(tool: Tool, python: Interpreter, folder: Path, words: list[str]) -> tuple[Run, dict[str, Any]]:
    file = folder / "out"
    file.unlink(missing_ok=True)
    done = execute(tool.words(python, file, words), file, folder, timeout_s=60)
    return done, program_says(done)


def cell(
    tool: Tool,
    python: Interpreter,
    folder: Path,
    words: list[str],
    threads: int,
    bare_run: Run,
    bare_said: dict[str, Any],
) -> dict[str, Any]:
    done, said = run(tool, python, folder, words)
    judged = judge(tool, done.file) if done.file.exists() else {"seen": 0.0, "impossible": 0.0}
    # Austin's weights are microseconds of each thread, pyinstrument's are its own samples.
    samples = judged["seen"] / (1000 if tool.name.startswith("austin") else 1)
    seconds = said["wall_s"]
    row: dict[str, Any] = {
        "tool": tool.name,
        "samples_hz": samples / seconds,
        "sweeps_hz": samples / seconds / (threads if not tool.name.startswith(("pyinstrument", "scalene")) else 1),
        "impossible": judged["impossible"] / judged["seen"] if judged["seen"] else 0.0,
        "share_error": judged.get("share_error"),
        "cpu_us": 1e6 * max(0.0, done.tree_cpu_s - bare_run.tree_cpu_s) / samples if samples else None,
        "slowdown": said["wall_s"] / bare_said["wall_s"],
        "target_cpu": said["process_cpu_s"] / bare_said["process_cpu_s"],
        "bytes": done.file.stat().st_size if done.file.exists() else 0,
    }
    if tool.name.startswith("keisoku"):
        trust = report_of(done.file)["trust"]
        row["own_cpu_us"] = 1e6 * trust["own_cpu_s"] / max(1, trust["samples"])
        row["sweeps_hz"] = trust["rate_hz"]
    return row


def table(
    python: Interpreter,
    folder: Path,
    seconds: float,
    threads: list[int],
    depths: list[int],
) -> list[dict[str, Any]]:
    chosen = [TOOLS[name] for name in TOOLS_SHOWN if TOOLS[name].versions(python.minor)]
    rows = []
    _, said = run(TOOLS["bare"], python, folder, ["%s" % PROGRAM, "1", "20", "500"])
    units = max(64, int(500 * seconds / said["wall_s"]))
    for count in threads:
        for depth in depths:
            words = [str(PROGRAM), str(count), str(depth), str(units)]
            bare_run, bare_said = run(TOOLS["bare"], python, folder, words)
            for tool in chosen:
                about = {"python": python.version, "threads": count, "depth": depth}
                try:
                    rows.append({**about, **cell(tool, python, folder, words, count, bare_run, bare_said)})
                except (RuntimeError, OSError, ValueError, subprocess.SubprocessError) as error:
                    rows.append({**about, "tool": tool.name, "failed": str(error).replace("\n", " ")[:100]})
    return rows


# ---- dump ------------------------------------------------------------------------------------------------------------

PARKED = PROGRAM.with_name("parked.py")


def one_dump(words: list[str]) -> tuple[float, float]:
    """Wall and CPU time of a command that must say something and end well; started as a shell does, which takes half a
    millisecond less than `subprocess`."""
    end, out = os.pipe()
    null = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 2)]
    start = time.perf_counter()
    pid = os.posix_spawn(words[0], words, os.environ, file_actions=[*null, (os.POSIX_SPAWN_DUP2, out, 1)])
    os.close(out)
    with open(end, "rb") as pipe:
        said = pipe.read()
    _, status, usage = os.wait4(pid, 0)
    took_s = time.perf_counter() - start
    if status != 0 or not said:
        raise RuntimeError(f"{words[0]}: status {os.waitstatus_to_exitcode(status)}")
    return took_s, usage.ru_utime + usage.ru_stime


def dumps(python: Interpreter, folder: Path, repeats: int) -> list[dict[str, Any]]:
    """The time of each tool's command that prints all stacks, one after the other, over and over: medians."""
    rows = []
    for threads in (1, 64):
        target = subprocess.Popen([python.path, str(PARKED), str(threads)], stdout=subprocess.PIPE, text=True)
        try:
            assert target.stdout is not None
            target.stdout.readline()
            time.sleep(0.2)
            commands = {"keisoku dump": [KEISOKU, "dump", str(target.pid)], NOTHING: ["/bin/echo"]}
            if python.minor <= (3, 14):
                commands["py-spy dump"] = [str(BIN / "py-spy"), "dump", "--pid", str(target.pid)]
            if (3, 9) <= python.minor <= (3, 13):
                commands["austin -w"] = [str(BIN / "austin"), "-w", str(target.pid)]
            took: dict[str, list[float]] = {name: [] for name in commands}
            cpu: dict[str, list[float]] = {name: [] for name in commands}
            for _ in range(repeats):
                for name, words in commands.items():
                    wall_s, cpu_s = one_dump(words)
                    took[name].append(wall_s)
                    cpu[name].append(cpu_s)
            for name in commands:
                rows.append(
                    {
                        "python": python.version,
                        "threads": threads,
                        "tool": name,
                        "ms": 1000 * statistics.median(took[name]),
                        "cpu_ms": 1000 * statistics.median(cpu[name]),
                    }
                )
        finally:
            target.kill()
            target.communicate()
    return rows


# ---- far ends ----------------------------------------------------------------------------------------------------------

MANY = """
import sys, threading, time
def work(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end: pass
def live(kind, first):
    end = time.monotonic() + float(sys.argv[2])
    while time.monotonic() < end:
        if kind == "some work" and first: work(0.01)
        else:
            time.sleep(0.5)
            if kind == "all in turns": work(0.0002)
def down(n, *what):
    if n: return down(n - 1, *what)
    live(*what)
threads = [threading.Thread(target=down, args=(14, sys.argv[3], i < 2)) for i in range(int(sys.argv[1]))]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""


def sweeps(file: Path) -> tuple[int, int]:
    """Those that were, and those planned: distances between them are random, so that at 100 Hz a rate says less."""
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as recording:
        told = dict(recording.execute("SELECT key, value FROM self WHERE key LIKE 'sweeps%'"))
    return int(told["sweeps"]), int(told["sweeps_planned"])


def thousand(python: Interpreter, folder: Path, seconds: float) -> list[dict[str, Any]]:
    """A thousand threads at 100 Hz, that all sleep, as in servers; two that work besides; all that work now and then."""
    rows = []
    for kind in ("asleep", "some work", "all in turns"):
        for reader in ("core", "kernel"):
            file = folder / "thousand.kei"
            file.unlink(missing_ok=True)
            words = [KEISOKU, "run", "-q", "--rate", "100", "--reader", reader, "--no-html", "-o", str(file)]
            done = execute([*words, python.path, "-c", MANY, "1000", str(seconds), kind], file, folder)
            if done.status != 0 or not file.exists():  # the kernel sampler is not permitted everywhere
                continue
            report = report_of(file)
            trust, duration = report["trust"], report["recording"]["duration_s"]
            were, planned = sweeps(file)
            rows.append(
                {
                    "python": python.version,
                    "kind": kind,
                    "reader": reader,
                    "rate_hz": trust["rate_hz"],
                    "missed": max(0.0, 1 - were / max(1, planned)),
                    "late": trust["late"] / max(1, were),
                    "own_cpu": trust["own_cpu_s"] / duration,
                    "lost": trust["lost"],
                    "threads": len(report["states"]["threads"]),
                }
            )
    return rows


# Exact, in an interrupt on the target's own core; exact, by a thread of ours that wakes there; from another core.
RATES = [
    ("kernel", 10000),
    ("kernel", 50000),
    ("core", 1000),
    ("core", 10000),
    ("core", 50000),
    ("free", 10000),
    ("free", 100000),
]


def rates(python: Interpreter, folder: Path, seconds: float) -> list[dict[str, Any]]:
    """One thread at depth 20: what each reader reaches of what is asked, beside wake-ups that read nothing."""
    _, said = run(TOOLS["bare"], python, folder, [str(PROGRAM), "1", "20", "500"])
    units = int(500 * seconds / said["wall_s"])
    rows = []
    for reader, asked in RATES:
        file = folder / "rate.kei"
        file.unlink(missing_ok=True)
        words = [KEISOKU, "run", "-q", "--reader", reader, "--rate", str(asked), "--no-html", "-o", str(file)]
        done = execute([*words, python.path, str(PROGRAM), "1", "20", str(units)], file, folder)
        if done.status != 0 or not file.exists():  # the kernel sampler is not permitted everywhere
            continue
        trust = report_of(file)["trust"]
        judged = judge(TOOLS["keisoku"], file)
        floors = {"core": lambda: 1e6 / wakeup_us(), "free": lambda: 1e9 / read_floor_ns()}
        rows.append(
            {
                "python": python.version,
                "reader": reader,
                "floor_hz": floors[reader]() if reader in floors else None,
                "impossible": judged["impossible"],
                "seen": judged["seen"],
                "asked_hz": asked,
                "rate_hz": trust["rate_hz"],
                "dropped": trust["dropped"] / max(1, trust["samples"] + trust["dropped"]),
                "own_cpu_us": 1e6 * trust["own_cpu_s"] / max(1, trust["samples"]),
                "slowdown": program_says(done)["wall_s"] / (said["wall_s"] * units / 500),
                "bytes_a_sample": file.stat().st_size / max(1, trust["samples"]),
            }
        )
    return rows


def ten_million(folder: Path, seconds: int) -> dict[str, Any] | None:
    """A recording of a thousand samples for each of so many seconds, reported: time and memory."""
    if not MAKE_RECORDING.exists():
        return None
    file = folder / "big.kei"
    (folder / "big.txt").write_text(description(seconds, 300, 900))
    subprocess.run([str(MAKE_RECORDING), str(folder / "big.txt"), str(file)], check=True, capture_output=True)
    took, peak = [], 0
    for _ in range(3):
        start = time.perf_counter()
        process = subprocess.Popen([KEISOKU, "report", str(file)], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        took.append(time.perf_counter() - start)
        peak = max(peak, usage.ru_maxrss * 1024)
        if process.returncode:
            raise RuntimeError(f"report ended with status {process.returncode}")
    bytes_all = file.stat().st_size
    file.unlink()
    return {"samples": seconds * 1000, "report_s": statistics.median(took), "peak_bytes": peak, "bytes": bytes_all}


def measure(
    pythons: list[Interpreter], others: list[Interpreter], folder: Path, quick: bool, say: Any
) -> dict[str, Any]:
    result: dict[str, Any] = {"table": []}
    threads, depths = ([1, 8], [20]) if quick else ([1, 8, 64], [1, 20, 200])
    for python in pythons:
        say(f"matrix on {python.version}")
        result["table"] += table(python, folder, 0.6 if quick else 1.0, threads, depths)
    for python in others:
        say(f"one cell on {python.version}")
        result["table"] += table(python, folder, 1.0, [1], [20])
    return result


def ends(pythons: list[Interpreter], folder: Path, quick: bool, say: Any) -> dict[str, Any]:
    result: dict[str, Any] = {"dumps": [], "rates": []}
    for python in pythons:
        say(f"dump and rates on {python.version}")
        result["dumps"] += dumps(python, folder, 5 if quick else 15)
        result["rates"] += rates(python, folder, 1.0 if quick else 3.0)
    say("a thousand threads, ten million samples")
    result["thousand"] = thousand(pythons[0], folder, 3 if quick else 6)
    result["big"] = ten_million(folder, 600 if quick else 10000)
    return result


# ---- beside the standard library's sampler -----------------------------------------------------------------------------


def of_the_tool(tool: Tool, python: Interpreter, folder: Path, words: list[str]) -> tuple[float, float]:
    """CPU time of the tool alone, by what the program says of itself, and its samples."""
    done, said = run(tool, python, folder, words)
    return done.tree_cpu_s - said["process_cpu_s"], judge(tool, done.file)["seen"]


def beside_sampler(python: Interpreter, folder: Path, quick: bool) -> dict[str, Any]:
    """The two tools that are compared on 3.15 where both reach the rate, in a short and in a long run: what the longer
    one adds has no start-up in it."""
    short_s, long_s = (0.5, 2.0) if quick else (2.0, 20.0)
    _, said = run(TOOLS["bare"], python, folder, [str(PROGRAM), "1", "20", "500"])
    rows = []
    for threads in (1,) if quick else (1, 8):
        for depth in (20,) if quick else (20, 200):
            for tool in (TOOLS["keisoku 1 kHz"], TOOLS["3.15's sampler 1 kHz"]):
                (short_cpu_s, few), (cpu_s, samples) = (
                    of_the_tool(
                        tool,
                        python,
                        folder,
                        [str(PROGRAM), str(threads), str(depth), str(int(500 * seconds / said["wall_s"]))],
                    )
                    for seconds in (short_s, long_s)
                )
                rows.append(
                    {
                        "python": python.version,
                        "threads": threads,
                        "depth": depth,
                        "tool": tool.name,
                        "seconds": long_s,
                        "samples": samples,
                        "whole_us": 1e6 * cpu_s / samples,
                        "steady_us": 1e6 * (cpu_s - short_cpu_s) / (samples - few),
                    }
                )
    return {"beside": rows}
