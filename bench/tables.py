"""Writes what was measured: one table for the terminal, docs/benchmarks.md and docs/accuracy.md."""

from __future__ import annotations

import math
from typing import Any

from bars import bars
from cells import dropped_share, interval, markdown, points
from ledgers import TITLES
from quiet import QUIET


def inside_section(inside: list[dict[str, Any]]) -> str:
    rows = [
        [row["python"], kind, way, interval(found["bare"]), f"{found['added']:.2f}"]
        + [f"{found['ns']:.0f} ns" if "ns" in found else "–"]
        for row in inside
        for kind in ("calls", "allocations")
        for way, found in row[kind].items()
        if isinstance(found, dict)
    ]
    return (
        "\n## What counting in the program costs\n\n"
        "Small functions called, and small objects made, as fast as the interpreter can: bare, measured (`run`), with the "
        "option, and under what Python brings for it, once a round in an order by chance. CPU time of the program; what is "
        "added stands as a part of what cProfile and tracemalloc add.\n\n"
        + markdown(["Python", "of", "way", "by bare", "added, by Python's own", "a call"], rows)
    )


def evidence_section(evidence: dict[str, Any]) -> str:
    rows = [
        ["CPU time of the program, by without", interval(evidence["cpu"])],
        ["its wall time, by without", interval(evidence["wall"])],
        ["our own CPU, of a core, more than without", points(evidence["own_cpu"])],
        ["core time taken, more than without", points(evidence["taken"])],
        ["core time taken, with and without", f"{evidence['taken_with']:.2%}, {evidence['taken_without']:.2%}"],
        ["our own CPU, with and without", f"{evidence['own_with']:.2%}, {evidence['own_without']:.2%}"],
        ["looks a second", f"{evidence['looks_hz']:.0f}"],
    ]
    return (
        "\n## What looking at operands costs\n\n"
        f"A program whose hot lines search, extend and index, CPython {evidence['python']}, {evidence['rounds']} rounds of "
        f"{evidence['wall_s']:.1f} s: bare, at 1 kHz from its own core, and so with `--no-operands`, once a round in an "
        "order drawn anew; means over the rounds with their 95 % intervals.\n\n" + markdown(["what", "measured"], rows)
    )


def matrix_section(data: dict[str, Any]) -> str:
    head = [
        "threads",
        "depth",
        "tool",
        "sweeps/s",
        "missed",
        "impossible",
        "share error",
        "CPU a sample",
        "target's CPU",
        "wall",
        "output",
    ]
    text = (
        "\n## Threads and depths\n\nOne program, three quarters of its work in one function and one in another, at 1 kHz "
        "(Scalene: its own 100 Hz), one run a cell. *Sweeps/s*: samples of all threads, divided by the threads (the peers "
        "that run inside see fewer threads; theirs is not divided). *Missed*: of the thousand asked for. *Share error*: "
        "points off three quarters. *CPU a sample*: of the whole tree beyond the bare program's, start-up included, which "
        "tells more about a second's run than about a long one's. *Target's CPU* and *wall*: of the bare run's.\n"
    )
    for python in dict.fromkeys(row["python"] for row in data["table"]):
        rows = []
        for row in (row for row in data["table"] if row["python"] == python):
            start = [str(row["threads"]), str(row["depth"]), row["tool"]]
            if "failed" in row or not row["samples_hz"]:
                why = row.get("failed", "no profile").replace("|", " ")[:60]
                rows.append([*start, why, *[""] * 7])
                continue
            missed = "–" if row["tool"] == "scalene" else f"{100 * max(0.0, 1 - row['sweeps_hz'] / 1000):.0f} %"
            error = "–" if row["share_error"] is None else f"{row['share_error']:+.1f}"
            cells = [
                f"{row['sweeps_hz']:.0f}",
                missed,
                f"{100 * row['impossible']:.2f} %",
                error,
                f"{row['cpu_us']:.0f} µs",
            ]
            cells += [f"{row['target_cpu']:.2f}", f"{row['slowdown']:.2f}", f"{row['bytes'] / 1000:.0f} kB"]
            rows.append([*start, *cells])
        text += f"\n### CPython {python}\n\n" + markdown(head, rows)
    return text


