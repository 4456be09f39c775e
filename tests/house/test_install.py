"""`make install` gives a plain binary that needs no checkout."""

from __future__ import annotations

import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


def test_installed_binary_runs(tmp_path: Path, keisoku: str) -> None:
    build = Path(keisoku).parents[1]
    words = ["meson", "install", "-C", str(build), "--no-rebuild", "--destdir", str(tmp_path / "root")]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    found = [path for path in (tmp_path / "root").rglob("bin/keisoku") if path.is_file()]
    assert len(found) == 1
    shown = subprocess.run([found[0], "--version"], cwd="/", env={"PATH": "/usr/bin"}, capture_output=True, text=True)
    plain = subprocess.run([keisoku, "--version"], capture_output=True, text=True)
    assert (shown.returncode, shown.stdout) == (0, plain.stdout)
    needed = subprocess.run(["ldd", found[0]], capture_output=True, text=True).stdout
    assert "not found" not in needed and str(build) not in needed
