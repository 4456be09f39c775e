"""Packages of the registry for the interpreters that programs are measured under, installed once into .cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from interpreters import TOP, Interpreter

INSTALL = ("-m", "pip", "install", "-q", "--only-binary", ":all:")


def _run(one: Interpreter, what: str, *words: str) -> None:
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()[-1:]
        pytest.skip(f"{what} cannot be installed for Python {one.name}: {reason}")


def _folder(kind: str, one: Interpreter, requirements: tuple[str, ...], fill: Callable[[Path, str], None]) -> Path:
    """.cache/KIND-MINOR-HASH, filled once."""
    key = hashlib.sha256("\n".join((*requirements, one.version, one.path)).encode()).hexdigest()[:10]
    folder = TOP / ".cache" / f"{kind}-{one.name}-{key}"
    folder.parent.mkdir(exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:  # another worker may be at it
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            what = " ".join(requirements) or "pip"
            if os.environ.get("KEISOKU_NO_INSTALL"):
                pytest.skip(f"KEISOKU_NO_INSTALL is set and {what} is not there yet")
            shutil.rmtree(folder, ignore_errors=True)
            fill(folder, what)
            (folder / "complete").touch()
    return folder


def environment(one: Interpreter, *requirements: str) -> Path:
    """A virtual environment with what pip is asked for; only wheels, nothing is compiled."""

    def fill(folder: Path, what: str) -> None:
        _run(one, what, one.path, "-m", "venv", str(folder))
        if requirements:
            _run(one, what, str(folder / "bin" / "python"), *INSTALL, *requirements)

    return _folder("packages", one, requirements, fill)


def import_path(one: Interpreter, *requirements: str) -> dict[str, str]:
    """What makes them importable, for the environment of a program. No virtual environment of their own: making one
    takes longer than what is wanted in it."""

    def fill(folder: Path, what: str) -> None:
        own = subprocess.run([one.path, "-m", "pip", "--version"], capture_output=True, timeout=60).returncode == 0
        python = one.path if own else str(environment(one) / "bin" / "python")
        _run(one, what, python, *INSTALL, "--target", str(folder), *requirements)

    return {"PYTHONPATH": str(_folder("imports", one, requirements, fill))}
