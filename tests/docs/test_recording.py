"""docs/recording.md, held to what is there: its queries answer, and a decoder written from its tables alone reads the
chunks and finds what the recorder added up."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import re
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

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


# ---- a decoder from the document ---------------------------------------------------------------------------------


def zstd_unpack(data: bytes, size: int) -> bytes:
    name = ctypes.util.find_library("zstd")
    if name is None:
        pytest.skip("no libzstd that Python can load")
    library = ctypes.CDLL(name)
    library.ZSTD_decompress.restype = ctypes.c_size_t
    library.ZSTD_decompress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    space = ctypes.create_string_buffer(size)
    assert library.ZSTD_decompress(space, size, data, len(data)) == size
    return space.raw


class Bytes:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def take(self, size: int) -> bytes:
        assert self.at + size <= len(self.data)
        self.at += size
        return self.data[self.at - size : self.at]

    def varint(self) -> int:
        value, shift = 0, 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def signed(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def column(self) -> Bytes:
        size, packing = self.varint(), self.byte()
        if packing == 0:
            return Bytes(bytes([self.byte()]) * size)
        if packing == 1:
            return Bytes(self.take(size))
        assert packing == 2
        return Bytes(zstd_unpack(self.take(self.varint()), size))

    def ended(self) -> bool:
        return self.at == len(self.data)


def decode_samples(data: bytes, on_cpu: set[int]) -> Iterator[tuple[int, int, int, int, int, int, int, int]]:
    """(thread, time, stack, ticks, run, delay, state, task), times in units."""
    chunk = Bytes(data)
    form = chunk.byte()
    assert form in (1, 2)
    count, base = chunk.varint(), chunk.varint()
    columns = [chunk.column() for _ in range(11)]
    tasks = chunk.column() if form == 2 else Bytes(bytes(count))
    assert chunk.ended()
    groups, time_low, time_high, stack_ids, stack_low, stack_high, ticks, delay, run, statuses, status = columns
    stacks, last = list[int](), 0
    while not stack_ids.ended():
        last += stack_ids.signed()
        stacks.append(last)
    done = 0
    while not groups.ended():
        thread, members, model = groups.varint(), groups.varint(), groups.byte()
        time = base
        for i in range(members):
            elapsed = time_low.byte() | time_high.varint() << 8
            time += elapsed
            stack = stacks[stack_low.byte() | stack_high.varint() << 8]
            waited, ran = delay.varint(), run.signed()
            state = statuses.data[status.varint() * 3]
            if model == 1 and i > 0 and state in on_cpu:
                ran += max(elapsed - waited, 0)
            yield thread, time, stack, ticks.varint() + 1, ran, waited, state, tasks.varint()
        done += members
    assert done == count


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
