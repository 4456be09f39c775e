"""Packages of the registry for the interpreters that programs are measured under, installed once into .cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from interpreters import TOP, Interpreter


def _fill(folder: Path, one: Interpreter, requirements: tuple[str, ...]) -> None:
    what = " ".join(requirements)
    if os.environ.get("KEISOKU_NO_INSTALL"):
        pytest.skip(f"KEISOKU_NO_INSTALL is set and {what} is not there yet")
    shutil.rmtree(folder, ignore_errors=True)
    for words in (
        [one.path, "-m", "venv", str(folder)],
        [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", "--only-binary", ":all:", *requirements],
    ):
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
        if done.returncode != 0:
            reason = done.stderr.strip().splitlines()[-1:]
            pytest.skip(f"{what} cannot be installed for Python {one.name}: {reason}")
    (folder / "complete").touch()


def environment(one: Interpreter, *requirements: str) -> Path:
    """A virtual environment with what pip is asked for; only wheels, nothing is compiled."""
    key = hashlib.sha256("\n".join((*requirements, one.version, one.path)).encode()).hexdigest()[:10]
    folder = TOP / ".cache" / f"packages-{one.name}-{key}"
    folder.parent.mkdir(exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:  # another worker may be at it
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            _fill(folder, one, requirements)
    return folder


def import_path(one: Interpreter, *requirements: str) -> dict[str, str]:
    """What makes them importable: for the environment of a program."""
    (found,) = environment(one, *requirements).glob("lib/python*/site-packages")
    return {"PYTHONPATH": str(found)}
