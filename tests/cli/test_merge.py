"""keisoku merge: nothing is lost, nothing is mixed up, and the file is as safe as every other."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import sqlite3
import stat
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import TOP, Run, sql

RECORDINGS = TOP / "tests" / "recordings"
Make = Callable[[Path, Path], Path]
Parts = dict[str, Path]
# File → what stands before its description: hot and again are two runs on one host with the same numbers.
HEADS = {
    "hot": ("hot-loop", "host web1\nstarted 10\n"),
    "again": ("hot-loop", "host web1\nstarted 25.00000123\n"),
    "waits": ("waits", "host web2\nstarted 12.5\n"),
    "exports": ("exports", "host web1\nstarted 11\n"),
}


@pytest.fixture(scope="module")
def parts(make_recording: Make, tmp_path_factory: pytest.TempPathFactory) -> Parts:
    folder = tmp_path_factory.mktemp("parts")
    made = {}
    for name, (description, head) in HEADS.items():
        text = (RECORDINGS / f"{description}.txt").read_text()
        # Paths in a description are relative to it.
        text = re.sub(r"^(source .* )(\S+)$", rf"\1{RECORDINGS}/\2", text, flags=re.MULTILINE)
        (folder / f"{name}.txt").write_text(head + re.sub(r"^host .*\n", "", text, flags=re.MULTILINE))
        made[name] = make_recording(folder / f"{name}.txt", folder / f"{name}.kei")
    return made


@pytest.fixture
def merged(run_keisoku: Run, report: Callable[[Path], dict[str, Any]], parts: Parts, tmp_path: Path) -> Path:
    done = run_keisoku("merge", *parts.values(), "-o", tmp_path / "all.kei")
    assert (done.status, done.out) == (0, ""), done.err
    said = re.search(r"wrote .*all\.kei: (\d+) samples, 7 processes, 2 hosts", done.err)
    assert said and int(said[1]) == report(tmp_path / "all.kei")["trust"]["samples"]
    assert [path.name for path in tmp_path.iterdir()] == ["all.kei"]
    return tmp_path / "all.kei"


def weights(run_keisoku: Run, recording: Path, clock: str) -> Counter[tuple[str, int]]:
    """(thread's name and stack, weight) → how often, without what tells processes apart."""
    out = run_keisoku("export", recording, "--format", "collapsed", "--clock", clock).out
    lines = [re.sub(r"^(\S+:)?\d+(@\S+)?/", "", line).rsplit(" ", 1) for line in out.splitlines()]
    return Counter((stack, int(weight)) for stack, weight in lines)


@pytest.mark.parametrize("clock", ["wall", "cpu"])
def test_no_weight_changes(run_keisoku: Run, parts: Parts, merged: Path, clock: str) -> None:
    before = sum((weights(run_keisoku, path, clock) for path in parts.values()), Counter[tuple[str, int]]())
    assert sum(before.values()) > 10
    assert weights(run_keisoku, merged, clock) == before


def total(parts: Parts, query: str) -> int:
    return sum(int(sql(path, query)[0][0] or 0) for path in parts.values())


@pytest.mark.parametrize(
    "query",
    [
        "SELECT sum(samples) FROM sample_chunk",
        "SELECT sum(ticks) FROM stack_sum",
        "SELECT sum(run_ns) FROM thread",
        "SELECT sum(delay_ns) FROM thread",
        "SELECT count(*) FROM process",
        "SELECT count(*) FROM thread",
        "SELECT sum(count) FROM loss",
        "SELECT sum(value) FROM self WHERE key = 'own_cpu_ns'",
        "SELECT sum(value) FROM self WHERE key = 'sweeps'",
        "SELECT sum(count) FROM counter_sum WHERE kind > 0",
    ],
)
def test_sums_are_as_before(parts: Parts, merged: Path, query: str) -> None:
    assert total(parts, query) == sql(merged, query)[0][0]


def test_sample_times_are_moved_exactly(parts: Parts, merged: Path) -> None:
    first = min(int(sql(path, "SELECT value FROM meta WHERE key = 'start_unix_ns'")[0][0]) for path in parts.values())
    assert sql(merged, "SELECT value FROM meta WHERE key = 'start_unix_ns'") == [(first,)]
    expected = []
    for path in parts.values():
        start = int(sql(path, "SELECT value FROM meta WHERE key = 'start_unix_ns'")[0][0])
        offset = (start - first + 5000) // 10000 * 10000
        expected += [(low + offset, high + offset) for low, high in sql(path, "SELECT start_ns, end_ns FROM thread")]
    got = sql(merged, "SELECT start_ns, end_ns FROM thread")
    assert len(got) == len(expected)
    for (low, high), (want_low, want_high) in zip(sorted(got), sorted(expected), strict=True):
        assert (low, high) == (want_low, want_high) or high > want_high  # "to the end" has become a time


def test_processes_are_told_apart(run_keisoku: Run, report: Callable[[Path], dict[str, Any]], merged: Path) -> None:
    recording = report(merged)["recording"]
    assert recording["hosts"] == ["web1", "web2"]
    same = [process for process in recording["processes"] if process["pid"] == 4127]
    assert [(one["host"], one["recording"]) for one in same] == [("web1", "hot.kei"), ("web1", "again.kei")]
    names = {line.split("/")[0] for line in run_keisoku("export", merged, "--format", "collapsed").out.splitlines()}
    assert {"web1:4127@hot.kei", "web1:4127@again.kei", "web2:500", "web1:300"} <= names
    rows = sql(merged, "SELECT pid, host, recording FROM processes ORDER BY id")
    assert rows[0] == (4127, "web1", "hot.kei")
    parents = sql(merged, "SELECT c.pid, p.pid, c.host = p.host FROM processes c JOIN processes p ON p.id = c.parent")
    assert sorted(parents) == [(301, 300, 1), (501, 500, 1), (502, 500, 1)]
    unclear = run_keisoku("report", merged, "--process", "4127")
    assert unclear.status == 2
    assert "web1:4127@hot.kei, web1:4127@again.kei" in unclear.err
    assert run_keisoku("report", merged, "--process", "501").status == 0


def test_cores_count_once_a_host(parts: Parts, merged: Path) -> None:
    values = dict(sql(merged, "SELECT key, value FROM meta"))
    assert values["cores"] == 4 + 8  # web1's four, counted once, and web2's eight
    assert values["host"] == "web1, web2"
    busy = [last for core, last in sql(merged, "SELECT core, last FROM counters WHERE counter = 'core_busy'")]
    grown = total({"hot": parts["hot"]}, "SELECT sum(last) FROM counters WHERE counter = 'core_busy'")
    assert sum(busy) == 2 * grown  # two runs, one behind the other


def test_overlapping_counters_of_a_host_count_once(run_keisoku: Run, make_recording: Make, tmp_path: Path) -> None:
    """Two recordings of the same ten busy seconds of one core are ten busy seconds."""
    for name, started in (("a", 0), ("b", 4)):
        lines = ["process app 7 python=3.12.1", "function f /srv/f.py 1", "stack s f:2"]
        lines += ["thread main app 7", "during main 10 python@s"]
        lines += [f"counter core_busy 0 {second} {second}000000000" for second in range(11)]
        (tmp_path / f"{name}.txt").write_text(f"host h\nstarted {started}\n" + "\n".join(lines) + "\n")
        make_recording(tmp_path / f"{name}.txt", tmp_path / f"{name}.kei")
    done = run_keisoku("merge", tmp_path / "a.kei", tmp_path / "b.kei", "-o", tmp_path / "ab.kei")
    assert done.status == 0, done.err
    last = sql(tmp_path / "ab.kei", "SELECT last FROM counters WHERE counter = 'core_busy'")
    assert last == [(14_000_000_000,)]


def test_use_of_a_core_adds_up(run_keisoku: Run, make_recording: Make, tmp_path: Path) -> None:
    """Two programs that had half of a core each, six of ten seconds at the same time: together ten seconds of it."""
    for name, started in (("a", 0), ("b", 4)):
        lines = ["process app 7 python=3.12.1", "function f /srv/f.py 1", "stack s f:2"]
        lines += ["thread main app 7", "during main 10 python@s"]
        for kind, part in (("core_used", 5), ("core_delay", 2)):
            lines += [f"counter {kind} 1 {second} {second * part}00000000" for second in range(1, 11)]
        (tmp_path / f"{name}.txt").write_text(f"host h\nstarted {started}\n" + "\n".join(lines) + "\n")
        make_recording(tmp_path / f"{name}.txt", tmp_path / f"{name}.kei")
    done = run_keisoku("merge", tmp_path / "a.kei", tmp_path / "b.kei", "-o", tmp_path / "ab.kei")
    assert done.status == 0, done.err

    def core(*words: str) -> dict[str, float]:
        report = json.loads(run_keisoku("report", tmp_path / "ab.kei", "--json", *words).out)
        (row,) = report["stat"]["cores"]
        return dict(row)

    assert core() == pytest.approx({"core": 1, "used_s": 10, "used_share": 10 / 14, "run_delay_s": 4})
    both = core("--from", "5.5s", "--to", "9.5s")  # each of them goes on
    assert both == pytest.approx({"core": 1, "used_s": 4, "used_share": 1, "run_delay_s": 1.6})


def test_merging_a_merged_recording(run_keisoku: Run, parts: Parts, merged: Path, tmp_path: Path) -> None:
    names = list(parts)
    run_keisoku("merge", parts[names[0]], parts[names[1]], "-o", tmp_path / "one.kei")
    done = run_keisoku("merge", tmp_path / "one.kei", *(parts[name] for name in names[2:]), "-o", tmp_path / "two.kei")
    assert done.status == 0, done.err
    assert weights(run_keisoku, tmp_path / "two.kei", "wall") == weights(run_keisoku, merged, "wall")
    question = "SELECT pid, host, recording, start_s FROM processes ORDER BY 1, 2, 3"
    assert sql(tmp_path / "two.kei", question) == sql(merged, question)


def test_recordings_of_an_earlier_keisoku(run_keisoku: Run, parts: Parts, tmp_path: Path) -> None:
    old, new = tmp_path / "old.kei", tmp_path / "new.kei"  # of one length: the screen names them
    for path in (old, new):
        path.write_bytes(parts["hot"].read_bytes())
    connection = sqlite3.connect(old)
    connection.execute("DROP TABLE origin")
    connection.commit()
    connection.close()
    screens = [run_keisoku("report", path).out.replace(path.name, "") for path in (old, new)]
    assert screens[0].count("\n") > 10 and screens[0] == screens[1]
    assert run_keisoku("query", old, "SELECT pid, host FROM processes", "--csv").out == "pid,host\n4127,web1\n"
    assert run_keisoku("merge", old, parts["waits"], "-o", tmp_path / "all.kei").status == 0


def test_an_origin_that_is_no_table(run_keisoku: Run, parts: Parts, tmp_path: Path) -> None:
    odd = tmp_path / "odd.kei"
    odd.write_bytes(parts["hot"].read_bytes())
    connection = sqlite3.connect(odd)
    connection.executescript("DROP TABLE origin; CREATE VIEW origin AS SELECT 1 AS process, 1 AS host, 1 AS recording")
    connection.close()
    for words in (["report", odd], ["query", odd], ["merge", odd, "-o", tmp_path / "new.kei"]):
        done = run_keisoku(*words)
        assert done.status == 2
        assert "not what it should be" in done.err


def test_a_recording_that_was_cut_off(run_keisoku: Run, make_recording: Make, parts: Parts, tmp_path: Path) -> None:
    cut = make_recording(RECORDINGS / "odd.txt", tmp_path / "cut.kei")
    done = run_keisoku("merge", cut, parts["hot"], "-o", tmp_path / "all.kei")
    assert done.status == 0, done.err
    assert "cut.kei was cut off" in run_keisoku("report", tmp_path / "all.kei", "--json").out
    before = weights(run_keisoku, cut, "wall") + weights(run_keisoku, parts["hot"], "wall")
    assert weights(run_keisoku, tmp_path / "all.kei", "wall") == before


def test_bad_input_leaves_no_file(run_keisoku: Run, parts: Parts, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.kei"
    data = bytearray(parts["hot"].read_bytes())
    data[len(data) // 2 : len(data) // 2 + 4000] = bytes(4000)
    damaged.write_bytes(data)
    (tmp_path / "link.kei").symlink_to(parts["hot"])
    os.link(damaged, tmp_path / "hard.kei")
    before = set(tmp_path.iterdir())
    out = tmp_path / "out.kei"
    for words, said in (
        ([parts["hot"], damaged], "damaged"),
        ([parts["hot"], tmp_path / "link.kei"], "same file"),
        ([parts["hot"], "nothing.kei"], "nothing.kei"),
        ([parts["hot"], __file__], "no recording"),
    ):
        done = run_keisoku("merge", *words, "-o", out)
        assert (done.status, done.out) == (2, ""), done.err
        assert said in done.err and done.err.count("\n") == 1
        assert set(tmp_path.iterdir()) == before
    assert "-o OUT is missing" in run_keisoku("merge", parts["hot"]).err
    assert "FILE is missing" in run_keisoku("merge", "-o", out).err


def test_clocks_that_cannot_be(run_keisoku: Run, make_recording: Make, parts: Parts, tmp_path: Path) -> None:
    (tmp_path / "far.txt").write_text(
        "started 200000000\nprocess app 7\nfunction f /f.py 1\nstack s f:2\nthread main app 7\n"
    )
    far = make_recording(tmp_path / "far.txt", tmp_path / "far.kei")
    done = run_keisoku("merge", parts["hot"], far, "-o", tmp_path / "out.kei")
    assert (done.status, (tmp_path / "out.kei").exists()) == (2, False)
    assert "one of the clocks was wrong" in done.err


def test_the_file_is_new_and_for_its_owner(run_keisoku: Run, parts: Parts, tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("kept\n")
    (tmp_path / "out.kei").symlink_to("victim")
    old = os.umask(0)
    try:
        done = run_keisoku("merge", parts["hot"], parts["waits"], "-o", tmp_path / "out.kei")
    finally:
        os.umask(old)
    assert done.status == 0, done.err
    assert "out-2.kei" in done.err
    assert (tmp_path / "victim").read_text() == "kept\n"
    assert stat.S_IMODE((tmp_path / "out-2.kei").stat().st_mode) == 0o600


def test_a_full_disk(keisoku: str, parts: Parts, tmp_path: Path) -> None:
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (60000, 60000))

    words = [keisoku, "merge", *map(str, parts.values()), "-o", str(tmp_path / "out.kei")]
    done = subprocess.run(words, preexec_fn=limit, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "No space left" in done.stderr and "kept" not in done.stderr and done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_memory_does_not_grow_with_samples(keisoku: str, make_recording: Make, tmp_path: Path) -> None:
    def peak(seconds: int) -> int:
        lines = ["process app 7 python=3.12.1", "function f /srv/f.py 1", "stack s f:2", "stack t f:3"]
        lines += ["thread main app 7", f"during main {seconds} 50%python@s 50%io@t"]
        (tmp_path / "long.txt").write_text("\n".join(lines) + "\n")
        (tmp_path / "long.kei").unlink(missing_ok=True)
        long = make_recording(tmp_path / "long.txt", tmp_path / "long.kei")
        other = tmp_path / "other.kei"
        other.write_bytes(long.read_bytes())
        out = tmp_path / f"out{seconds}.kei"
        process = subprocess.Popen([keisoku, "merge", long, other, "-o", out])
        _, status, usage = os.wait4(process.pid, 0)
        assert status == 0
        assert sql(out, "SELECT sum(samples) FROM sample_chunk")[0][0] > 1900 * seconds
        return usage.ru_maxrss

    assert peak(1500) < 1.25 * peak(100)


def test_json_of_a_merged_recording_is_in_its_schema(run_keisoku: Run, merged: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((TOP / "docs" / "report.schema.json").read_text())
    jsonschema.validate(json.loads(run_keisoku("report", merged, "--json").out), schema)


def test_no_process_is_joined_again(report: Callable[[Path], dict[str, Any]], merged: Path) -> None:
    """What is merged is of other times: the next step is no command that joins a process."""
    assert report(merged)["findings"][0]["check_command"].startswith("keisoku report ")


def test_a_wait_for_a_core_is_a_share_of_all_of_them(
    run_keisoku: Run, report: Callable[[Path], dict[str, Any]], make_recording: Make, tmp_path: Path
) -> None:
    """Six of the ten seconds of each, which lie a hundred seconds apart."""
    paths = []
    for name, start in (("a", 0), ("b", 100)):
        text = (
            f"host web\nstarted {start}\nprocess main 7 python=3.13\nthread t main 7\nfunction f /home/u/app.py 1\n"
            "stack s f:2\nduring t 10 python@s\nself sweeps 10000\nself waited_ns 6000000000\n"
        )
        (tmp_path / f"{name}.txt").write_text(text)
        paths.append(make_recording(tmp_path / f"{name}.txt", tmp_path / f"{name}.kei"))
    assert report(paths[0])["trust"]["waited_s"] == pytest.approx(6)
    done = run_keisoku("merge", *paths, "-o", tmp_path / "all.kei")
    assert done.status == 0, done.err
    got = report(tmp_path / "all.kei")
    assert got["trust"]["waited_s"] == pytest.approx(0.6 * got["recording"]["duration_s"], rel=1e-3)
