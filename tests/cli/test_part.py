"""A report of a part of a recording: everything in it is of that part. The recording knows its own stretches."""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import re
import zlib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support import TOP, Run, make_recording


@pytest.fixture(scope="module")
def recording(keisoku: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_recording(keisoku, "parts", tmp_path_factory.mktemp("part") / "parts.kei")


def report_of(run_keisoku: Run, recording: Path, *words: object) -> dict[str, Any]:
    done = run_keisoku("report", recording, "--json", *words)
    assert done.status == 0, done.err
    value: dict[str, Any] = json.loads(done.out)
    jsonschema.validate(value, json.loads((TOP / "docs" / "report.schema.json").read_text()))
    return value


def seconds(report: dict[str, Any], clock: str = "wall") -> dict[str, float]:
    """Seconds in each state: the shares times the thread-seconds that they are of."""
    total = sum(row["self_wall_s"] for row in report["functions"])
    if clock == "cpu":
        total = report["stat"]["cpu_s"]
    return {name: row["share"] * total for name, row in report["states"][clock].items() if row["share"] > 0}


def functions(report: dict[str, Any]) -> dict[str, float]:
    return {row["function"]: row["self_wall_s"] for row in report["functions"]}


def near(value: dict[str, float]) -> Any:
    return pytest.approx(value, abs=0.02)


def test_the_whole(run_keisoku: Run, recording: Path) -> None:
    report = report_of(run_keisoku, recording)
    assert "part" not in report["recording"]
    assert seconds(report) == near({"io": 2, "python": 4, "lock": 1, "native": 5})
    assert functions(report) == near({"wait_for_data": 3, "parse": 7, "child": 2, "pack": 0})
    assert report["memory"]["peak_rss_bytes"] == 9_000_000


def test_a_thread(run_keisoku: Run, recording: Path) -> None:
    report = report_of(run_keisoku, recording, "--thread", 410)
    assert report["recording"]["part"] == {"thread": 410}
    assert report["states"]["of"] == [410]
    assert [thread["tid"] for thread in report["states"]["threads"]] == [410]
    assert seconds(report) == near({"native": 5})
    assert seconds(report, "cpu") == near({"native": 5})
    assert functions(report) == near({"parse": 5, "pack": 0})
    assert report["stat"]["cpu_s"] == pytest.approx(5, abs=0.01)
    assert [process["pid"] for process in report["recording"]["processes"]] == [400]
    assert "memory" not in report and "user_s" not in report["stat"]  # they are the process's
    assert report["trust"]["samples"] < report_of(run_keisoku, recording)["trust"]["samples"]
    assert report["trust"]["lost"] == {"overrun": 7}  # of the whole recording, as the note says


def test_an_idle_worker_that_is_asked_for(run_keisoku: Run, recording: Path) -> None:
    report = report_of(run_keisoku, recording, "--thread", 411)
    assert report["states"]["of"] == [411]
    assert seconds(report) == near({"idle": 5})


def test_a_process(run_keisoku: Run, recording: Path) -> None:
    report = report_of(run_keisoku, recording, "--process", 401)
    assert seconds(report) == near({"python": 2})
    assert functions(report) == near({"child": 2})
    assert [process["pid"] for process in report["recording"]["processes"]] == [401]
    assert "user_s" not in report["stat"]


def test_a_stretch(run_keisoku: Run, recording: Path) -> None:
    """It cuts through a two-second wait that is one sample, and through counters."""
    report = report_of(run_keisoku, recording, "--from", "1s", "--to", "3s")
    assert report["recording"]["part"] == {"from_s": 1, "to_s": 3}
    assert report["recording"]["duration_s"] == 2
    assert seconds(report) == near({"io": 1, "python": 1, "native": 2})
    assert sorted(report["states"]["of"]) == [400, 410]
    assert functions(report) == near({"wait_for_data": 1, "parse": 3, "pack": 0})
    assert report["stat"]["cpu_s"] == pytest.approx(3, abs=0.02)
    assert report["stat"]["user_s"] == pytest.approx(3.5)
    assert report["memory"]["peak_rss_bytes"] == 4_000_000
    late = report_of(run_keisoku, recording, "--from", "4s")
    assert seconds(late) == near({"lock": 1, "python": 1, "native": 1})


def test_the_parts_make_the_whole(run_keisoku: Run, recording: Path) -> None:
    sums: dict[str, float] = {}
    for start, end in ((0, 1.3), (1.3, 2.9), (2.9, 5)):
        for name, value in seconds(report_of(run_keisoku, recording, "--from", start, "--to", end)).items():
            sums[name] = sums.get(name, 0) + value
    assert sums == near({"io": 2, "python": 4, "lock": 1, "native": 5})


def test_the_screen(run_keisoku: Run, recording: Path) -> None:
    whole = run_keisoku("report", recording).out
    part = run_keisoku("report", recording, "--thread", 400, "--from", "1s", "--to", "2s").out
    assert "a part of the recording: thread 400, 1.000 s to 2.000 s" in " ".join(part.split())
    assert "1.00 s wall" in part and "1 thread" in part, part
    assert "wait_for_data" in part and "parse" in whole
    assert (
        "pack" not in part and "parse" not in part.replace("parse.py", "") and "native" not in part.split("wall ", 2)[2]
    ), part
    verdicts = [next(line for line in text.splitlines() if line.startswith("  Stop here")) for text in (whole, part)]
    assert verdicts[0] != verdicts[1]


def test_the_page(run_keisoku: Run, recording: Path, tmp_path: Path) -> None:
    done = run_keisoku("report", recording, "--html", "part.html", "--process", 401)
    assert done.status == 0, done.err
    data = b""
    for blob in re.findall(r">([A-Za-z0-9+/=\s]{40,})<", (tmp_path / "part.html").read_text()):
        with contextlib.suppress(zlib.error, binascii.Error):
            data += zlib.decompress(base64.b64decode(blob))
    assert b"a part of the recording: process 401" in data
    assert b"/srv/parts.py" in data and b"child" in data
    assert b"wait_for_data" not in data


def test_what_is_not_there(run_keisoku: Run, recording: Path) -> None:
    for words, what in ((("--from", "9s"), "ends after 5"), (("--thread", 9), "9"), (("--process", 9), "9")):
        done = run_keisoku("report", recording, *words)
        assert done.status == 2
        assert done.out == "" and len(done.err.splitlines()) == 1 and what in done.err
