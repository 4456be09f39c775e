"""Sampled allocations: in the JSON report, on the screen, in the view `memory`, and in recordings made of others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support import TOP, Run, make_recording

SCHEMA = json.loads((TOP / "docs" / "report.schema.json").read_text())
LINES = [("draw", 14, 80_000_000), ("prices", 33, 12_000_000), ("<module>", 66, 0)]


@pytest.fixture
def recording(keisoku: str, tmp_path: Path) -> str:
    return make_recording(keisoku, "allocs", tmp_path / "allocs.kei").name


def report_of(run_keisoku: Run, *words: str) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(run_keisoku("report", *words, "--json").out)
    jsonschema.validate(shown, SCHEMA)
    return shown


def lines_of(shown: dict[str, Any]) -> list[tuple[str, int, int]]:
    return [(row["function"], row["line"], row["most_bytes"]) for row in shown["allocations"]["lines"]]


def test_own_lines_are_told(run_keisoku: Run, recording: str) -> None:
    shown = report_of(run_keisoku, recording)
    totals = {key: value for key, value in shown["allocations"].items() if key != "lines"}
    assert totals == {"bytes": 112_000_000, "blocks": 131_510, "most_bytes": 96_000_000, "most_blocks": 119_018}
    assert lines_of(shown) == LINES
    assert {row["line"]: row["alloc_bytes"] for row in shown["lines"]} == {14: 90_000_000, 33: 3_000_000}


def test_the_screen_has_the_largest(run_keisoku: Run, recording: str, keisoku: str, tmp_path: Path) -> None:
    lines = run_keisoku("report", recording, "--top", "10").out.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(" in use of"))
    assert lines[at] == " in use of   96 MB  asked for by (Python's allocators; 112 MB in all)"
    assert [line.split()[:4] for line in lines[at + 1 : at + 3]] == [["80", "MB", "83", "%"], ["12", "MB", "12", "%"]]
    assert lines[at + 1].endswith("shop.py:14") and lines[at + 2].endswith("shop.py:33")
    assert max(len(line) for line in lines) <= 80
    bare = make_recording(keisoku, "hot-loop", tmp_path / "bare.kei").name
    assert not any("in use of" in line for line in run_keisoku("report", bare, "--top", "10").out.splitlines())


def test_it_can_be_asked_for(run_keisoku: Run, recording: str) -> None:
    done = run_keisoku("query", recording, "--csv", "SELECT function, line, bytes FROM memory ORDER BY bytes DESC")
    assert done.out.splitlines()[1:] == ["draw,14,90000000", "raw_decode,353,12000000", "prices,33,3000000"] + [
        "<module>,66,2000000"
    ]


def test_merged_and_kept(run_keisoku: Run, recording: str, keisoku: str, tmp_path: Path) -> None:
    other = make_recording(keisoku, "allocs", tmp_path / "other.kei").name
    assert run_keisoku("merge", recording, other, "-o", "both.kei").status == 0
    assert lines_of(report_of(run_keisoku, "both.kei")) == [(name, line, 2 * most) for name, line, most in LINES]


def test_a_part_has_none(run_keisoku: Run, recording: str) -> None:
    assert "allocations" not in report_of(run_keisoku, recording, "--from", "1", "--to", "3")
