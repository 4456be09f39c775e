"""What the end-to-end tests run in: an environment of their own, and the interpreters that they are over."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
import venv
from pathlib import Path

from suite_parts.common import CACHE, LOGS, TOP, call, say, tail

one_sets_up = threading.Lock()


def test_python(log: Path) -> Path | None:
    """The tests' own environment: .cache/venv-HASH, HASH of tests/requirements.txt."""
    with one_sets_up:
        return set_up_python(log)


def set_up_python(log: Path) -> Path | None:
    wanted = TOP / "tests" / "requirements.txt"
    name = hashlib.sha256(wanted.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = CACHE / f"venv-{name}"
    python = folder / "bin" / "python"
    if (folder / "complete").exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    print("setting up the tests' own environment (tests/requirements.txt)", file=sys.stderr, flush=True)
    try:
        venv.create(folder, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as error:
        say(f"cannot make {folder}: {error}")
        return None
    if call([str(python), "-m", "pip", "install", "-q", "-r", str(wanted)], log, limit_s=900) != 0:
        say(tail(log))
        return None
    (folder / "complete").touch()
    return python


def interpreter_names(which: str) -> list[str]:
    """`which`: SUPPORTED, ON_REQUEST or missing() of tests/interpreters.py."""
    python = test_python(LOGS / "venv.log")
    code = f"import sys; sys.path.insert(0, 'tests'); import interpreters; print(*interpreters.{which})"
    done = subprocess.run([python or sys.executable, "-c", code], cwd=TOP, capture_output=True, text=True)
    return done.stdout.split()


def get_pythons(log: Path) -> None:
    """Brings the interpreters that this machine lacks; tests say themselves what is missing afterwards."""
    if os.environ.get("KEISOKU_NO_INSTALL"):
        return
    wanted = [name for name in interpreter_names("missing()") if name in ("3.13", "3.14", "3.15")]
    if wanted:
        say(f"fetching Python {', '.join(wanted)} into .cache/pythons")
        if call(["tools/get-pythons", str(CACHE / "pythons"), *wanted], log, limit_s=900) != 0:
            say(f"not all of them could be had; see {log.relative_to(TOP)}")
