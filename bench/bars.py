"""What the project promises, and what was measured of it: name, bar, measured, met or not."""

from __future__ import annotations

from typing import Any

from cells import NOTHING, Row, dropped_share, interval, met, met_ratio, points, same_cell


def taken_shown(own: dict[str, Any]) -> str:
    """An interrupt lasts longer where the machine's host gives its core to others meanwhile."""
    stolen = own.get("stolen", 0)
    return f"{own['taken'] * 100:.2f} %" + (f", {stolen:.0%} of the cores stolen" if stolen > 0.01 else "")


def cost_bars(costs: list[dict[str, Any]]) -> list[Row]:
    rows: list[Row] = []
    for cost in costs:
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
            beside = "sampled by paused" if sliced else "measured by bare"
            rows += [
                [f"core time taken, {title}", "≤ 1 %", taken_shown(own), met(own["taken"], 0.01)],
                [f"wall ratio, {beside}, upper 95 % bound, {title}", "≤ 1.03", interval(wall), met_ratio(wall, 1.03)],
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
    return rows


def bars(result: dict[str, Any]) -> list[Row]:
    """What the project promises of this stage: name, bar, measured, met or not."""
    rows: list[Row] = []
    rows += cost_bars(result.get("cost", []))
    rows += threads_bars(result.get("threads", []))
    rows += evidence_bars(result.get("evidence"))
    rows += stacks_bars(result.get("accuracy"))
    rows += shares_bars(result.get("shares"))
    rows += ledger_bars(result.get("ledger", []))
    rows += agree_bars(result.get("agree", []))
    rows += sizes_bars(result.get("sizes") or {})
    rows += far_bars(result.get("ends") or {}) + matrix_bars(result.get("matrix") or {})
    rows += sampler_bars(result.get("sampler") or {})
    rows += suite_bars(result.get("suite", {}))
    return rows + startup_bars(result.get("startup") or {})


def sizes_bars(sizes: dict[str, Any]) -> list[Row]:
    rows: list[Row] = []
    if sizes.get("steady"):
        made = sizes["steady"]
        title = f"at {made['steady_hz']:.0f} Hz, start-up left out, CPython {made['python']}"
        taken = taken_shown({"taken": made["steady_taken"], "stolen": made.get("stolen", 0)})
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
                taken,
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
    return rows


def suite_bars(suite: dict[str, Any]) -> list[Row]:
    rows: list[Row] = []
    for name, took in suite.items():
        minutes = 2 if name == "make quick" else 20
        shown = f"{took['seconds'] / 60:.1f} minutes ({took['date']}: {took['result']})"
        title = f"`{name}`, {took['cores']} cores"
        rows.append([title, f"≤ {minutes} minutes", shown, met(took["seconds"], 60 * minutes)])
    return rows


def startup_bars(starts: dict[str, Any]) -> list[Row]:
    if not starts:
        return []
    more = starts["keisoku run"] - starts["python"]
    launcher = starts["./keisoku --version"] - starts["keisoku --version"]
    return [
        ["`run` of a program that ends at once, added", "", f"{more * 1000:.0f} ms", ""],
        ["second start of ./keisoku, added", "≤ 50 ms", f"{launcher * 1000:.0f} ms", met(launcher, 0.05)],
    ]


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


def stacks_bars(accuracy: dict[str, Any] | None) -> list[Row]:
    if not accuracy:
        return []
    rows: list[Row] = []
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
    return rows


def shares_bars(data: dict[str, Any] | None) -> list[Row]:
    if not data:
        return []
    rows: list[Row] = []
    for row in data["shares"]:
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
    for row in data["short"]:
        sigmas = abs(row["share"] - 0.75) / row["sigma"] if row["samples"] else None
        title = f"functions of 20 ns, called 3 : 1, CPython {row['python']}"
        shown = "–" if sigmas is None else f"{sigmas:.1f} sigma of {row['samples']:.0f} samples"
        rows.append([title, "≤ 4 sigma", shown, met(sigmas, 4)])
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
        if "limit" in row:
            title = "the limit, in the same run: a clock at 1 kHz on each core that reads nothing"
            rows.append([title, "", interval(row["limit"]), ""])
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
        if own and NOTHING in one:
            least = one[NOTHING]["ms"]
            shown = f"{least:.2f} ms"
            if "py-spy dump" in one:
                shown += f"; beyond it {own['ms'] - least:.2f} of {one['py-spy dump']['ms'] - least:.2f} ms"
            rows.append([f"the limit: {NOTHING}, in the same rounds", "", shown, ""])
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
