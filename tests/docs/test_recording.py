"""docs/recording.md, held to what is there: its queries answer, and a decoder written from its tables alone reads the
chunks and finds what the recorder added up."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from chunks import Bytes, decode_samples

TOP = Path(__file__).resolve().parents[2]
DOCUMENT = (TOP / "docs" / "recording.md").read_text()
QUERIES = re.findall(r"```sql\n(.*?)```", DOCUMENT, re.S)
DESCRIPTIONS = [TOP / "tests" / "recordings" / f"{name}.txt" for name in ("hot-loop", "waits", "odd", "tasks")]


@pytest.fixture(params=DESCRIPTIONS, ids=lambda path: path.stem)
def recording(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    build = Path(os.environ.get("KEISOKU_BUILD", TOP / "build"))
    maker = build / "tests" / "tools" / "make-recording"
    if not maker.exists():
        pytest.fail(f"{maker} is not there: run ./keisoku or make build first", pytrace=False)
    path = tmp_path / "made.kei"
    subprocess.run([maker, request.param, path], check=True, stdout=subprocess.DEVNULL)
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    yield connection
    connection.close()


def test_there_are_queries() -> None:
    assert len(QUERIES) >= 5


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_queries_answer(recording: sqlite3.Connection, query: str) -> None:
    rows = recording.execute(query).fetchall()
    assert rows or " FROM tasks " in query
    assert all(len(row) >= 2 for row in rows)


def test_every_table_and_view_is_described(recording: sqlite3.Connection) -> None:
    names = [row[0] for row in recording.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")]
    assert len(names) > 15
    for name in names:
        assert f"`{name}`" in DOCUMENT, f"{name} is not described"


def test_views_agree(recording: sqlite3.Connection) -> None:
    def one(query: str) -> int:
        return int(recording.execute(query).fetchone()[0])

    with_stack = one("SELECT sum(ticks) FROM stack_sum WHERE stack > 0")
    assert one("SELECT sum(self_ticks) FROM functions") == with_stack
    assert one("SELECT sum(self_ticks) FROM lines") == with_stack
    assert one("SELECT sum(ticks) FROM stacks") == with_stack
    assert one("SELECT max(total_ticks) FROM functions") <= with_stack
    assert one("SELECT sum(ticks) FROM states") == one("SELECT sum(ticks) FROM stack_sum")
    assert one("SELECT sum(coalesce(ticks, 0)) FROM threads") == one("SELECT sum(ticks) FROM stack_sum")


def test_seconds_add_up(recording: sqlite3.Connection) -> None:
    rows = recording.execute(
        "SELECT thread, sum(wall_s), sum(cpu_s), life_s, run_s FROM states JOIN thread_times USING (thread) GROUP BY thread"
    ).fetchall()
    assert rows
    for _, wall, cpu, life, run in rows:
        assert wall == pytest.approx(life, rel=1e-3)
        assert cpu == pytest.approx(run, rel=1e-6, abs=1e-9)


def test_chunks_are_as_described(recording: sqlite3.Connection) -> None:
    on_cpu = {row[0] for row in recording.execute("SELECT id FROM state WHERE on_cpu")}
    ticks, runs, of_tasks = Counter[tuple[int, int, int]](), Counter[int](), Counter[int]()
    samples, last = 0, dict[int, int]()
    chunks = recording.execute("SELECT data, start_ns, end_ns, samples FROM sample_chunk ORDER BY id").fetchall()
    for data, start, end, expected in chunks:
        rows = list(decode_samples(data, on_cpu))
        assert len(rows) == expected
        assert min(row[1] for row in rows) * 10000 == start
        assert max(row[1] for row in rows) * 10000 == end
        for thread, time, stack, n, run, _, state, task in rows:
            assert time >= last.get(thread, 0)
            last[thread] = time
            ticks[thread, stack, state] += n
            runs[thread] += run
            of_tasks[task] += n
            samples += 1
    assert samples > 0
    sums = recording.execute("SELECT thread, stack, state, ticks FROM stack_sum").fetchall()
    assert {(thread, stack, state): n for thread, stack, state, n in sums} == dict(ticks)
    for task, n in recording.execute("SELECT id, ticks FROM task"):
        assert of_tasks[task] == n
    for thread, run_ns in recording.execute("SELECT thread, sum(run_ns) FROM stack_sum GROUP BY thread"):
        assert abs(runs[thread] * 10000 - run_ns) <= 10000


def test_counters_are_as_described(recording: sqlite3.Connection) -> None:
    for data, expected in recording.execute("SELECT data, counters FROM counter_chunk"):
        chunk = Bytes(data)
        assert chunk.byte() == 1
        count, base = chunk.varint(), chunk.varint()
        groups, times, values = chunk.column(), chunk.column(), chunk.column()
        assert chunk.ended()
        found = {}
        while not groups.ended():
            kind, subject, members = groups.byte(), groups.varint(), groups.varint()
            time, value = base, 0
            for _ in range(members):
                time += times.signed()
                value += values.signed()
                found[kind, subject, time * 10000] = value
        assert count == expected == len(found)
        assert found[0, 0, 10_000_000_000] == 9_400_000_000  # core_busy of core 0, as hot-loop.txt has it
