"""Counts of calls: in the JSON report, in a column of their own, and in the findings that they complete."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support import TOP, Run, make_recording

SCHEMA = json.loads((TOP / "docs" / "report.schema.json").read_text())
COLUMN = " self  total       calls  function"


@pytest.fixture
def recording(keisoku: str, tmp_path: Path) -> str:
    return make_recording(keisoku, "calls", tmp_path / "calls.kei").name


def report_of(run_keisoku: Run, *words: str) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(run_keisoku("report", *words, "--json").out)
    jsonschema.validate(shown, SCHEMA)
    return shown


def test_counts_are_told(run_keisoku: Run, recording: str) -> None:
    functions = {row["function"]: row for row in report_of(run_keisoku, recording)["functions"]}
    assert (functions["price"]["calls"], functions["hours_of"]["calls"]) == (20_000, 123_456_789)
    assert functions["price"]["repeated_calls"] == {
        "told": 20_000,
        "repeats": 19_628,
        "gave_none": 0,
        "compared": 19_628,
        "changed": 0,
    }
    assert functions["write_line"]["calls"] == 20_000 and "repeated_calls" not in functions["write_line"]
    assert "calls" not in functions["dumps"]


def test_counts_have_a_column(run_keisoku: Run, recording: str, keisoku: str, tmp_path: Path) -> None:
    lines = run_keisoku("report", recording, "--top", "10").out.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(COLUMN))
    assert max(len(line) for line in lines[at : at + 6]) <= 80
    rows = {line[26:55].strip(): line[14:24].strip() for line in lines[at + 1 : at + 5]}
    assert rows == {"price": "20 000", "hours_of": "123 M", "write_line": "20 000", "dumps": ""}, lines
    bare = make_recording(keisoku, "hot-loop", tmp_path / "bare.kei").name
    assert not any("calls" in line for line in run_keisoku("report", bare, "--top", "10").out.splitlines())


def test_a_finding_is_complete(run_keisoku: Run, recording: str) -> None:
    first = report_of(run_keisoku, recording)["findings"][0]
    assert (first["tag"], first["place"]["function"], first["place"]["line"]) == ("repeated-work", "price", 12)
    assert "called 20000 times with only 372 different arguments" in first["sentence"]
    assert "next_measurement" not in first
    measures = {one["measure"]: one["value"] for one in first["evidence"]}
    assert measures["calls"] == 20_000
    assert measures["calls with arguments it had before"] == pytest.approx(0.9814)
    assert measures["CPU time of a call"] == pytest.approx(150e-6, rel=0.1)


def test_a_part_has_no_counts(run_keisoku: Run, recording: str) -> None:
    part = report_of(run_keisoku, recording, "--from", "1", "--to", "3")
    assert all("calls" not in row for row in part["functions"])
    assert all(one["tag"] != "repeated-work" for one in part["findings"])
