"""What report, JSON, merge and parts make of a recording with tasks (tests/recordings/tasks.txt)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support import TOP, Run, make_recording, sql

SCHEMA = json.loads((TOP / "docs" / "report.schema.json").read_text())


@pytest.fixture
def made(keisoku: str, tmp_path: Path) -> Path:
    return make_recording(keisoku, "tasks", tmp_path / "tasks.kei")


def report(run_keisoku: Run, *words: object) -> dict[str, Any]:
    done = run_keisoku("report", "--json", *words)
    assert done.status == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    jsonschema.validate(found, SCHEMA)
    return found


def test_json(run_keisoku: Run, made: Path) -> None:
    found = report(run_keisoku, made)
    tasks = {task.get("name", task.get("coroutine")): task for task in found["tasks"]}
    assert list(tasks)[:2] == ["fetch-1", "handle"]
    assert tasks["fetch-1"]["cpu_s"] == pytest.approx(2.5, rel=0.02)
    assert tasks["fetch-1"]["awaited_by"] == "refresh"
    assert tasks["fetch-1"]["waits_in"]["function"] == "get"
    assert tasks["handle"]["count"] == 2
    assert tasks["handle"]["cpu_s"] == pytest.approx(1.5, rel=0.02)
    assert tasks["refresh"]["wait_s"] == 6.5
    assert tasks["refresh"]["waits_in"]["on"] == "_GatheringFuture"
    assert found["marks"] == {"exception": pytest.approx(0.05, rel=0.02)}


def test_text(run_keisoku: Run, made: Path) -> None:
    done = run_keisoku("report", "--tasks", made)
    assert done.status == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == "tasks of asyncio  100 % of the CPU time is in tasks"
    assert lines[2].split() == ["63", "%", "4.00", "s", "fetch-1", "(fetch)", "get", "client.py:120,", "on", "Future…"]
    assert lines[3].split()[4:6] == ["handle", "×2"]
    assert "refresh" in lines[4] and "on 2 t" in lines[4]
    screen = run_keisoku("report", made)
    assert "5 % with an exception on its way or being handled" in screen.out


def test_a_recording_without_tasks(run_keisoku: Run, keisoku: str, tmp_path: Path) -> None:
    made = make_recording(keisoku, "hot-loop", tmp_path / "hot.kei")
    said = run_keisoku("report", "--tasks", made).out
    assert said == "no task of asyncio was seen, and no greenlet (Python 3.8 and later)\n"
    assert "tasks" not in report(run_keisoku, made)


def test_part(run_keisoku: Run, made: Path) -> None:
    tasks = report(run_keisoku, made, "--from", "3s", "--to", "4s")["tasks"]
    assert tasks[0]["coroutine"] == "handle"
    assert tasks[0]["cpu_s"] == pytest.approx(1, rel=0.02)
    assert all("wait_s" not in task and task["cpu_s"] == 0 for task in tasks[1:])


def test_merge(run_keisoku: Run, made: Path, keisoku: str, tmp_path: Path) -> None:
    other = make_recording(keisoku, "hot-loop", tmp_path / "hot.kei")
    output = tmp_path / "merged.kei"
    assert run_keisoku("merge", other, made, "-o", output).status == 0
    query = "SELECT name, coroutine, awaited_by, ticks, wait_s FROM tasks"
    assert sql(output, query) == sql(made, query)
    whole, merged = (report(run_keisoku, path)["tasks"] for path in (made, output))
    assert [task["waits_in"] for task in whole if "waits_in" in task] == [
        task["waits_in"] for task in merged if "waits_in" in task
    ]
