"""The formats of call graphs, time lines, tables and pictures, each read by something that we did not write."""

from __future__ import annotations

import csv
import json
import pstats
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from made import check_golden, export, firefox_profiler, page_in_browser, served_folder
from support import Run, make_recording
from timelines import READERS, perfetto_trace, slices_to_sums

FORMATS = ("pstats", "callgrind", "chrome", "perfetto", "firefox", "svg", "csv")
# What tests/recordings/exports.txt has, idle workers left out.
WALL = {"MainThread": 4.0, "thread 310": 4.0, "a;b-ü": 4.0}
CPU = {"MainThread": 3.0, "thread 310": 0.0, "a;b-ü": 3.0}
SAMPLES = 11_854
SELF = {"Server.serve": 1.0, "parse;tree": 3.0, "sort": 4.0, "numpy": 3.0, "Condition.wait": 0.5}


@pytest.fixture(scope="module")
def recording(keisoku: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_recording(keisoku, "exports", tmp_path_factory.mktemp("readers") / "exports.kei")


@pytest.fixture(scope="module")
def exported(keisoku: str, recording: Path) -> dict[str, Path]:
    """Format → file, and FORMAT-cpu → the one by the CPU clock."""
    files = {name: export(keisoku, recording, name) for name in FORMATS}
    files |= {f"{name}-cpu": export(keisoku, recording, name, "--clock", "cpu") for name in FORMATS}
    return files


def test_truth_is_the_reports(run_keisoku: Run, recording: Path) -> None:
    """The numbers above are what `keisoku report` says."""
    report = json.loads(run_keisoku("report", recording, "--json").out)
    assert report["stat"]["cpu_s"] == pytest.approx(sum(CPU.values()), abs=1e-4)
    idle = 4000  # samples of the worker that is left out
    assert report["trust"]["samples"] == SAMPLES + idle
    shares = report["states"]["wall"]
    assert shares["lock"]["share"] * sum(WALL.values()) == pytest.approx(SELF["sort"], abs=1e-4)


# ---- pstats ----------------------------------------------------------------------------------------------------------


def stats_of(path: Path) -> dict[Any, Any]:
    stats: dict[Any, Any] = pstats.Stats(str(path)).stats  # type: ignore[attr-defined]
    return stats


def test_pstats_golden(exported: dict[str, Path]) -> None:
    lines = []
    for key, (primitive, calls, own, total, callers) in sorted(stats_of(exported["pstats"]).items()):
        lines.append(f"{key} {primitive} {calls} {own:.6f} {total:.6f}")
        lines += [f"    from {at} {a} {b} {c:.6f} {d:.6f}" for at, (a, b, c, d) in sorted(callers.items())]
    check_golden("exports.pstats.txt", "\n".join(lines) + "\n")


def test_pstats_sums(exported: dict[str, Path]) -> None:
    stats = pstats.Stats(str(exported["pstats"]))
    assert stats.total_tt == pytest.approx(sum(WALL.values()), abs=1e-4)  # type: ignore[attr-defined]
    own = {name: row[2] for (_, _, name), row in stats_of(exported["pstats"]).items()}
    assert {name: own[name] for name in SELF} == pytest.approx(SELF, abs=1e-4)
    by_cpu = pstats.Stats(str(exported["pstats-cpu"]))
    assert by_cpu.total_tt == pytest.approx(sum(CPU.values()), abs=1e-4)  # type: ignore[attr-defined]
    for row in stats_of(exported["pstats"]).values():
        assert row[2] <= row[3] + 1e-9
        assert all(caller[3] <= row[3] + 1e-9 for caller in row[4].values())


def test_pstats_command_reads_it(exported: dict[str, Path]) -> None:
    words = [sys.executable, "-m", "pstats", str(exported["pstats"])]
    done = subprocess.run(
        words, input="sort time\nstats 3\ncallers parse\n", capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"in 12\.000 seconds", done.stdout), done.stdout
    assert re.search(r"4000 +4\.000 +0\.001 +4\.000 .*heapq\.py:0\(sort\)", done.stdout)
    assert re.search(r"parse;tree\) +<- .*\n.*server\.py:40\(Server\.serve\)", done.stdout)


def test_snakeviz_reads_it(exported: dict[str, Path]) -> None:
    snakeviz = pytest.importorskip("snakeviz.stats")
    stats = pstats.Stats(str(exported["pstats"]))
    rows = snakeviz.table_rows(stats)
    assert any("Server.serve" in str(row) for row in rows)
    tree = snakeviz.json_stats(stats)
    tree = json.loads(tree) if isinstance(tree, str) else tree
    key = next(name for name in tree if "Server.serve" in name)
    assert tree[key]["stats"][3] == pytest.approx(11, abs=1e-3)
    assert {name.split("(")[-1] for name in tree[key]["children"]} >= {"sort)", "numpy)"}


def gprof2dot(kind: str, path: Path) -> dict[str, Any]:
    pytest.importorskip("gprof2dot")
    words = [sys.executable, "-m", "gprof2dot", "-f", kind, "-n0", "-e0", "--show-samples", str(path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    shares = dict(re.findall(r'label="(?:[^"]*:)?([^":]+)\\n([0-9.]+)%\\n', done.stdout))
    return {"dot": done.stdout, "shares": {name: float(share) for name, share in shares.items()}}


@pytest.mark.parametrize("kind", ["pstats", "callgrind"])
def test_gprof2dot_reads_it(exported: dict[str, Path], kind: str) -> None:
    read = gprof2dot(kind, exported[kind])
    assert read["shares"]["Server.serve"] == pytest.approx(100 * 11 / 12, abs=0.02), read["dot"]
    assert read["shares"]["sort"] == pytest.approx(100 * 4 / 12, abs=0.02)
    assert re.search(r' -> .*label="25\.00%', read["dot"])


# ---- callgrind -------------------------------------------------------------------------------------------------------


def test_callgrind_golden(exported: dict[str, Path]) -> None:
    check_golden("exports.callgrind.txt", exported["callgrind"].read_text())


def test_callgrind_annotate_reads_it(exported: dict[str, Path]) -> None:
    tool = shutil.which("callgrind_annotate")
    if tool is None:
        pytest.skip("callgrind_annotate is not installed (package valgrind)")

    def annotate(path: Path, *words: str) -> str:
        command = [tool, "--auto=no", *words, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    flat = annotate(exported["callgrind"], "--threshold=100")
    totals = re.search(r"^([0-9,]+) .*PROGRAM TOTALS", flat, re.MULTILINE)
    assert totals is not None and int(totals[1].replace(",", "")) == pytest.approx(12e9, abs=1e5)
    rows = re.findall(r"^ *([0-9,]+) \(.*?(\S+:\S+)$", flat, re.MULTILINE)
    found = {place.rsplit(":", 1)[1]: int(cost.replace(",", "")) / 1e9 for cost, place in rows}
    assert {name: found[name] for name in ("sort", "numpy", "parse;tree")} == pytest.approx(
        {name: SELF[name] for name in ("sort", "numpy", "parse;tree")}, abs=1e-4
    )
    by_cpu = annotate(exported["callgrind-cpu"])
    totals = re.search(r"^([0-9,]+) .*PROGRAM TOTALS", by_cpu, re.MULTILINE)
    assert totals is not None and int(totals[1].replace(",", "")) == pytest.approx(6e9, abs=1e5)
    inclusive = annotate(exported["callgrind"], "--inclusive=yes")
    assert re.search(r"11,000,0\d\d,\d\d\d .*Server\.serve|10,999,9\d\d,\d\d\d .*Server\.serve", inclusive), inclusive


# ---- time lines ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", READERS)
def test_time_lines_add_up(exported: dict[str, Path], name: str) -> None:
    events, names = READERS[name](exported[name])
    tracks, own = slices_to_sums(events)
    assert {names[track]: value for track, value in tracks.items()} == pytest.approx(WALL, abs=1e-4)
    expected = {"parse;tree": 3, "(io)": 1, "(lock)": 4, "numpy": 3, "(unknown)": 0.5, "(idle)": 0.5}
    assert {key: value for key, value in own.items() if value > 1e-4} == pytest.approx(expected, abs=1e-4)
    events, names = READERS[name](exported[f"{name}-cpu"])
    tracks, _ = slices_to_sums(events)
    found = {names[track]: value for track, value in tracks.items()}
    assert found == pytest.approx({key: value for key, value in CPU.items() if value > 0}, abs=1e-4)


def test_chrome_golden(exported: dict[str, Path]) -> None:
    check_golden("exports.chrome.json", exported["chrome"].read_text())


def test_perfetto_golden(exported: dict[str, Path]) -> None:
    check_golden("exports.perfetto.txt", str(perfetto_trace(exported["perfetto"])))


def test_perfetto_packets(exported: dict[str, Path]) -> None:
    """What the published schema and its notes ask for: nothing unknown, one sequence, names before their use."""
    trace = perfetto_trace(exported["perfetto"])
    trace.DiscardUnknownFields()
    assert trace.SerializeToString() == exported["perfetto"].read_bytes()
    assert {packet.trusted_packet_sequence_id for packet in trace.packet} == {1}
    assert [packet.sequence_flags for packet in trace.packet] == [3] + [2] * (len(trace.packet) - 1)
    known: set[int] = set()
    for packet in trace.packet:
        known |= {row.iid for row in packet.interned_data.event_names}
        assert not packet.track_event.name_iid or packet.track_event.name_iid in known
    places = [row for packet in trace.packet for row in packet.interned_data.source_locations]
    assert ("/srv/app/server.py", "Server.serve", 40) in {(p.file_name, p.function_name, p.line_number) for p in places}


# ---- Firefox Profiler ------------------------------------------------------------------------------------------------


def test_firefox_golden(exported: dict[str, Path]) -> None:
    file = json.loads(exported["firefox"].read_text())
    for thread in file["threads"]:  # four thousand samples: their sums by stack
        samples = thread["samples"]
        sums: dict[Any, list[float]] = defaultdict(lambda: [0, 0, 0])
        for stack, weight, cpu in zip(samples["stack"], samples["weight"], samples["threadCPUDelta"], strict=True):
            sums[str(stack)] = [round(a + b, 3) for a, b in zip(sums[str(stack)], [1, weight, cpu], strict=True)]
        assert samples["time"] == sorted(samples["time"]) and len(samples["time"]) == samples["length"]
        thread["samples"] = sums
    check_golden("exports.firefox.json", json.dumps(file, indent=1, ensure_ascii=False) + "\n")


def test_firefox_tables(exported: dict[str, Path]) -> None:
    """Columns as long as their table, indexes inside theirs, parents before their stacks."""
    for thread in json.loads(exported["firefox"].read_text())["threads"]:
        for name in ("samples", "stackTable", "frameTable", "funcTable", "resourceTable", "nativeSymbols", "markers"):
            table = thread[name]
            assert all(len(column) == table["length"] for column in table.values() if isinstance(column, list)), name
        stacks, frames, functions = (thread[name] for name in ("stackTable", "frameTable", "funcTable"))
        for i, prefix in enumerate(stacks["prefix"]):
            assert prefix is None or prefix < i
        assert all(0 <= frame < frames["length"] for frame in stacks["frame"])
        assert all(0 <= function < functions["length"] for function in frames["func"])
        assert all(0 <= text < len(thread["stringArray"]) for text in functions["name"])
        assert sum(thread["samples"]["weight"]) / 1e3 == pytest.approx(WALL[thread["name"]], abs=1e-4)
        assert sum(thread["samples"]["threadCPUDelta"]) / 1e6 == pytest.approx(CPU[thread["name"]], abs=1e-4)


@pytest.mark.network
@pytest.mark.slow
def test_firefox_profiler_reads_it(exported: dict[str, Path], tmp_path: Path) -> None:
    """The viewer's own command line: it upgrades the file and answers from it."""
    with firefox_profiler(exported["firefox"], tmp_path) as ask:
        threads = ask("thread", "list")
        found = {name.strip(): float(cpu) for name, cpu in re.findall(r"t-\d+ +(.+?)  +server.* ([\d.]+)ms", threads)}
        assert {name: cpu / 1e3 for name, cpu in found.items()} == pytest.approx(CPU, abs=1e-3), threads
        functions = ask("thread", "functions", "--include-idle")
        assert re.search(r"parse;tree - self: 3\.000s \(75\.0%\)", functions), functions
        assert re.search(r"\(io\) - self: 1(\.000)?s \(25\.0%\)", functions), functions
        assert re.search(r"Server\.serve - self: 0s .* total: 4(\.000)?s", functions), functions


# ---- CSV -------------------------------------------------------------------------------------------------------------


def test_csv_golden(exported: dict[str, Path]) -> None:
    check_golden("exports.csv", exported["csv"].read_text())


def test_csv_adds_up(exported: dict[str, Path]) -> None:
    with exported["csv"].open(newline="") as file:
        rows = list(csv.DictReader(file))
    for column, expected in (("wall_s", 12.0), ("cpu_s", 6.0), ("samples", SAMPLES)):
        assert sum(float(row[column]) for row in rows) == pytest.approx(expected, abs=1e-4)
    by_thread: dict[str, float] = defaultdict(float)
    for row in rows:
        by_thread[row["thread"]] += float(row["wall_s"])
    assert by_thread == pytest.approx(WALL, abs=1e-4)


def test_csv_hostile_names(keisoku: str, tmp_path: Path) -> None:
    description = tmp_path / "names.txt"
    description.write_text(
        "process p 1 python=3.12.1\nthread t p 1 name=@cmd\n"
        'function f /a,"b".py 3 as==1+1\nfunction g /c.py 3 as="x",y\n'
        "stack f f:4\nstack g g:5\nduring t 1 50%python@f 50%python@g\n"
    )
    path = export(keisoku, make_recording(keisoku, description, tmp_path / "names.kei"), "csv")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["thread"], row["function"], row["file"]) for row in rows} == {
        ("'@cmd", "'=1+1", '/a,"b".py'),
        ("'@cmd", '"x",y', "/c.py"),
    }


# ---- SVG -------------------------------------------------------------------------------------------------------------

NAMESPACE = {"s": "http://www.w3.org/2000/svg"}


def test_svg_golden(exported: dict[str, Path]) -> None:
    text = exported["svg"].read_text()
    check_golden("exports.svg", re.sub(r"<!\[CDATA\[.*\]\]>", "", text, flags=re.DOTALL))


@pytest.mark.parametrize("clock", ["", "-cpu"])
def test_svg_widths(exported: dict[str, Path], clock: str) -> None:
    root = ElementTree.parse(exported["svg" + clock]).getroot()
    widths: dict[str, float] = {}
    for group in root.iterfind("s:g", NAMESPACE):
        title = group.findtext("s:title", "", NAMESPACE)
        name, numbers = title.split("\n")
        rectangle = group.find("s:rect", NAMESPACE)
        assert rectangle is not None
        width = float(rectangle.get("width", "0"))
        widths.setdefault(name, width)
        seconds, share = re.fullmatch(r"([\d.]+) s, ([\d.]+) %", numbers).groups()  # type: ignore[union-attr]
        assert width / 1180 * 100 == pytest.approx(float(share), abs=0.02)
        if name == "all":
            assert float(seconds) == pytest.approx(sum((CPU if clock else WALL).values()), abs=2e-3)
    shares = {name: width / widths["all"] for name, width in widths.items()}
    expected = 3 / 6 if clock else 3 / 12
    assert shares["parse;tree (app/parse;v2.py:10)"] == pytest.approx(expected, abs=1e-3)
    assert "http" not in re.sub(r'xmlns="[^"]*"', "", exported["svg"].read_text())


# An image runs no script: its pixels are what everybody sees. In a frame of its own the script runs.
SVG_PAGE = """<!doctype html><pre id=out></pre><iframe id=f src="flame.svg" width=1300 height=400></iframe>
<script>
const out = {};
const done = () => { if ("pixels" in out && "found" in out) document.getElementById("out").textContent =
  JSON.stringify(out) + "END"; };
const image = new Image();
image.onload = () => {
  const canvas = document.createElement("canvas");
  canvas.width = image.width; canvas.height = image.height;
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
  const pixels = {};
  for (let i = 0; i < data.length; i += 4) {
    const key = [data[i], data[i + 1], data[i + 2]].join(",");
    pixels[key] = (pixels[key] ?? 0) + 1;
  }
  out.pixels = pixels;
  done();
};
image.src = "flame.svg";
document.getElementById("f").onload = (event) => {
  const inner = event.target.contentWindow, root = inner.document;
  const click = (element) => element.dispatchEvent(new inner.MouseEvent("click", { bubbles: true }));
  inner.prompt = () => "PARSE";
  click(root.getElementById("find"));
  const note = root.getElementById("note").textContent;
  const frame = [...root.querySelectorAll("g.f")].find((g) => g.getAttribute("data-n").startsWith("numpy"));
  const width = () => Number(frame.querySelector("rect").getAttribute("width"));
  const before = width();
  click(frame);
  const zoomed = width();
  click(root.getElementById("reset"));
  out.found = { note, before, zoomed, after: width(), marked: root.querySelectorAll("rect.hit").length };
  done();
};
</script>"""


@pytest.mark.slow
def test_svg_in_a_browser(exported: dict[str, Path], tmp_path: Path) -> None:
    shutil.copy(exported["svg"], tmp_path / "flame.svg")
    (tmp_path / "index.html").write_text(SVG_PAGE)
    with served_folder(tmp_path) as address:
        dom = page_in_browser(f"{address}/index.html", "}END<", tmp_path)
    answer = re.search(r"<pre id=.out.>(.*)END", dom)
    assert answer is not None, dom[-2000:]
    out = json.loads(answer[1])
    own, library, native = (out["pixels"].get(colour, 0) for colour in ("242,166,90", "157,184,217", "163,201,154"))
    assert own > 30_000 and library > 5_000 and native > 3_000, sorted(
        out["pixels"].items(), key=lambda item: -item[1]
    )[:8]
    found = out["found"]
    assert found["note"] == '"PARSE": 25.0 %'
    assert found["marked"] == 4
    assert found["before"] == pytest.approx(295, abs=0.1) and found["zoomed"] == 1180
    assert found["after"] == pytest.approx(found["before"], abs=0.1)


# ---- all -------------------------------------------------------------------------------------------------------------


def check_form(name: str, path: Path) -> None:
    """Opens the file with what the tests above use."""
    if name == "pstats":
        assert stats_of(path)
    elif name == "callgrind":
        assert "events: " in path.read_text()
        gprof2dot("callgrind", path)
    elif name == "svg":
        ElementTree.parse(path)
    elif name == "csv":
        with path.open(newline="") as file:
            assert len({len(row) for row in csv.reader(file)}) == 1
    elif name == "firefox":
        json.loads(path.read_text())
    else:
        slices_to_sums(READERS[name](path)[0])


@pytest.mark.parametrize("name", FORMATS)
def test_odd_recordings(keisoku: str, tmp_path: Path, name: str) -> None:
    """Markup in names, a stack 3000 deep, a recorder that was killed: still well formed."""
    check_form(name, export(keisoku, make_recording(keisoku, "odd", tmp_path / "odd.kei"), name))


@pytest.mark.slow
def test_large_recordings_stream(keisoku: str, tmp_path: Path) -> None:
    """600 000 samples: what an export takes beyond the recording itself stays small, however long the file gets."""
    description = tmp_path / "large.txt"
    functions = "\n".join(f"function f{i} /srv/app/module{i % 7}.py {i + 1}" for i in range(60))
    base = "stack s0 " + " ".join(f"f{i}:{i + 2}" for i in range(12))
    stacks = "\n".join(f"stack s{i} +s0 f{i}:{i} f{i + 1}:7" for i in range(1, 40))
    kinds = " ".join(f"2.5%python@s{i}" for i in range(1, 40)) + " 2.5%io@s1"
    threads = "\n".join(f"thread t{i} p {i + 1} name=worker-{i}\nduring t{i} 150 {kinds}" for i in range(4))
    description.write_text(f"process p 1 python=3.12.1\n{functions}\n{base}\n{stacks}\n{threads}\n")
    recording = make_recording(keisoku, description, tmp_path / "large.kei")

    def peak(name: str) -> tuple[int, int]:
        code = (
            "import resource, subprocess, sys\n"
            "subprocess.run(sys.argv[1:], check=True)\n"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
        )
        output = tmp_path / f"large.{name}"
        words = [keisoku, "export", str(recording), "--format", name, "-o", str(output)]
        done = subprocess.run(
            [sys.executable, "-c", code, *words], check=True, capture_output=True, text=True, timeout=300
        )
        return int(done.stdout) // 1024, output.stat().st_size // 1_000_000

    base_mb, _ = peak("collapsed")
    sizes = {name: peak(name) for name in FORMATS}
    print(f"collapsed {base_mb} MiB; (MiB, MB written):", sizes)
    assert sizes["chrome"][1] > 100  # so that the bound below says something
    for name, (mb, _) in sizes.items():
        assert mb < base_mb + 16, (name, base_mb, sizes)


def test_help_lists_them(run_keisoku: Run) -> None:
    listed = {line.split()[0] for line in run_keisoku("export", "--format", "help").out.splitlines()}
    assert listed >= set(FORMATS)
