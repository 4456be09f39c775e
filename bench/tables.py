"""Writes what was measured: one table for the terminal, docs/benchmarks.md and docs/accuracy.md."""

from __future__ import annotations

import math
from typing import Any

from ledgers import TITLES

Row = list[str]


def markdown(head: Row, rows: list[Row]) -> str:
    """A table whose columns line up in the source too."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]

    def line(row: Row) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"

    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([line(head), rule, *map(line, rows)]) + "\n"


def interval(value: list[float] | tuple[float, ...]) -> str:
    middle, low, high = value
    return f"{middle:.3f} ({low:.3f}–{high:.3f})"


def met(value: float | None, bar: float) -> str:
    return "not measured" if value is None else ("met" if value <= bar else "**not met**")


def met_ratio(value: list[float] | tuple[float, ...], bar: float) -> str:
    """Nobody makes a program faster by measuring it: an interval below 1 says that the machine was not the same."""
    return "**no result**" if value[2] < 1 else met(value[2], bar)


def dropped_share(row: dict[str, Any]) -> float:
    """Of the samples that one run of a truth program tried for."""
    return float(row.get("dropped", 0) / max(1, row.get("tried", 1)))


def evidence_bars(evidence: dict[str, Any] | None) -> list[Row]:
    if not evidence:
        return []
    title = f"CPython {evidence['python']}, {evidence['looks_hz']:.0f} looks a second"
    slower = "met" if evidence["cpu"][1] <= 1 else "**not met**"
    own = evidence["own_cpu"]
    return [
        [f"operands looked at: the target's CPU, by without, {title}", "1 inside", interval(evidence["cpu"]), slower],
        [f"so our own CPU, of a core, {title}", "≤ 1 % more", points(own), met(own[2], 0.01)],
    ]


def points(value: list[float] | tuple[float, ...]) -> str:
    middle, low, high = (100 * one for one in value)
    return f"{middle:+.2f} ({low:+.2f} to {high:+.2f}) %"


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


def bars(result: dict[str, Any]) -> list[Row]:
    """What the project promises of this stage: name, bar, measured, met or not."""
    rows: list[Row] = []
    for cost in result.get("cost", []):
        for name, what in (
            ("keisoku", "as it comes"),
            ("keisoku 1 kHz", "1 kHz asked for"),
            ("keisoku 1 kHz, core", "1 kHz from its own core"),
        ):
            own = cost["tools"].get(name)
            title = f"CPython {cost['python']}, {what}"
            if not own and name not in cost["failed"]:
                continue  # a result of before it was measured
            if not own:
                rows.append([title, "", "failed: " + cost["failed"].get(name, "")[:60], ""])
                continue
            sliced = cost.get("slices", {}).get(name)
            wall = sliced["wall"] if sliced else own["wall"]
            rows += [
                [f"core time taken, {title}", "≤ 1 %", f"{own['taken'] * 100:.2f} %", met(own["taken"], 0.01)],
                [f"wall ratio, upper 95 % bound, {title}", "≤ 1.03", interval(wall), met_ratio(wall, 1.03)],
                [f"rate reached, {title}", "", f"{own['rate_hz']:.0f} Hz", ""],
            ]
            if own["awake"] < own["taken"]:  # a thread of ours on that core, not an interrupt
                awake = f"{own['awake'] * 100:.2f} %"
                rows.append([f"core time from waking to sleeping, {title}", "≤ 1 %", awake, met(own["awake"], 0.01)])
        if "wakeup_us" in cost:
            share = cost["wakeup_us"] / 1000
            rows.append(
                ["a thread that only wakes, at 1 kHz, in the same rounds (the floor)", "", f"{share * 100:.2f} %", ""]
            )
    rows += threads_bars(result.get("threads", []))
    rows += evidence_bars(result.get("evidence"))
    accuracy = result.get("accuracy")
    if accuracy:
        ours = [row for row in accuracy["stacks"] if row["tool"].startswith("keisoku")]
        seen, wrong = sum(row["seen"] for row in ours), sum(row["impossible"] for row in ours)
        versions = len({row["python"] for row in ours})
        rows.append([f"impossible stacks, {versions} interpreters", "0", f"{wrong:.0f} of {seen:.0f}", met(wrong, 0)])
        worst = max(ours, key=dropped_share)
        title = f"dropped, in the worst of these (CPython {worst['python']}, {worst['program']})"
        rows.append([title, "≤ 0.5 %", f"{100 * dropped_share(worst):.2f} %", met(dropped_share(worst), 0.005)])
        for tool in dict.fromkeys(row["tool"] for row in accuracy.get("fast", [])):
            fast = [row for row in accuracy["fast"] if row["tool"] == tool and row["seen"]]
            seen, wrong = sum(row["seen"] for row in fast), sum(row["impossible"] for row in fast)
            rate = max((row["rate_hz"] for row in fast), default=0)
            title = f"impossible stacks, `--reader` {tool} (up to {rate / 1000:.1f} kHz)"
            rows.append([title, "0", f"{wrong:.0f} of {seen:.0f}", met(wrong if seen else None, 0)])
            if not tool.startswith("free"):
                worst_share = max(map(dropped_share, fast), default=0.0)
                rows.append(
                    [
                        "dropped of these",
                        "≤ 0.5 %",
                        f"{100 * worst_share:.2f} %",
                        met(worst_share if fast else None, 0.005),
                    ]
                )
        for row in accuracy["shares"]:
            if row["tool"].startswith("keisoku") and "bias" in row and row["runs"] >= 10:
                bias, half = max((abs(middle), half) for middle, half in row["bias"].values())
                title = f"CPython {row['python']}, {row['runs']} runs"
                shown = f"{bias:.2f} ± {half:.2f} points"
                rows.append([f"share bias, {title}", "≤ 0.3 points", shown, met(bias, 0.3)])
                rows.append(
                    [
                        "worst single error of these",
                        "≤ 4 sigma",
                        f"{row['worst_sigma']:.1f} sigma",
                        met(row["worst_sigma"], 4),
                    ]
                )
        for row in accuracy["short"]:
            sigmas = abs(row["share"] - 0.75) / row["sigma"] if row["samples"] else None
            title = f"functions of 20 ns, called 3 : 1, CPython {row['python']}"
            shown = "–" if sigmas is None else f"{sigmas:.1f} sigma of {row['samples']:.0f} samples"
            rows.append([title, "≤ 4 sigma", shown, met(sigmas, 4)])
    rows += ledger_bars(result.get("ledger", []))
    rows += agree_bars(result.get("agree", []))
    sizes = result.get("sizes") or {}
    if sizes.get("steady"):
        made = sizes["steady"]
        title = f"at {made['steady_hz']:.0f} Hz, start-up left out, CPython {made['python']}"
        rows.append(
            [
                f"our own CPU, of a core, {title}",
                "≤ 3 %",
                f"{made['steady_own_cpu'] * 100:.2f} %",
                met(made["steady_own_cpu"], 0.03),
            ]
        )
        rows.append(
            [
                f"core time taken, {title}",
                "≤ 1 %",
                f"{made['steady_taken'] * 100:.2f} %",
                met(made["steady_taken"], 0.01),
            ]
        )
        value = sizes["steady"]["bytes_a_sample"]
        rows.append(
            [
                f"bytes a sample, real steady run of {sizes['steady']['seconds']:.0f} s",
                "≤ 6",
                f"{value:.1f}",
                met(value, 6),
            ]
        )
        value = sizes["steady"]["bytes_a_further_sample"]
        rows.append(["bytes of each further sample, start-up left out", "≤ 3", f"{value:.1f}", met(value, 3)])
        page = sizes["steady"]["page_bytes"]
        rows.append(["page of that run", "≤ 3 MB", f"{page / 1e6:.2f} MB" if page else "no page", met(page, 3e6)])
    if sizes.get("synthetic"):
        made = sizes["synthetic"]
        rows.append(
            [
                f"verdict of {made['samples']} samples",
                "≤ 0.5 s",
                f"{made['report_s']:.2f} s",
                met(made["report_s"], 0.5),
            ]
        )
        page = made["page_bytes"]
        rows.append(["page of these", "≤ 3 MB", f"{page / 1e6:.2f} MB" if page else "no page", met(page, 3e6)])
    rows += far_bars(result.get("ends") or {}) + matrix_bars(result.get("matrix") or {})
    rows += sampler_bars(result.get("sampler") or {})
    for name, took in result.get("suite", {}).items():
        minutes = 2 if name == "make quick" else 20
        shown = f"{took['seconds'] / 60:.1f} minutes ({took['date']}: {took['result']})"
        title = f"`{name}`, {took['cores']} cores"
        rows.append([title, f"≤ {minutes} minutes", shown, met(took["seconds"], 60 * minutes)])
    starts = result.get("startup")
    if starts:
        more = starts["keisoku run"] - starts["python"]
        launcher = starts["./keisoku --version"] - starts["keisoku --version"]
        rows.append(["`run` of a program that ends at once, added", "", f"{more * 1000:.0f} ms", ""])
        rows.append(["second start of ./keisoku, added", "≤ 50 ms", f"{launcher * 1000:.0f} ms", met(launcher, 0.05)])
    return rows


def threads_bars(data: list[dict[str, Any]]) -> list[Row]:
    """The cost by threads and depth, 1 kHz asked for."""
    rows: list[Row] = []
    for row in data:
        many = f"{row['threads']} thread{'s' * (row['threads'] > 1)}"
        title = f"{many}, depth {row['depth']}, CPython {row['python']}, 1 kHz asked for"
        shown = f"{100 * row['taken']:.2f} % ({row['rate_hz']:.0f} Hz)"
        rows.append([f"core time taken, {title}", "≤ 1 %", shown, met(row["taken"], 0.01)])
        rows.append(
            [
                f"wall ratio of that, {row['slices']} slices",
                "≤ 1.03",
                interval(row["wall"]),
                met_ratio(row["wall"], 1.03),
            ]
        )
    return rows


def far_bars(data: dict[str, Any]) -> list[Row]:
    """The bars of the sampling engine: dump, rates, many threads, many samples."""
    rows: list[Row] = []
    for threads in (1, 64):
        one = {
            row["tool"]: row for row in data.get("dumps", []) if row["threads"] == threads and row["python"] < "3.14"
        }
        own = one.get("keisoku dump")
        for peer, part in (("py-spy dump", 10), ("austin -w", 1)):
            if own and peer in one:
                title = f"`dump`, {threads} thread{'s' * (threads > 1)}, of {peer.split()[0]}'s time"
                share = own["ms"] / one[peer]["ms"]
                shown = f"{own['ms']:.1f} of {one[peer]['ms']:.1f} ms"
                rows.append([title, "≤ 1/10" if part == 10 else "< 1", shown, met(share, 1 / part)])
    for row in data.get("rates", []):
        missed = max(0.0, 1 - row["rate_hz"] / row["asked_hz"])
        reader, asked = row.get("reader", "auto"), row["asked_hz"]
        title = f"missed at {asked / 1000:.0f} kHz, `{reader}`, one thread, depth 20, CPython {row['python']}"
        barred = (reader, asked) in (("kernel", 50000), ("free", 100000))
        shown = f"{100 * missed:.1f} % ({row['rate_hz']:.0f} Hz)"
        if row.get("floor_hz"):
            alone = "remote reads alone" if reader == "free" else "wake-ups alone that take all of the core"
            shown += f"; {alone}: {row['floor_hz'] / 1000:.0f} kHz"
        rows.append([title, "< 1 %" if barred else "", shown, met(missed, 0.01) if barred else ""])
        if "seen" in row:
            wrong = f"{row['impossible']:.0f} of {row['seen']:.0f}"
            rows.append(["impossible stacks of these", "0", wrong, met(row["impossible"] if row["seen"] else None, 0)])
    for row in data.get("thousand", []):
        about = f"1 000 threads, {row['kind']}, `{row['reader']}`"
        rate = f"{row['rate_hz']:.0f} Hz"
        if row["reader"] == "kernel":  # its instants are the kernel's own: none of them is planned by us
            rows.append([f"rate reached of 100 Hz, {about}", "", rate, ""])
        else:
            shown = f"{100 * row['missed']:.1f} % ({rate}; {100 * row['late']:.0f} % more than 1 ms late)"
            rows.append([f"missed at 100 Hz, {about}", "≤ 1 %", shown, met(row["missed"], 0.01)])
        rows.append(
            ["own CPU meanwhile, of a core", "≤ 40 %", f"{100 * row['own_cpu']:.0f} %", met(row["own_cpu"], 0.4)]
        )
    big = data.get("big")
    if big:
        title = f"report of {big['samples'] / 1e6:g} M samples"
        rows.append([title, "≤ 2 s", f"{big['report_s']:.2f} s", met(big["report_s"], 2)])
        rows.append(
            [f"memory of that {title}", "≤ 200 MB", f"{big['peak_bytes'] / 1e6:.0f} MB", met(big["peak_bytes"], 200e6)]
        )
    return rows


def matrix_bars(data: dict[str, Any]) -> list[Row]:
    rows: list[Row] = []
    for python in dict.fromkeys(row["python"] for row in data.get("table", [])):
        ours = [row for row in data["table"] if row["python"] == python and row["tool"].startswith("keisoku")]
        wrong = max((row["impossible"] for row in ours if "failed" not in row), default=None)
        title = f"impossible stacks, 1 to 64 threads, depth 1 to 200, CPython {python}"
        rows.append([title, "0", "–" if wrong is None else f"{100 * wrong:.2f} %", met(wrong, 0)])
    return rows


def same_cell(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(one[key] == other[key] for key in ("python", "threads", "depth"))


def sampler_bars(data: dict[str, Any]) -> list[Row]:
    """CPU a sample of the tool itself, beside the 3.15 standard library's sampler: means over the cells."""
    rows: list[Row] = []
    cells = data.get("beside", [])
    for row in cells:
        other = next((one for one in cells if one["tool"] != row["tool"] and same_cell(one, row)), None)
        if row["tool"].startswith("keisoku") and other:
            many = f"{row['threads']} thread{'s' * (row['threads'] > 1)}, depth {row['depth']}"
            shown = f"{row['steady_us']:.1f} of {other['steady_us']:.1f} µs"
            shown += f" ({row['samples'] / row['seconds']:.0f} and {other['samples'] / other['seconds']:.0f} samples/s)"
            share = row["steady_us"] / other["steady_us"]
            rows.append(
                [f"CPU a sample, start-up left out, of the 3.15 sampler's, {many}", "≤ 1/3", shown, met(share, 1 / 3)]
            )
    for kind, what in (("whole_us", "start-up included"), ("steady_us", "start-up left out")):
        own = [row[kind] for row in cells if row["tool"].startswith("keisoku")]
        theirs = [row[kind] for row in cells if not row["tool"].startswith("keisoku")]
        if own and theirs:
            title = f"CPU a sample in {cells[0]['seconds']:.0f} s, {what}, of the 3.15 sampler's, {len(own)} cells"
            shown = f"{sum(own) / len(own):.1f} of {sum(theirs) / len(theirs):.1f} µs"
            rows.append([title, "≤ 1/3", shown, met(sum(own) / sum(theirs), 1 / 3)])
    return rows


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
    loads = {part: about["loads"][part] for part in parts if part in about["loads"]}
    shown = ", ".join(f"{before:.1f} ({part})" for part, (before, _) in loads.items())
    busy = [part for part, (before, _) in loads.items() if before > 1.5]
    some = "" if len(busy) == len(loads) else f" during {', '.join(busy)}"
    return (
        f"Measured on {about['date']} with `make bench` on keisoku {about['version']}: {about['cores']} cores "
        f"({about['cpu']}), Linux {about['kernel']}, load average before each part {shown}. "
        + (
            f"**Other work ran on the machine{some or ' meanwhile'}**, or had just ended: a load of 1 is a core that "
            "others use. Wall ratios are then wider, wake-ups cost more, and rates asked for are not reached. "
            if busy
            else "Nothing else ran on the machine. "
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


def ledger_bars(rows: list[dict[str, Any]]) -> list[Row]:
    errors = [
        (abs(share - truth), f"{row['phase']}: {state}, CPython {row['python']}")
        for row in rows
        for state, truth, share, _ in row["states"]
    ]
    if not errors:
        return []
    worst, where = max(errors)
    versions = len({row["python"] for row in rows})
    title = f"worst of {len(errors)} shares of a state, {versions} interpreters ({where})"
    return [[title, "≤ 2 points", f"{100 * worst:.1f} points", met(worst, 0.02)]]


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


def agree_bars(rows: list[dict[str, Any]]) -> list[Row]:
    """How far shares of a function in real programs are apart, in units of what the chance of their samples makes of them."""
    bars: list[Row] = []
    for kind, what in (("readers", "of two readers"), ("clocks", "of a reader and clocks between calls")):
        found = [(sigmas, row["program"], name, pair) for row in rows for name, pair, _, _, sigmas in row[kind]]
        if found:
            worst, program, name, pair = max(found)
            where = f"{program}: {name}, {' and '.join(pair)}, CPython {rows[0]['python']}"
            title = f"largest disagreement {what}, {len(found)} shares ({where})"
            bars.append([title, "≤ 4 sigma", f"{worst:.1f} sigma", met(worst, 4)])
    return bars


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
        result, "startup", "cost", "threads", "evidence", "sizes", "matrix", "ends", "sampler", "accuracy"
    )
    text += "\n## The bars\n\n" + markdown(["what", "bar", "measured", ""], bars(result))
    if result.get("cost"):
        text += (
            "\n## Cost to a program that computes\n\n"
            "A program that does a fixed amount of work, bare and under each tool, once a round in an order drawn anew. "
            "A ratio is of the two runs of one round; given are the geometric mean over the rounds and its 95 % "
            "interval; below 1 is the spread of the machine, no gain. The program's own clocks measure the work alone, "
            "without start-up. *CPU of the tool* is what "
            "its process used beyond the program's, per second of the program; where it starts the program it includes "
            "its own start-up. *Core time taken* is what keisoku counts and prints in every report. As it comes, keisoku "
            "keeps to a budget of 1 % of a core and lowers its rate for it; a rate that is asked for lifts the budget. The "
            "wall ratios of the bars, but for the reader from the core, are of slices of one run: a third of a second in "
            "which the program is sampled by the mean of the two beside it in which it is not (`keisoku ctl pause`), the "
            f"median of {sliced_count(result['cost'])} and its 95 % interval. What else the machine does, and where a "
            "run's memory lies, moves runs by a tenth.\n\n"
        )
        text += "\n".join(map(cost_section, result["cost"]))
    if result.get("evidence"):
        text += evidence_section(result["evidence"])
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


def accuracy(result: dict[str, Any]) -> str:
    data = result["accuracy"]
    text = (
        "# Accuracy\n\nWritten by `make bench`; nothing here is edited by hand. The programs are in "
        "`tests/truth/programs`: each states in its own source which stacks it can have (whole chains, and which line "
        "calls what), and `tests/truth/oracle.py` judges every stack that a tool shows. The same programs are tests.\n\n"
    )
    text += conditions(result, "accuracy", "ledger", "agree")
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
    if data["shares"]:
        text += (
            "\n## Shares\n\n`shares.py` does 50, 30, 15, 4 and 1 % of its work in five functions and measures each on "
            "its own CPU clock. The error is the tool's figure less the program's own, in points, the mean over the runs "
            "and its 95 % interval; the last column is the worst single error in units of its run's own sampling noise.\n\n"
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
    if result.get("ledger"):
        text += ledger_section(result["ledger"])
    if result.get("agree"):
        text += agree_section(result["agree"])
    return text
