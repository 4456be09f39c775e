"""Recordings and their exports, made once for each module of tests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import TOP

GOLDEN = TOP / "tests" / "golden"


def make(keisoku: str, description: str | Path, output: Path) -> Path:
    """A recording from tests/recordings/DESCRIPTION.txt, or from a description of the test's own."""
    maker = Path(keisoku).parent.parent / "tests" / "tools" / "make-recording"
    if not maker.exists():
        pytest.skip(f"{maker} is not there: KEISOKU_BINARY names no build folder")
    if isinstance(description, str):
        description = TOP / "tests" / "recordings" / f"{description}.txt"
    # The recording says its own name, so it is made where it lies.
    words = [str(maker), str(description), output.name]
    subprocess.run(words, cwd=output.parent, check=True, capture_output=True)
    return output


def export(keisoku: str, recording: Path, name: str, *words: str, ending: str = "") -> Path:
    output = recording.parent / f"{recording.stem}{''.join(words)}.{ending or name}"
    command = [keisoku, "export", str(recording), "--format", name, *words, "-o", str(output)]
    subprocess.run(command, check=True, timeout=120, capture_output=True)
    return output


def check_golden(name: str, text: str) -> None:
    text = re.sub(r"keisoku [0-9]+\.[0-9]+\.[0-9]+", "keisoku VERSION", text)
    path = GOLDEN / name
    if os.environ.get("KEISOKU_GOLDEN") == "write":
        path.write_text(text)
    assert text == path.read_text()


def npm_reader(package: str, probe: str) -> Path:
    """A folder of an npm package's, installed under .cache/readers."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    folder = TOP / ".cache" / "readers" / package.replace("/", "+")
    wanted = folder / "node_modules" / probe
    if not wanted.exists():
        folder.mkdir(parents=True, exist_ok=True)
        words = ["npm", "install", "--no-save", "--ignore-scripts", "--prefix", str(folder), package]
        done = subprocess.run(words, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            pytest.skip(f"the registry did not give {package}: {done.stderr.strip()[-200:]}")
    return wanted
