"""The score of predictions: kept by bench --from in the recording, shown by report --gains."""

from __future__ import annotations

import json
import math
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support import TOP, Run

SCHEMA = json.loads((TOP / "docs" / "gains.schema.json").read_text())
LOOP = TOP / "tests" / "recordings" / "hot-loop.txt"
BENCH = ("bench", "sleep 0.02", "sleep 0.008", "--rounds", 5, "--no-warmup", "--from")
MakeRecording = Callable[[Path, Path], None]


def gains(run_keisoku: Run, *paths: object) -> dict[str, Any]:
    done = run_keisoku("report", "--gains", "--json", *paths)
    assert done.status == 0, done.err
    value = json.loads(done.out)
    assert isinstance(value, dict)
    jsonschema.validate(value, SCHEMA)
    return value


def test_kept_and_shown(run_keisoku: Run, make_recording: MakeRecording, tmp_path: Path) -> None:
    make_recording(LOOP, tmp_path / "loop.kei")
    before = gains(run_keisoku, "loop.kei")
    assert before["gains"] == [] and "median_distance" not in before
    assert "No prediction was held to a measurement yet" in run_keisoku("report", "loop.kei", "--gains").out
    done = run_keisoku(*BENCH, "loop.kei")
    assert "kept in loop.kei" in done.out, done.out
    predicted = json.loads(run_keisoku("report", "loop.kei", "--json").out)["findings"][0]["predicted_gain"]
    (one,) = gains(run_keisoku, "loop.kei")["gains"]
    assert one["predicted"] == {key: pytest.approx(predicted[key]) for key in ("low", "high")}
    assert (one["tag"], one["place"]) == ("hot-loop", "orders.py:41")
    assert (one["before"], one["after"]) == ("sleep 0.02", "sleep 0.008")
    assert 0 < one["achieved"]["low"] <= one["achieved"]["value"] <= one["achieved"]["high"]
    shown = run_keisoku("report", "loop.kei", "--gains").out
    assert "score  " in shown and "A  sleep 0.02\n" in shown
    assert all(len(line) <= 80 for line in shown.splitlines()), shown


def test_score_of_several(run_keisoku: Run, make_recording: MakeRecording, tmp_path: Path) -> None:
    """Distances by hand: inside, a factor of two above, a factor of four below."""
    for name, achieved in (("a.kei", [3.0]), ("b.kei", [8.0, 0.5])):
        make_recording(LOOP, tmp_path / name)
        with sqlite3.connect(tmp_path / name) as db:
            for at, gain in enumerate(achieved):
                row = (at, "hot-loop", "a.py:1", 2.0, 4.0, 4.0, gain, gain, gain, "A", "B")
                db.execute("INSERT INTO gain VALUES(?,?,?,?,?,?,?,?,?,?,?)", row)
    result = gains(run_keisoku, "a.kei", "b.kei")
    assert [one["distance"] for one in result["gains"]] == [0, 1, -2]
    assert (result["inside"], result["median_distance"]) == (1, 1)
    assert "1 of 3 inside" in run_keisoku("report", "--gains", "a.kei", "b.kei").out


def test_an_earlier_recording(run_keisoku: Run, make_recording: MakeRecording, tmp_path: Path) -> None:
    make_recording(LOOP, tmp_path / "old.kei")
    with sqlite3.connect(tmp_path / "old.kei") as db:
        db.execute("DROP TABLE gain")
    assert gains(run_keisoku, "old.kei")["gains"] == []
    assert "kept in old.kei" in run_keisoku(*BENCH, "old.kei").out
    assert len(gains(run_keisoku, "old.kei")["gains"]) == 1
    assert run_keisoku("report", "old.kei").status == 0


def test_what_is_not_kept(run_keisoku: Run, make_recording: MakeRecording, tmp_path: Path) -> None:
    make_recording(LOOP, tmp_path / "loop.kei")
    failing = run_keisoku("bench", "sleep 0.01", "sh -c 'exit 0'", "--rounds", 2, "--no-warmup", "--from", "loop.kei")
    assert failing.status == 0 and "kept in" not in failing.out  # too few rounds: nothing is claimed
    with sqlite3.connect(tmp_path / "loop.kei") as db:
        db.execute("DELETE FROM meta WHERE key = 'complete'")
    done = run_keisoku(*BENCH, "loop.kei")
    said = done.out.replace("\n      ", " ")
    assert done.status == 0 and "the gain was not kept: " in said and "not ended properly" in said, done.out
    assert gains(run_keisoku, "loop.kei")["gains"] == []
    if os.geteuid() != 0:  # root may write anything
        make_recording(LOOP, tmp_path / "locked.kei")
        (tmp_path / "locked.kei").chmod(0o400)
        assert "the gain was not kept: " in run_keisoku(*BENCH, "locked.kei").out


def test_hostile_files(run_keisoku: Run, make_recording: MakeRecording, tmp_path: Path) -> None:
    def damaged(name: str, *statements: str) -> Path:
        make_recording(LOOP, tmp_path / name)
        with sqlite3.connect(tmp_path / name) as db:
            for statement in statements:
                db.execute(statement)
        return tmp_path / name

    values = "1, 'x', 'y', {low}, 2, 2, {achieved}, 1, 1, 'a', 'b'"
    for low, achieved in (("-1", "1"), ("1", "-1"), ("9e999", "1"), ("'text'", "1"), ("3", "1"), ("NULL", "NULL")):
        path = damaged("bad.kei", f"INSERT INTO gain VALUES({values.format(low=low, achieved=achieved)})")
        done = run_keisoku("report", "--gains", path.name)
        assert (done.status, done.out, done.err.count("\n")) == (2, "", 1), (low, achieved, done)
        path.unlink()
    view = damaged("view.kei", "DROP TABLE gain", "CREATE VIEW gain AS SELECT 1")
    done = run_keisoku("report", "--gains", view.name)
    assert done.status == 2 and "a table is missing or not what it should be" in done.err
    trigger = damaged("trigger.kei", "CREATE TRIGGER t AFTER INSERT ON gain BEGIN DELETE FROM thread; END")
    threads = sqlite3.connect(trigger).execute("SELECT count(*) FROM thread").fetchone()
    run_keisoku(*BENCH, trigger.name)
    assert sqlite3.connect(trigger).execute("SELECT count(*) FROM thread").fetchone() == threads
    escape = damaged(
        "escape.kei", "INSERT INTO gain VALUES(1, char(27)||'[31m', 'y', 1, 2, 2, 1.5, 1, 2, 'a', char(10))"
    )
    assert "\x1b" not in run_keisoku("report", "--gains", escape.name).out
    assert not math.isnan(gains(run_keisoku, escape.name)["median_distance"])


def test_bad_input(run_keisoku: Run, make_recording: MakeRecording, tmp_path: Path) -> None:
    make_recording(LOOP, tmp_path / "loop.kei")
    (tmp_path / "text").write_text("{}")
    for words, status, part in [
        (["report", "--gains"], 2, "FILE is missing"),
        (["report", "--gains", "nothing.kei"], 2, "nothing.kei"),
        (["report", "--gains", "text"], 2, "text"),
        (["report", "--gains", "loop.kei", "--html", "x.html"], 2, "no page"),
        (["bench", "true", "true", "--finding", "2"], 125, "add --from"),
        (["bench", "true", "true", "--from", "loop.kei", "--finding", "99"], 125, "--finding 99 is none of them"),
    ]:
        done = run_keisoku(*words)
        assert done.status == status, (words, done.err)
        assert part in done.err and done.err.count("\n") == 1 and done.out == "", (words, done.err)
