"""An environment with the third-party programs of requirements.txt for each Python that tests/real measures."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import interpreters
import pytest

TOP = Path(__file__).resolve().parent.parent.parent
REQUIREMENTS = Path(__file__).resolve().parent / "requirements.txt"
VERSIONS = ["3.11", "3.14"]


@dataclass(frozen=True)
class Real:
    name: str
    version: str
    python: str  # of the environment
    folder: Path

    @property
    def benchmarks(self) -> Path:
        """The folder of pyperformance's benchmark programs."""
        found = list(self.folder.glob("lib/python*/site-packages/pyperformance/data-files/benchmarks"))
        assert len(found) == 1, found
        return found[0]


def fill(folder: Path, one: interpreters.Interpreter, python: Path) -> None:
    if os.environ.get("KEISOKU_NO_INSTALL"):
        pytest.skip("KEISOKU_NO_INSTALL is set and the programs to measure are not there yet")
    shutil.rmtree(folder, ignore_errors=True)
    for words in (
        [one.path, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "-q", "--only-binary", ":all:", "-r", str(REQUIREMENTS)],
    ):
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
        if done.returncode != 0:
            pytest.skip(f"the programs to measure cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
    (folder / "complete").touch()


def install(one: interpreters.Interpreter) -> Real:
    key = hashlib.sha256(REQUIREMENTS.read_bytes() + one.version.encode() + one.path.encode()).hexdigest()[:10]
    folder = TOP / ".cache" / f"real-{one.name}-{key}"
    python = folder / "bin" / "python"
    folder.parent.mkdir(exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:  # another worker may be at it
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            fill(folder, one, python)
    return Real(one.name, one.version, str(python), folder)


@pytest.fixture(scope="session", params=VERSIONS)
def real(request: pytest.FixtureRequest) -> Real:
    one = interpreters.interpreter(request.param)
    if one is None:
        pytest.skip(f"no Python {request.param} on this machine")
    return install(one)