def ends_section(data: dict[str, Any]) -> str:
    rows = [
        [row["python"], str(row["threads"]), row["tool"], f"{row['ms']:.1f} ms", f"{row['cpu_ms']:.1f} ms"]
        for row in data["dumps"]
    ]
    text = "\n## All stacks once\n\n" + markdown(["CPython", "threads", "command", "wall", "CPU"], rows)
    rows = [
        [
            row["python"],
            row.get("reader", "auto"),
            f"{row['asked_hz']} Hz",
            f"{row['rate_hz']:.0f} Hz",
            f"{100 * row['dropped']:.2f} %",
            f"{row['own_cpu_us']:.1f} µs",
            f"{row['slowdown']:.2f}",
            f"{row['bytes_a_sample']:.1f}",
        ]
        for row in data["rates"]
    ]
    head = ["CPython", "reader", "asked for", "reached", "dropped", "own CPU a sample", "wall", "bytes a sample"]
    return text + "\n## Rates, one thread, depth 20\n\n" + markdown(head, rows)


def conditions(result: dict[str, Any], *parts: str) -> str:
    about = result["conditions"]
    stolen = {part: about["stolen"][part] for part in parts if part in about["stolen"]}
    shown = ", ".join(f"{100 * share:.1f} % ({part})" for part, share in stolen.items())
    busy = [part for part, share in stolen.items() if share > QUIET]
    some = "" if len(busy) == len(stolen) else f" during {', '.join(busy)}"
    return (
        f"Measured on {about['date']} with `make bench` on keisoku {about['version']}: {about['cores']} cores "
        f"({about['cpu']}), Linux {about['kernel']}; share of the cores that other machines of the host took during each "
        f"part: {shown}. "
        + (
            f"**The machine was not quiet{some}**: wall ratios are then wider, wake-ups and interrupts cost more, and "
            "rates asked for are not reached. "
            if busy
            else "It was quiet. "
        )
        + "Peers: "
        + ", ".join(about["peers"])
        + ".\n"
    )


def sliced_count(costs: list[dict[str, Any]]) -> str:
    counts = [one["slices"] for cost in costs for one in cost.get("slices", {}).values()]
    return f"{min(counts)} to {max(counts)}" if counts else "none"


def cost_section(cost: dict[str, Any]) -> str:
    rows = []
    for name, row in cost["tools"].items():
        samples = f"{row['samples_hz']:.0f}" if row["samples_hz"] else "–"
        rows.append(
            [
                name,
                interval(row["wall"]),
                interval(row["cpu"]),
                f"{row['tool_cpu'][0] * 100:.1f} %",
                samples,
                f"{row['taken'] * 100:.2f} %" if "taken" in row else "–",
            ]
        )
    for name, why in cost["failed"].items():
        rows.append([name, "failed", why.replace("|", " ").replace("\n", " ")[:80], "", "", ""])
    head = ["tool", "wall ratio", "CPU ratio", "CPU of the tool", "samples/s", "core time taken"]
    return (
        f"### CPython {cost['python']}, one thread, depth {cost['depth']}, {cost['rounds']} rounds of "
        f"{cost['bare_wall_s']:.1f} s\n\n" + markdown(head, rows)
    )


def ledger(rows: list[dict[str, Any]]) -> str:
    """What each state's share is off, phase by phase, interpreter by interpreter."""
    pythons = sorted({row["python"] for row in rows}, key=lambda name: [int(part) for part in name.split(".")])
    states = dict.fromkeys((row["phase"], state) for row in rows for state, *_ in row["states"])
    cells = {
        (row["phase"], state, row["python"]): (f"{100 * (share - truth):+.1f}", half)
        for row in rows
        for state, truth, share, half in row["states"]
    }
    table = []
    for phase, state in states:
        halves = [half for (name, of, _), (_, half) in cells.items() if (name, of) == (phase, state)]
        width = f"{100 * sum(halves) / len(halves):.1f}"
        shown = [cells.get((phase, state, python), ("–", 0))[0] for python in pythons]
        table.append([TITLES[phase], state, *shown, width])
    text = markdown(["program", "state", *pythons, "±"], table)
    reasons = dict.fromkeys((row["phase"], row["python"], row["reason"]) for row in rows if row["reason"])
    return text + "".join(f"\n- {TITLES[phase]}, {python}: {reason}" for phase, python, reason in reasons) + "\n"


def ledger_section(rows: list[dict[str, Any]]) -> str:
    return (
        "\n## States\n\n`ledger.py` has a thread that times itself what it does: its waits by its own clock, its CPU "
        "time and run delay by the scheduler's counters. Given is keisoku's share less the thread's own, in points of "
        "the thread's time, or of its CPU time where the program is one of the last four; read from its own core at "
        "1 kHz, one run a cell. The last column is the half width of the 95 % interval that the report gives with it, "
        "on the average; 0 is counted, not sampled.\n\n" + ledger(rows)
    )


