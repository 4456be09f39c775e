"""keisoku query: the answers are those of Python's own SQLite, and neither a question nor a file can do more than read."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support import TOP, Run, sql

RECORDINGS = TOP / "tests" / "recordings"
VIEWS = ["processes", "threads", "states", "functions", "lines", "stacks", "counters", "thread_times", "stack_times"]
Make = Callable[[Path, Path], Path]


@pytest.fixture(scope="module")
def hot(make_recording: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_recording(RECORDINGS / "hot-loop.txt", tmp_path_factory.mktemp("query") / "hot.kei")


@pytest.fixture
def copy(hot: Path, tmp_path: Path) -> Path:
    path = tmp_path / "copy.kei"
    path.write_bytes(hot.read_bytes())
    return path


@pytest.mark.parametrize("view", VIEWS)
def test_views_answer_as_any_client_says(run_keisoku: Run, hot: Path, view: str) -> None:
    question = f"SELECT * FROM {view} ORDER BY 1, 2, 3"
    done = run_keisoku("query", hot, question, "--json")
    assert (done.status, done.err) == (0, "")
    rows = json.loads(done.out)
    assert [tuple(row.values()) for row in rows] == sql(hot, question)
    lines = list(csv.reader(io.StringIO(run_keisoku("query", hot, question, "--csv").out, newline="")))
    assert lines[0] == list(rows[0])
    assert len(lines) == len(rows) + 1
    for line, row in zip(lines[1:], rows, strict=True):
        for field, value in zip(line, row.values(), strict=True):
            assert field == ("" if value is None else str(value)) or float(field) == value


def test_without_sql_it_says_what_there_is(run_keisoku: Run, hot: Path) -> None:
    rows = json.loads(run_keisoku("query", hot, "--json").out)
    assert {row["view"] for row in rows} == {*VIEWS, "tasks", "memory"}  # this recording has none of these
    for row in (row for row in rows if row["view"] in VIEWS):
        names = json.loads(run_keisoku("query", hot, f"SELECT * FROM {row['view']} LIMIT 1", "--json").out)[0]
        assert row["columns"] == ", ".join(names)
    assert "self_wall_s" in run_keisoku("query", hot).out


def test_the_table(run_keisoku: Run, hot: Path) -> None:
    question = "SELECT 'é' AS a, 12 AS n, NULL AS none, 0.5 AS x UNION ALL SELECT 'longer', 7, NULL, 1e9"
    assert run_keisoku("query", hot, question).out == (
        "a        n  none      x\n" "------  --  ----  -----\n" "é       12          0.5\n" "longer   7        1e+09\n"
    )
    assert run_keisoku("query", hot, "SELECT name FROM functions WHERE 0").out == "name\n----\n"


def test_a_long_answer_comes_whole(run_keisoku: Run, hot: Path) -> None:
    question = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200000) SELECT i FROM n"
    assert [int(line) for line in run_keisoku("query", hot, question).out.split()[2:]] == list(range(1, 200001))
    assert len(json.loads(run_keisoku("query", hot, question, "--json").out)) == 200000


def test_a_terminal_gets_what_fits(keisoku: str, hot: Path) -> None:
    ours, theirs = pty.openpty()
    question = "SELECT printf('%.200c', 'x') AS text, 1234567890 AS number"
    process = subprocess.Popen([keisoku, "query", hot, question], stdout=theirs)
    os.close(theirs)
    assert process.wait(30) == 0
    lines = os.read(ours, 65536).decode().splitlines()
    os.close(ours)
    assert all(len(line) <= 80 for line in lines)
    assert lines[2].endswith("…  1234567890")


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("SELEC 1", 'near "SELEC": syntax error'),
        ("SELECT * FROM elsewhere", "no such table: elsewhere; keisoku query FILE lists"),
        ("SELECT missing FROM functions", "no such column: missing; keisoku query FILE lists"),
        ("SELECT abs(-9223372036854775807 - 1)", "integer overflow"),
        ("", "the query is empty"),
        (" -- nothing", "the query is empty"),
        ("SELECT 1; SELECT 2", "more behind the first statement"),
        ("SELECT 1; nonsense", "more behind the first statement"),
        ("DELETE FROM thread", "reads the recording and nothing else"),
        ("INSERT INTO note(text) VALUES('x')", "reads the recording and nothing else"),
        ("CREATE TEMP TABLE t(x)", "reads the recording and nothing else"),
        ("ATTACH 'other.db' AS other", "reads the recording and nothing else"),
        ("VACUUM INTO 'other.db'", "nothing else"),
        ("PRAGMA query_only=OFF", "reads the recording and nothing else"),
        ("COMMIT", "reads the recording and nothing else"),
        ("SELECT load_extension('x')", "not authorized"),
        ("SELECT * FROM main.functions", "prohibited"),
        ("SELECT zeroblob(1000000000)", "too big"),
    ],
)
def test_what_cannot_be_asked(run_keisoku: Run, copy: Path, question: str, words: str) -> None:
    before = copy.read_bytes()
    done = run_keisoku("query", copy, question)
    assert (done.status, done.out) == (2, "")
    assert words in done.err and done.err.startswith("keisoku: cannot ask ") and done.err.count("\n") == 1
    assert copy.read_bytes() == before
    assert list(copy.parent.iterdir()) == [copy]


def test_bad_words(run_keisoku: Run, hot: Path) -> None:
    for words in ([], [hot, "SELECT 1", "SELECT 2"], [hot, "SELECT 1", "--csv", "--json"], ["nothing.kei", "SELECT 1"]):
        done = run_keisoku("query", *words)
        assert (done.status, done.out) == (2, "")
        assert done.err.count("\n") == 1


def test_control_characters_are_shown(run_keisoku: Run, hot: Path) -> None:
    question = "SELECT 'a' || char(27) || '[31m' || char(10) AS \"x\x1b\", x'ff00' AS y"
    for words in ([], ["--csv"], ["--json"]):
        out = run_keisoku("query", hot, question, *words).out
        assert "\x1b" not in out and "x1b[31m" in out and "x0a" in out and "xff" in out
    assert "\x1b" not in run_keisoku("query", hot, "SELEC \x1b[31m").err


def test_ctrl_c_ends_it(keisoku: str, copy: Path) -> None:
    question = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    process = subprocess.Popen([keisoku, "query", copy, question], stdout=subprocess.PIPE)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (-signal.SIGINT, b"")
    assert list(copy.parent.iterdir()) == [copy]


@pytest.mark.parametrize("kind", ["bound", "sorted"])
def test_memory_is_bounded(run_keisoku: Run, hot: Path, kind: str) -> None:
    rows = "WITH RECURSIVE n(b) AS (SELECT randomblob(1000000) UNION ALL SELECT randomblob(1000000) FROM n LIMIT 4000)"
    question = f"{rows} SELECT length(group_concat(hex(b))) FROM n"
    words = "too big"
    if kind == "sorted":
        question, words = f"{rows} SELECT count(*) FROM (SELECT b FROM n ORDER BY b LIMIT 3999)", "1024 MB of memory"
    done = run_keisoku("query", hot, question)
    assert done.status == 2
    assert words in done.err


def tamper(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA writable_schema=ON")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_file_cannot_bring_its_own_views(run_keisoku: Run, copy: Path) -> None:
    question = "SELECT count(*) AS n FROM functions"
    expected = sql(copy, question)
    tamper(
        copy,
        "DROP VIEW functions",
        "CREATE VIEW functions AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT i FROM n",
    )
    done = run_keisoku("query", copy, question, "--json", timeout=30)
    assert [tuple(row.values()) for row in json.loads(done.out)] == expected


def test_a_file_cannot_bring_other_tables(run_keisoku: Run, copy: Path) -> None:
    tamper(copy, "CREATE TABLE trap(x)", "CREATE VIRTUAL TABLE worse USING fts5(x)")
    for name in ("trap", "worse"):
        done = run_keisoku("query", copy, f"SELECT * FROM {name}")
        assert (done.status, done.out) == (2, "")
        assert "cannot ask" in done.err and done.err.count("\n") == 1


def test_a_cycle_of_callers(run_keisoku: Run, copy: Path) -> None:
    tamper(copy, "UPDATE stack SET parent = (SELECT max(id) FROM stack) WHERE id = 1")
    done = run_keisoku("query", copy, "SELECT * FROM stacks", timeout=30)
    assert (done.status, done.out) == (2, "")
    assert "damaged" in done.err or "comes before its callers" in done.err


def test_a_changed_table_is_no_recording(run_keisoku: Run, copy: Path) -> None:
    tamper(copy, "ALTER TABLE note RENAME TO other", "CREATE VIEW note AS SELECT 1 AS id, 'x' AS text")
    done = run_keisoku("query", copy, "SELECT 1")
    assert (done.status, done.out) == (2, "")
    assert "not what it should be" in done.err


def test_a_full_disk(run_keisoku: Run, keisoku: str, hot: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([keisoku, "query", hot], stdout=full, stderr=subprocess.PIPE, text=True, timeout=30)
    assert done.returncode == 1
    assert "cannot write standard output: No space left on device" in done.stderr
