"""Who holds a lock: in the JSON report, below the line that waits, and kept by merge and by a part that is cut out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support import TOP, Run, make_recording

SCHEMA = json.loads((TOP / "docs" / "report.schema.json").read_text())


def locks_of(run_keisoku: Run, recording: str) -> list[dict[str, Any]]:
    shown = json.loads(run_keisoku("report", recording, "--json").out)
    jsonschema.validate(shown, SCHEMA)
    locks: list[dict[str, Any]] = shown["states"]["locks"]
    return locks


def test_holders_are_told(run_keisoku: Run, keisoku: str, tmp_path: Path) -> None:
    recording = make_recording(keisoku, "locks", tmp_path / "locks.kei").name
    want, bare, many = locks_of(run_keisoku, recording)
    assert (want["function"], want["line"], want["looks"]) == ("want", 31, 100)
    told = [(one.get("function"), one.get("line"), one.get("thread"), one["share"]) for one in want["holders"]]
    assert told == [
        ("Store.keep", 12, "MainThread", 0.6),
        ("Store.keep", 13, "MainThread", 0.2),
        ("other", 21, "two", 0.15),
        (None, None, None, 0.05),
    ]
    first = want["holders"][0]
    assert first["readable"] and (first["low"], first["high"]) == (
        pytest.approx(0.502, abs=1e-3),
        pytest.approx(0.6906, abs=1e-3),
    )
    assert [one["readable"] for one in bare["holders"]] == [False]
    lines = [line.strip() for line in run_keisoku("report", recording).out.splitlines()]
    assert "lock held by `keep` at store.py:12 (80 % of 100 looks)" in lines
    assert many["holders"][0]["function"] == "other"
    assert "lock held by `keep` at store.py:13 (67 % of 46 looks)" in lines
    assert not any("bare" in line and "held" in line for line in lines)


def test_holders_are_kept(run_keisoku: Run, keisoku: str, tmp_path: Path) -> None:
    recording = make_recording(keisoku, "locks", tmp_path / "locks.kei").name
    before = locks_of(run_keisoku, recording)
    run_keisoku("merge", recording, "-o", "merged.kei")
    assert locks_of(run_keisoku, "merged.kei") == before
