"""Tasks of asyncio (tests/recordings/tasks.txt) in other tools' formats, as their own readers see them."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

import pytest
from made import export, firefox_profiler
from support import make_recording
from timelines import READERS, slices_to_sums

# Seconds that the tasks ran; the two that are only numbered are one row.
RAN = {"fetch-1": 2.5, "handle": 1.5}
LOOP = ["<module>", "run", "BaseEventLoop._run_once"]


@pytest.fixture
def recording(keisoku: str, tmp_path: Path) -> Path:
    return make_recording(keisoku, "tasks", tmp_path / "tasks.kei")


def test_collapsed(keisoku: str, recording: Path) -> None:
    stacks = {}
    for line in export(keisoku, recording, "collapsed").read_text().splitlines():
        stack, weight = line.rsplit(" ", 1)
        stacks[tuple(frame.split(" (")[0] for frame in stack.split(";"))] = int(weight) / 1e6
    assert stacks == {
        ("MainThread", *LOOP, "task fetch-1", "fetch", "parse"): pytest.approx(2.5, rel=0.01),
        ("MainThread", *LOOP, "task handle", "handle"): pytest.approx(1.5, rel=0.01),
        ("MainThread", *LOOP, "EpollSelector.select"): pytest.approx(6, rel=0.01),
    }


def test_speedscope(keisoku: str, recording: Path) -> None:
    file = json.loads(export(keisoku, recording, "speedscope").read_text())
    names = [frame["name"] for frame in file["shared"]["frames"]]
    (profile,) = file["profiles"]
    found: dict[str, float] = defaultdict(float)
    for stack, weight in zip(profile["samples"], profile["weights"], strict=True):
        above = [names[frame] for frame in stack]
        assert above[:3] == LOOP
        if above[3].startswith("task "):
            found[above[3].removeprefix("task ")] += weight / 1e9
    assert found == pytest.approx(RAN, rel=0.01)


@pytest.mark.parametrize("name", READERS)
def test_time_lines(keisoku: str, recording: Path, name: str) -> None:
    events, _ = READERS[name](export(keisoku, recording, name))
    assert slices_to_sums(events)  # they nest
    starts: dict[str, float] = {}
    ran: dict[str, float] = defaultdict(float)
    open_slices: list[tuple[str, float]] = []
    for kind, _, slice_name, at in events:
        if kind == "B":
            open_slices.append((slice_name, at))
        else:
            slice_name, start = open_slices.pop()
            starts.setdefault(slice_name, start)
            if slice_name.startswith("task "):
                ran[slice_name.removeprefix("task ")] += at - start
    assert ran == pytest.approx(RAN, rel=0.01)
    assert starts["task fetch-1"] == starts["fetch"] < starts["task handle"] == starts["handle"]


@pytest.mark.network
@pytest.mark.slow
def test_firefox_profiler(keisoku: str, recording: Path, tmp_path: Path) -> None:
    with firefox_profiler(export(keisoku, recording, "firefox"), tmp_path) as ask:
        functions = ask("thread", "functions", "--include-idle")
        found = dict(re.findall(r"task (\S+) - self: 0s .* total: ([0-9.]+)s", functions))
        assert {name: float(total) for name, total in found.items()} == pytest.approx(RAN, rel=0.01), functions


def test_pprof(keisoku: str, recording: Path) -> None:
    """A label of the sample: pprof makes frames of it or picks by it."""
    path = export(keisoku, recording, "pprof", ending="pb.gz")
    if shutil.which("go") is None:
        pytest.skip("go is not installed: its pprof is the reader here")
    env = {**os.environ, "PPROF_TMPDIR": str(recording.parent), "GOTOOLCHAIN": "local"}

    def pprof(*words: str) -> str:
        command = ["go", "tool", "pprof", *words, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=400, env=env, cwd=recording.parent)
        if "no such tool" in done.stderr or "not found" in done.stderr:
            pytest.skip("this go has no pprof")
        assert done.returncode == 0, done.stderr
        return done.stdout

    tags = pprof("-tags", "-sample_index=cpu", "-unit=ms")
    rows = re.findall(r"([0-9.]+)ms .*: (fetch-1|handle)$", tags, re.MULTILINE)
    assert {name: float(ms) / 1e3 for ms, name in rows} == pytest.approx(RAN, rel=0.01), tags
    only = pprof("-top", "-tagfocus=task=handle", "-sample_index=cpu")
    assert " handle" in only and " parse" not in only


def test_svg(keisoku: str, recording: Path) -> None:
    root = ElementTree.parse(export(keisoku, recording, "svg")).getroot()
    space = {"s": "http://www.w3.org/2000/svg"}
    found = {}
    for group in root.iterfind("s:g", space):
        name, numbers = group.findtext("s:title", "", space).split("\n")
        if name.startswith("task "):
            found[name.removeprefix("task ")] = float(numbers.split(" s,")[0])
            rectangle = group.find("s:rect", space)
            assert rectangle is not None and rectangle.get("class") == "t"
    assert found == pytest.approx(RAN, rel=0.01)


def test_csv(keisoku: str, recording: Path) -> None:
    ran: dict[str, float] = defaultdict(float)
    with export(keisoku, recording, "csv").open(newline="") as file:
        for row in csv.DictReader(file):
            ran[row["task"]] += float(row["cpu_s"])
    assert ran == pytest.approx({**RAN, "": 0.0}, rel=0.01)


def test_call_graphs_know_functions_only(keisoku: str, recording: Path) -> None:
    assert "task " not in export(keisoku, recording, "callgrind").read_text()
    assert b"task " not in export(keisoku, recording, "pstats").read_bytes()


@pytest.mark.parametrize("at_root", ["coroutine not known", "coroutine not on the stack"])
def test_where_the_coroutine_is_not_seen(keisoku: str, tmp_path: Path, at_root: str) -> None:
    description = tmp_path / "odd.txt"
    coroutine = "-" if at_root == "coroutine not known" else "other"
    description.write_text(
        "process p 1 python=3.12.1\nthread t p 1 name=T\nfunction f /a.py 3\nfunction other /a.py 9\n"
        f"stack f f:4\ntask one t {coroutine} name=a;b\nduring t 1 python@f task=one\n"
    )
    text = export(keisoku, make_recording(keisoku, description, tmp_path / "odd.kei"), "collapsed").read_text()
    assert text == "T;task a:b;f (a.py:4) 1000000\n"
