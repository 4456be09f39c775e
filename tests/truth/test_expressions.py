"""Which expression of a line has its time: columns of 3.11 and later, from the recording to the screen."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from interpreters import Interpreter
from measured import measured
from support import Run, sql

Report = Callable[[Path], dict[str, Any]]

PROGRAM = """\
import time

def work(end):
    größe, numbers = 1, list(range(20000))
    while time.process_time() < end:
        value = len(numbers) + größe + sum(numbers) + abs(größe)
    return value

work(time.process_time() + 0.8)
"""
HOT = "sum(numbers)"


def test_the_hot_expression_of_a_line(run_keisoku: Run, report: Report, python: Interpreter, tmp_path: Path) -> None:
    python.since(3, 11, "columns")
    program = tmp_path / "expressions.py"
    program.write_text(PROGRAM)
    number, line = next((i, line) for i, line in enumerate(PROGRAM.splitlines(), 1) if HOT in line)
    column = len(line[: line.index(HOT)].encode())
    done = measured(run_keisoku, python, program)
    row = next(row for row in report(done.path)["lines"] if (row["file"], row["line"]) == (str(program), number))
    assert row["hot"].pop("samples_share") > 0.9
    assert row["hot"] == {"column": column, "end_line": number, "end_column": column + len(HOT)}

    hot, counted = sql(
        done.path,
        "SELECT sum(expression.ticks * (first_column = ?)), sum(expression.ticks) FROM expression"
        " JOIN frame ON frame.id = frame WHERE line = ?",
        column,
        number,
    )[0]
    assert hot > 0.9 * counted > 90

    shown = run_keisoku("report", done.path, "--lines", "work").out.splitlines()
    at = next(i for i, text in enumerate(shown) if HOT in text)
    assert shown[at + 1] == " " * shown[at].index(HOT) + "^" * len(HOT), shown[at : at + 2]


def test_a_recording_before_there_were_expressions(run_keisoku: Run, report: Report, a_python: Interpreter) -> None:
    done = measured(run_keisoku, a_python, "-c", "import time\nwhile time.process_time() < 0.4: pass")
    connection = sqlite3.connect(done.path)
    connection.execute("DROP TABLE expression")
    connection.commit()
    connection.close()
    assert all("hot" not in row for row in report(done.path)["lines"])
