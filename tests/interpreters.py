"""The Python interpreters that this machine has, found once for all tests.

Looked for in this order, the first of each minor version wins: KEISOKU_PYTHONS (executables or folders, separated by
colons), `.cache/pythons` of the checkout (filled by tools/get-pythons), pyenv's versions, python3.X on PATH.
A free-threaded build is a version of its own ("3.13t"), and so are a debug build ("3.11d") and one with Py_TRACE_REFS,
whose objects have longer heads ("3.11x").
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

TOP = Path(__file__).resolve().parent.parent
OLDER = TOP / "tests" / "truth" / "programs" / "older"
SUPPORTED = ["2.7", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15"]
# Got where they are asked for: tools/get-pythons .cache/pythons 3.13t 3.11d …
ON_REQUEST = ["3.13t", "3.14t", "3.11d", "3.14d", "3.15d", "3.11x"]
# CI fails without these: what Debian 12 has, and what tools/get-pythons brings.
REQUIRED = ["3.11", "3.13", "3.14", "3.15"]

PROBE = """
import os, sys
t = getattr(sys, "abiflags", "").replace("m", "")
t += "x" if hasattr(sys, "getobjects") and sys.version_info < (3, 13) else ""
name = sys.implementation.name if sys.version_info > (3,) else "pypy" if "PyPy" in sys.version else "cpython"
print("%d.%d%s|%d.%d.%d|%s|%s" % (sys.version_info[:2] + (t,) + sys.version_info[:3]
    + (os.path.realpath("/proc/self/exe"), name)))
"""


class Interpreter(NamedTuple):
    name: str  # "3.14", "3.13t", "3.11d"
    version: str  # "3.14.8"
    path: str  # the executable itself, no link and no wrapper

    @property
    def minor(self) -> tuple[int, int]:
        major, minor = self.name.rstrip("tdx").split(".")
        return int(major), int(minor)

    @property
    def environment(self) -> dict[str, str]:
        """For the programs of tests/truth, which are written for newer ones."""
        return {"PYTHONPATH": str(OLDER)} if self.minor < (3, 8) else {}

    @property
    def free_threaded(self) -> bool:
        return self.name.endswith("t")

    def since(self, major: int, minor: int, what: str) -> None:
        """Skips the test on an older one, which has no `what`."""
        if self.minor < (major, minor):
            pytest.skip(f"Python {self.name} has no {what}")


def _probe(path: str) -> Interpreter | None:
    try:
        done = subprocess.run(
            [path, "-ESs", "-c", PROBE], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return None
    fields = done.stdout.strip().split("|")
    if done.returncode != 0 or len(fields) != 4 or fields[3] != "cpython":
        return None
    return Interpreter(*fields[:3])


def _in_folder(folder: Path) -> Iterator[str]:
    for bin_folder in (folder, folder / "bin"):
        for path in sorted(bin_folder.glob("python[23].*")):
            if re.fullmatch(r"python[23]\.\d+[tdx]?", path.name):
                yield str(path)


def _candidates() -> Iterator[str]:
    for item in filter(None, os.environ.get("KEISOKU_PYTHONS", "").split(":")):
        path = Path(item)
        if path.is_dir():
            yield from _in_folder(path)
        else:
            yield item
    yield from _in_folder(TOP / ".cache" / "pythons")
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for folder in sorted(pyenv.glob("versions/[23].*")):
        if not folder.is_symlink() and (folder / "bin" / "python").exists():
            yield str(folder / "bin" / "python")
    for name in SUPPORTED:
        found = shutil.which(f"python{name}")
        if found:
            yield found


@functools.cache
def find_interpreters() -> tuple[Interpreter, ...]:
    """All supported interpreters found here, oldest first."""
    found: dict[str, Interpreter] = {}
    for path in _candidates():
        one = _probe(path)
        if one and one.name.rstrip("tdx") in SUPPORTED:
            found.setdefault(one.name, one)
    return tuple(sorted(found.values(), key=lambda one: (one.minor, one.name)))


def interpreter(name: str) -> Interpreter | None:
    return next((one for one in find_interpreters() if one.name == name), None)


def missing() -> list[str]:
    return [name for name in SUPPORTED + ON_REQUEST if interpreter(name) is None]


def selected() -> list[Interpreter]:
    """Those a test runs over: all, or with KEISOKU_QUICK=1 one before and one after remote debugging support."""
    found = list(find_interpreters())
    if os.environ.get("KEISOKU_QUICK") and len(found) > 2:
        old = next((one for one in found if one.name == "3.11"), found[0])
        return [old, found[-1]] if old != found[-1] else [old]
    return found


def params() -> list[object]:
    """For @pytest.mark.parametrize: one per supported version; a missing one is a skip that says so."""
    rows: list[object] = [pytest.param(one, id=one.name) for one in selected()]
    if not os.environ.get("KEISOKU_QUICK"):
        for name in missing():
            how = f": tools/get-pythons .cache/pythons {name} gets it" if name in ON_REQUEST else ""
            mark = pytest.mark.skip(reason=f"no Python {name} on this machine{how}")
            rows.append(pytest.param(None, id=name, marks=mark))
    return rows


if __name__ == "__main__":
    for one in find_interpreters():
        print(f"{one.name}\t{one.version}\t{one.path}")
    for name in missing():
        print(f"{name}\tmissing", file=sys.stderr)
