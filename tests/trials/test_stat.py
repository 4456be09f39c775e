"""keisoku stat: its numbers are those of `time -v` and of the program's own getrusage; what cannot be counted is not 0."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from interpreters import Interpreter
from support import TOP, Run

SCHEMA = json.loads((TOP / "docs" / "stat.schema.json").read_text())
# Knows what it uses, and says so at its end.
TRUTH = """
import json, mmap, os, resource, subprocess, sys, time
area = mmap.mmap(-1, 64 << 20)
for at in range(0, len(area), 4096):
    area[at] = 1
for _ in range(50):
    time.sleep(0.001)
with open(sys.argv[1], "wb") as out:
    for _ in range(20):
        out.write(b"x" * 100000)
        out.flush()
subprocess.check_call(["sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"])
own, waited = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
names = ["ru_utime", "ru_stime", "ru_minflt", "ru_majflt", "ru_nvcsw", "ru_nivcsw"]
values = {name: getattr(own, name) + getattr(waited, name) for name in names}
values["ru_maxrss"] = max(own.ru_maxrss, waited.ru_maxrss)
json.dump(values, open(sys.argv[2], "w"))
"""

HARDWARE = {
    "cycles": "cycles",
    "instructions": "instructions",
    "branches": "branches",
    "cache_misses": "cache misses",
    "stalled_cycles_frontend": "stalled, front end",
    "stalled_cycles_backend": "stalled, back end",
}


def stat(run_keisoku: Run, folder: Path, *words: object) -> dict[str, Any]:
    done = run_keisoku("stat", "-q", "--json", "stat.json", *words)
    assert done.status == 0, done.err
    value = json.loads((folder / "stat.json").read_text())
    assert isinstance(value, dict)
    jsonschema.validate(value, SCHEMA)
    return value


@pytest.mark.alone
def test_it_counts_what_the_program_counts_itself(run_keisoku: Run, tmp_path: Path, a_python: Interpreter) -> None:
    (tmp_path / "truth.py").write_text(TRUTH)
    measures = stat(run_keisoku, tmp_path, "--", a_python.path, "truth.py", "data", "own.json")["measures"]
    own = json.loads((tmp_path / "own.json").read_text())
    # The interpreter's own end comes after the program looked.
    assert measures["peak_rss_bytes"]["mean"] == pytest.approx(own["ru_maxrss"] * 1024, rel=0.02)
    assert measures["user_s"]["mean"] + measures["system_s"]["mean"] == pytest.approx(
        own["ru_utime"] + own["ru_stime"], rel=0.2, abs=0.03
    )
    assert 0 <= measures["minor_faults"]["mean"] - own["ru_minflt"] < 500
    assert measures["minor_faults"]["mean"] > 64 * 256
    assert 0 <= measures["voluntary_switches"]["mean"] - own["ru_nvcsw"] < 20
    assert measures["voluntary_switches"]["mean"] >= 50
    assert measures["written_bytes"]["mean"] >= 2_000_000
    assert measures["written_bytes"]["mean"] < 2_100_000
    assert measures["write_calls"]["mean"] >= 20
    assert measures["cpu_s"]["mean"] == pytest.approx(measures["user_s"]["mean"] + measures["system_s"]["mean"])
    assert measures["cores_used"]["mean"] == pytest.approx(measures["cpu_s"]["mean"] / measures["wall_s"]["mean"])
    assert measures["wall_s"]["mean"] >= 0.05


@pytest.mark.alone
def test_it_agrees_with_time(run_keisoku: Run, tmp_path: Path, a_python: Interpreter) -> None:
    time = shutil.which("time")
    if time is None:
        pytest.skip("GNU time is not installed")
    code = "x = bytearray(40 << 20); sum(i * i for i in range(500000))"
    program = [a_python.path, "-c", code]
    told = subprocess.run([time, "-v", *program], capture_output=True, text=True, check=True).stderr
    theirs = {key.strip(): value for key, value in re.findall(r"^\s*(.+?): ([\d.:]+)", told, re.MULTILINE)}
    ours = stat(run_keisoku, tmp_path, "--repeat", "3", "--", *program)["measures"]
    assert ours["peak_rss_bytes"]["mean"] / 1024 == pytest.approx(
        float(theirs["Maximum resident set size (kbytes)"]), rel=0.05
    )
    faults = float(theirs["Minor (reclaiming a frame) page faults"])
    assert ours["minor_faults"]["mean"] == pytest.approx(faults, rel=0.05)
    assert ours["cpu_s"]["mean"] == pytest.approx(
        float(theirs["User time (seconds)"]) + float(theirs["System time (seconds)"]), rel=0.5, abs=0.05
    )


def test_counters_that_the_machine_lacks_are_not_zero(run_keisoku: Run, tmp_path: Path) -> None:
    done = run_keisoku("stat", "--json", "out.json", "--csv", "out.csv", "--repeat", "2", "--", "sleep", "0.01")
    assert done.status == 0
    measures = json.loads((tmp_path / "out.json").read_text())["measures"]
    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    for name, label in HARDWARE.items():
        measure = measures[name]
        if "missing" in measure:
            assert {row[name] for row in rows} == {""}
            assert re.search(rf"^{label} +not (supported here|permitted|counted)$", done.err, re.MULTILINE)
        else:
            assert measure["mean"] > 0
    assert float(rows[0]["wall_s"]) >= 0.01
    assert measures["wall_s"]["runs"] == [pytest.approx(float(row["wall_s"])) for row in rows]


@pytest.mark.parametrize(
    ("repeat", "place"),
    [
        (1, r"^page faults   [ \d]+  ([\d.]+) ?([kM]?) a second$"),
        (3, r"^page faults   .*\n +([\d.]+) ?([kM]?) a second$"),
    ],
)
def test_counts_have_a_rate(run_keisoku: Run, tmp_path: Path, repeat: int, place: str) -> None:
    """So many for each second of the task clock: beside the value, or below it where there are several runs."""
    done = run_keisoku("stat", "--repeat", repeat, "--json", "out.json", "--", "sh", "-c", "exit 0")
    measures = json.loads((tmp_path / "out.json").read_text())["measures"]
    clock = measures["task_clock_s"]
    if "missing" in clock:
        pytest.skip(f"task clock: {clock['missing']}")
    for name in ("page_faults", "context_switches", "cpu_migrations"):
        assert measures[name]["per_second"] == pytest.approx(measures[name]["mean"] / clock["mean"], rel=1e-6)
    assert "per_second" not in measures["minor_faults"]
    told = re.search(place, done.err, re.MULTILINE)
    assert told is not None, done.err
    shown = float(told[1]) * {"": 1, "k": 1e3, "M": 1e6}[told[2]]
    assert shown == pytest.approx(measures["page_faults"]["per_second"], rel=0.01)


def test_the_size_of_a_page(run_keisoku: Run, tmp_path: Path) -> None:
    done = run_keisoku("stat", "--json", "out.json", "--", "true")
    size = os.sysconf("SC_PAGESIZE")
    assert f"1 run, exit status 0, pages of {size} bytes\n" in done.err
    assert json.loads((tmp_path / "out.json").read_text())["page_bytes"] == size


def test_the_table_fits(run_keisoku: Run) -> None:
    done = run_keisoku("stat", "--repeat", "3", "--", "sh", "-c", "exit 0" + " " * 200)
    assert all(len(line) <= 80 for line in done.err.splitlines()), done.err
    assert "3 runs, exit status 0" in done.err


def test_streams_and_status_are_the_programs(run_keisoku: Run) -> None:
    done = run_keisoku("stat", "sh", "-c", "cat; echo here; exit 7", input="given\n")
    assert (done.status, done.out) == (7, "given\nhere\n")
    assert "exit status 7" in done.err
    done = run_keisoku("stat", "-q", "sh", "-c", "kill -9 $$")
    assert (done.status, done.err) == (137, "")
    done = run_keisoku("stat", "sh", "-c", "kill -9 $$")
    assert "signal 9 (Killed)" in done.err


def test_runs_that_end_differently(run_keisoku: Run, tmp_path: Path) -> None:
    done = run_keisoku("stat", "-r", "4", "sh", "-c", "echo x >>count; exit $(($(wc -l <count) % 2))")
    assert done.status == 1
    assert "4 runs, 2 with exit status 1, 2 with exit status 0" in done.err


def test_bad_input(run_keisoku: Run, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no program")
    for words, status, part in [
        ([], 125, "PROGRAM is missing"),
        (["--repeat", "0", "true"], 125, "--repeat 0 is not usable"),
        (["--repeat", "x", "true"], 125, "--repeat x is not usable"),
        (["no-such-program"], 127, "no-such-program"),
        (["./text"], 126, "text"),
        (["--json", "no-such-folder/x.json", "-q", "true"], 0, "no-such-folder/x.json"),
    ]:
        done = run_keisoku("stat", *words)
        assert done.status == status, (words, done.err)
        assert part in done.err and done.err.count("\n") == 1 and done.err.startswith("keisoku: "), done.err
        assert done.out == ""


def test_a_terminated_series_ends(keisoku: str, tmp_path: Path) -> None:
    """What is sent to us alone reaches the program, and no further run begins."""
    process = subprocess.Popen(
        [keisoku, "stat", "-r", "1000", "sh", "-c", "echo started; exec sleep 30"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    process.terminate()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 128 + 15
    assert out == ""
    assert "1 run of those asked for, signal 15" in err
