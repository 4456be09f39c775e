"""A program that becomes a Python just while the recorder looks: a library that is loaded into keisoku makes it late."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from interpreters import Interpreter
from oracle import PROGRAMS
from support import Run, preloadable


@pytest.fixture(scope="session")
def keisoku(keisoku: str) -> str:
    return preloadable(keisoku)


def test_an_exec_while_it_is_looked_at(run_keisoku: Run, a_python: Interpreter, tmp_path: Path) -> None:
    """A shell becomes a Python between the recorder's looking for one and its finding it: that is one Python."""
    compiler = shutil.which("cc")
    if not compiler:
        pytest.skip("needs a C compiler")
    late = tmp_path / "late_maps.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", late, PROGRAMS / "late_maps.c"], check=True)
    words = ["sh", "-c", 'sleep 0.2; exec "$0" -c "import time; time.sleep(1)"', a_python.path]
    done = run_keisoku("run", "--no-html", "-o", "truth.kei", *words, env={"LD_PRELOAD": str(late)})
    assert done.status == 0, done.err
    if "no Python interpreter was seen" in done.err:
        pytest.skip("the machine left the recorder no second to look again")
    rows = done.sql("SELECT pid, command FROM processes WHERE python IS NOT NULL")
    assert len(rows) == 1, rows