def agree(rows: list[dict[str, Any]]) -> str:
    """Program by program, function by function: the share by each reader, bare, and beside the bounds by clocks."""

    def share(run: dict[str, Any], name: str) -> str:
        part = run["shares"].get(name, 0.0)
        return f"{100 * part:.1f} ± {196 * math.sqrt(part * (1 - part) / run['samples']) * run['spread']:.1f}"

    text = ""
    for row in rows:
        names = list(dict.fromkeys(name for name, *_ in [*row["readers"], *row["clocks"]]))
        first: dict[str, float] = next(iter(row["bare"].values()), {"shares": {}})["shares"]
        table = []
        for name in sorted(names, key=lambda name: -first.get(name, 0.0)):
            cells = [share(run, name) for run in row["bare"].values()]
            for run in row["timed"].values():
                cells += [
                    share(run, name),
                    f"{100 * run['low'].get(name, 0):.1f} – {100 * run['high'].get(name, 0):.1f}",
                ]
            table.append([f"`{name}`", *cells])
        head = ["function", *row["bare"], *(cell for reader in row["timed"] for cell in (f"timed, {reader}", "clocks"))]
        samples = [
            f"{run['samples']} samples by {reader}, whose rounds differ {run['spread']:.1f} times as much as by chance"
            for reader, run in row["bare"].items()
        ]
        text += f"\n### {row['program']}, CPython {row['python']}\n\n{'; '.join(samples)}\n\n" + markdown(head, table)
        text += "".join(f"\n- {reader}: {why}\n" for reader, why in row["refused"].items())
    return text


def agree_section(rows: list[dict[str, Any]]) -> str:
    return (
        "\n## Shares by every reader\n\nPrograms of pyperformance: the share, in per cent, that each function above 2 % has "
        "of the script's time, with its 95 % interval. First the bare program, as each reader sees it. Then the program "
        "with the clock read before and behind every call, which makes calls dearer and so the shares others: what a "
        "reader sees of such a run, and between which bounds the clocks of the same run have it "
        "(`tests/real/agreement.py` says how they come about).\n" + agree(rows)
    )


def benchmarks(result: dict[str, Any]) -> str:
    text = "# Benchmarks\n\nWritten by `make bench`; nothing here is edited by hand.\n\n" + conditions(
        result, "startup", "cost", "threads", "evidence", "sizes", "matrix", "ends", "sampler", "accuracy", "shares"
    )
    text += "\n## The bars\n\n" + markdown(["what", "bar", "measured", ""], bars(result))
    if result.get("cost"):
        text += (
            "\n## Cost to a program that computes\n\n"
            "A program that does a fixed amount of work, bare and under each tool, once a round in an order drawn anew. A "
            "ratio is of the two runs of one round; given are the geometric mean over the rounds and its 95 % interval; "
            "below 1 is the spread of the machine, no gain. The program's own clocks measure the work alone, without "
            "start-up. *CPU of the tool* is what its process used beyond the program's, per second of the program; where "
            "it starts the program it includes its own start-up. *Core time taken* is what keisoku counts and prints in "
            "every report, the mean of its runs from which other machines of the host took no more than 1 %, and of at "
            "least four of them. As it comes, keisoku keeps to a budget of 1 % of a core and lowers its rate for it; a "
            "rate that is asked for lifts the budget. The wall ratios of the bars, but for the reader from the core, are "
            "of slices of one run: a third of a second in which the program is sampled by the mean of the two beside it "
            f"in which it is not (`keisoku ctl pause`), the median of {sliced_count(result['cost'])} and its 95 % "
            "interval. What else the machine does, and where a run's memory lies, moves runs by a tenth.\n\n"
        )
        text += "\n".join(map(cost_section, result["cost"]))
    if result.get("evidence"):
        text += evidence_section(result["evidence"])
    if result.get("inside"):
        text += inside_section(result["inside"])
    if result.get("matrix"):
        text += matrix_section(result["matrix"])
    if result.get("ends"):
        text += ends_section(result["ends"])
    sizes = result.get("sizes") or {}
    if sizes.get("synthetic"):
        made = sizes["synthetic"]
        rows = [["report", f"{made['report_s']:.2f} s"], ["report --json", f"{made['json_s']:.2f} s"]]
        rows += [[f"export {name}", f"{seconds:.2f} s"] for name, seconds in made["exports_s"].items()]
        rows += [["recording", f"{made['bytes'] / 1e6:.2f} MB, {made['bytes'] / made['samples']:.1f} bytes a sample"]]
        text += f"\n## A recording of {made['samples']} samples (made, not measured)\n\n"
        text += markdown(["what", "time or size"], rows)
    starts = result.get("startup")
    if starts:
        rows = [[f"`{name}`", f"{seconds * 1000:.0f} ms"] for name, seconds in starts.items()]
        text += "\n## Start-up, median\n\n" + markdown(["command", "wall"], rows)
    return text


