"""How true the stacks and shares are: truth programs (tests/truth) under keisoku on every interpreter, and under its peers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cost import report_of
from interpreters import Interpreter
from intervals import mean95
from oracle import PROGRAMS, Oracle, Stack, bare
from peers import TOOLS, Tool, execute
from recording import Recording

# program, arguments after the seconds, depth
STACK_PROGRAMS = [
    ("alternate", [], 0),
    ("recursion", [], 0),
    ("generators", [], 0),
    ("awaits", [], 0),
    ("deep", ["20"], 20),
    ("deep", ["500"], 500),
    ("many_threads", ["64"], 0),
    ("reuse", [], 0),
]
FAST = ["kernel, 50 kHz", "kernel, max", "core, max", "free, 100 kHz"]
PEER_PROGRAMS = [row for row in STACK_PROGRAMS if row[0] in ("alternate", "recursion", "generators", "reuse")]


def stacks(
    tool: Tool, python: Interpreter, folder: Path, name: str, more: list[str], depth: int, seconds: float
) -> dict[str, Any]:
    """Weight of all stacks, of the impossible ones, and one reason."""
    program = PROGRAMS / f"{name}.py"
    truth = Oracle(program, depth=depth or 20)
    file = folder / "out"
    file.unlink(missing_ok=True)
    words = tool.words(python, file, [str(program), str(seconds), *more])
    run = execute(words, file, folder, environment=python.environment)
    row: dict[str, Any] = {
        "program": name + (f" {depth}" if depth else ""),
        "tool": tool.name,
        "python": python.version,
        "status": run.status,
        "seen": 0.0,
        "impossible": 0.0,
        "reason": "",
    }
    if not file.exists():
        row["reason"] = "no profile: " + (run.err.strip().splitlines() or ["no reason given"])[-1][:200]
        return row
    if (
        tool.name.startswith("keisoku") or tool.name in FAST
    ) and run.status != 0:  # its own: the program is not for that version
        row["reason"] = f"the program ended with status {run.status}"
        return row
    for thread, stack, weight in tool.stacks(file, program):
        row["seen"] += weight
        reason = truth.impossible(stack, thread)
        if reason:
            row["impossible"] += weight
            row["reason"] = reason
    if tool.name.startswith("keisoku") or tool.name in FAST:
        trust = report_of(file)["trust"]
        row["rate_hz"] = trust["rate_hz"]
        row["dropped"] = trust["dropped"]
        row["tried"] = trust["samples"] + trust["dropped"]
        row["lost"], row["proved_by"] = trust["lost"], trust["proved_by"]  # why, and what read the others
    return row


def on_core(tool: Tool, file: Path, program: Path) -> Iterator[tuple[Stack, float]]:
    """Stacks with their weight, without those that wait for a core where that is told: the program's own clock leaves
    them out too, and they come in bunches."""
    if tool.name.startswith("keisoku"):
        yield from ((one.stack, one.ticks) for one in Recording(file) if one.stack and one.state != "runnable")
    else:
        yield from ((stack, weight) for _, stack, weight in tool.stacks(file, program))


def shares(tool: Tool, python: Interpreter, folder: Path, runs: int, seconds: float) -> dict[str, Any]:
    """The error of each function's share over runs, in points, and how many sigma the worst one was off."""
    program = PROGRAMS / "shares.py"
    errors: dict[str, list[float]] = {}
    worst = 0.0
    seen = 0.0
    for _ in range(runs):
        file = folder / "out"
        file.unlink(missing_ok=True)
        run = execute(tool.words(python, file, [str(program), str(seconds)]), file, folder)
        lines = [line for line in run.out.splitlines() if line.startswith("{")]
        if not lines or not file.exists():
            return {"tool": tool.name, "python": python.version, "failed": run.err[-200:] or f"status {run.status}"}
        truth = json.loads(lines[-1])["shares"]
        own = dict.fromkeys(truth, 0.0)
        for stack, weight in on_core(tool, file, program):
            if bare(stack[-1][0]) in own:
                own[bare(stack[-1][0])] += weight
        total = sum(own.values())
        if not total:
            return {"tool": tool.name, "python": python.version, "failed": "none of the functions is in its output"}
        # Austin's weights are microseconds: about one sample each thousand.
        samples = total / 1000 if tool.name.startswith("austin") else total
        seen += samples
        for name, share in truth.items():
            error = own[name] / total - share
            errors.setdefault(name, []).append(error * 100)
            worst = max(worst, abs(error) / math.sqrt(share * (1 - share) / samples))
    return {
        "tool": tool.name,
        "python": python.version,
        "runs": runs,
        "samples": seen / runs,
        "worst_sigma": worst,
        "bias": {name: mean95(values) if runs > 1 else (values[0], math.inf) for name, values in errors.items()},
    }


def short_functions(tool: Tool, python: Interpreter, folder: Path, runs: int, seconds: float) -> dict[str, Any]:
    """tiny_a : tiny_b is called 3 : 1, 20 ns each: the share of tiny_a among both must be 75 %."""
    program = PROGRAMS / "short.py"
    a = b = 0.0
    for _ in range(runs):
        file = folder / "out"
        file.unlink(missing_ok=True)
        execute(tool.words(python, file, [str(program), str(seconds)]), file, folder)
        for _, stack, weight in tool.stacks(file, program) if file.exists() else ():
            a += weight * (bare(stack[-1][0]) == "tiny_a")
            b += weight * (bare(stack[-1][0]) == "tiny_b")
    samples = (a + b) / (1000 if tool.name.startswith("austin") else 1)
    if not samples:
        return {"tool": tool.name, "python": python.version, "samples": 0}
    return {
        "tool": tool.name,
        "python": python.version,
        "samples": samples,
        "share": a / (a + b),
        "sigma": math.sqrt(0.75 * 0.25 / samples),
    }


def is_peer(tool: Tool) -> bool:
    left_out = ("bare", "py-spy 100 Hz", "pyinstrument 1 ms", "scalene", *FAST)
    return tool.name not in left_out and not tool.name.startswith("keisoku")


def chosen(pythons: list[Interpreter]) -> list[Interpreter]:
    """Those that peers and higher rates are measured on."""
    return [python for python in pythons if python.name in ("3.11", "3.13", "3.15")]


def measure_stacks(pythons: list[Interpreter], folder: Path, seconds: float, say: Any) -> dict[str, Any]:
    result: dict[str, Any] = {"stacks": [], "fast": []}
    for python in pythons:
        for name, more, depth in STACK_PROGRAMS:
            row = stacks(TOOLS["keisoku 1 kHz"], python, folder, name, more, depth, seconds)
            result["stacks"].append(row)
        say(f"stacks of keisoku on {python.version}")
    for python in chosen(pythons):
        for tool_name in FAST:
            for name, more, depth in PEER_PROGRAMS:
                result["fast"].append(stacks(TOOLS[tool_name], python, folder, name, more, depth, seconds))
        say(f"stacks of keisoku at higher rates on {python.version}")
        for tool in filter(is_peer, TOOLS.values()):
            if tool.versions(python.minor):
                for name, more, depth in PEER_PROGRAMS:
                    result["stacks"].append(stacks(tool, python, folder, name, more, depth, seconds))
        say(f"stacks of peers on {python.version}")
    return result


def measure_shares(
    pythons: list[Interpreter], folder: Path, runs: int, seconds: float, peer_runs: int, say: Any
) -> dict[str, Any]:
    """`seconds` is of our own runs: sampling at 1 kHz by itself moves a mean of 20 by 0.2 points in 3 s, by 0.1 in 10."""
    result: dict[str, Any] = {"shares": [], "short": []}
    own = TOOLS["keisoku 1 kHz"]
    for python in chosen(pythons):
        result["shares"].append(shares(own, python, folder, runs, seconds))
        result["short"].append(short_functions(own, python, folder, peer_runs, 3))
        say(f"shares of keisoku on {python.version}")
        for tool in filter(is_peer, TOOLS.values()):
            if tool.versions(python.minor):
                result["shares"].append(shares(tool, python, folder, peer_runs, 3))
        say(f"shares of peers on {python.version}")
    return result