def shares_section(data: dict[str, Any]) -> str:
    text = (
        "\n## Shares\n\n`shares.py` does 50, 30, 15, 4 and 1 % of its work in five functions and measures each on "
        "its own CPU clock. The error is the tool's figure less the program's own, in points, the mean over the runs "
        "and its 95 % interval; the last column is the worst single error in units of its run's own sampling noise. Runs "
        "of keisoku last 10 s, those of the peers 3 s. Samples that wait for a core are left out where a tool tells them "
        "(keisoku does): the program's clock leaves them out too.\n\n"
    )
    rows = []
    for row in data["shares"]:
        if "bias" not in row:
            rows.append([row["tool"], row["python"], "failed: " + row["failed"].replace("\n", " ")[:60], *[""] * 7])
            continue
        errors = [
            f"{middle:+.2f}" + (f" ± {half:.2f}" if math.isfinite(half) else "")
            for middle, half in row["bias"].values()
        ]
        rows.append(
            [
                row["tool"],
                row["python"],
                str(row["runs"]),
                f"{row['samples']:.0f}",
                *errors,
                f"{row['worst_sigma']:.1f}",
            ]
        )
    text += markdown(
        ["tool", "CPython", "runs", "samples a run", "50 %", "30 %", "15 %", "4 %", "1 %", "worst sigma"],
        [row[:10] for row in rows],
    )
    if data["short"]:
        text += (
            "\n## Functions of 20 ns\n\n`short.py` calls `tiny_a` three times as often as its twin `tiny_b`: of "
            "their samples together, three quarters must be `tiny_a`'s.\n\n"
        )
        rows = [
            [
                row["tool"],
                row["python"],
                f"{row['samples']:.0f}",
                f"{row['share'] * 100:.1f} %",
                f"{(row['share'] - 0.75) / row['sigma']:+.1f}",
            ]
            for row in data["short"]
            if row["samples"]
        ]
        text += markdown(["tool", "CPython", "samples of both", "tiny_a's part", "error in sigma"], rows)
    return text


def accuracy(result: dict[str, Any]) -> str:
    data = result["accuracy"]
    text = (
        "# Accuracy\n\nWritten by `make bench`; nothing here is edited by hand. The programs are in "
        "`tests/truth/programs`: each states in its own source which stacks it can have (whole chains, and which line "
        "calls what), and `tests/truth/oracle.py` judges every stack that a tool shows. The same programs are tests.\n\n"
    )
    text += conditions(result, "accuracy", "shares", "ledger", "agree")
    text += "\n## Stacks that the program cannot have\n\n### keisoku at 1 kHz, impossible / shown\n\n"
    ours = [row for row in data["stacks"] if row["tool"].startswith("keisoku")]
    programs = list(dict.fromkeys(row["program"] for row in ours))
    rows = []
    for python in dict.fromkeys(row["python"] for row in ours):
        cells = {
            row["program"]: f"{row['impossible']:.0f} / {row['seen']:.0f}" if row["seen"] else "–"
            for row in ours
            if row["python"] == python
        }
        dropped = max(dropped_share(row) for row in ours if row["python"] == python)
        rows.append([python, *(cells.get(name, "–") for name in programs), f"{100 * dropped:.2f} %"])
    text += markdown(["CPython", *programs, "dropped, worst"], rows)
    reasons = [f"- {row['python']} {row['program']}: {row['reason']}\n" for row in ours if row["reason"]]
    text += "\n" + "".join(reasons) if reasons else ""
    text += (
        "\n### Peers at 1 kHz, share of impossible stacks among those shown\n\n"
        "A tool that stops the program for each sample cannot mix stacks, and pays for it in the program's time "
        "(`benchmarks.md`). What a tool drops before showing anything does not count against it here.\n\n"
    )
    peers = [row for row in data["stacks"] if not row["tool"].startswith("keisoku")]
    programs = list(dict.fromkeys(row["program"] for row in peers))
    rows = []
    for tool, python in dict.fromkeys((row["tool"], row["python"]) for row in peers):
        parts = {
            row["program"]: (f"{100 * row['impossible'] / row['seen']:.2f} %" if row["seen"] else "no profile")
            for row in peers
            if (row["tool"], row["python"]) == (tool, python)
        }
        rows.append([tool, python, *(parts.get(name, "–") for name in programs)])
    text += markdown(["tool", "CPython", *programs], rows)
    if result.get("shares"):
        text += shares_section(result["shares"])
    if result.get("ledger"):
        text += ledger_section(result["ledger"])
    if result.get("agree"):
        text += agree_section(result["agree"])
    return text
