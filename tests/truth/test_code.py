"""What code has the CPU: programs that spend it in one kind, under both readers, on stripped and plain interpreters."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from interpreters import Interpreter
from measured import measured
from support import Run

pytestmark = pytest.mark.sparse
Report = Callable[[Path], dict[str, Any]]

# Each keeps itself busy for a second of its own CPU time.
HEAD = """
import time
try:
    clock = time.process_time
except AttributeError:
    clock = time.clock
end = clock() + 1.0
"""


@dataclass(frozen=True)
class Kind:
    name: str
    program: str
    where: str  # of the report's code.cpu, or native:MODULE
    least: float
    finding: str = ""


KINDS = [
    # Tests of identity and jumps make no object and call nothing.
    Kind(
        "loop",
        """
def spin():
    a = b = None
    row = (None,) * 20000
    while clock() < end:
        for x in row:
            if x is a:
                b = a
            a = b
spin()
""",
        "loop",
        0.70,
        "hot-loop",
    ),
    Kind(
        "runtime",
        """
numbers = [i * 7919 % 100003 for i in range(5000)]
def work():
    while clock() < end:
        sorted(dict.fromkeys(numbers))
        list(map(str, numbers))
work()
""",
        "runtime",
        0.60,
        "already-native",
    ),
    Kind("sum", "while clock() < end: sum(range(20000))\n", "runtime", 0.80, "already-native"),
    Kind("copy", "data = bytearray(2000000)\nwhile clock() < end: data[:] = data\n", "libc", 0.70, "already-native"),
    Kind(
        "read",
        """
space = bytearray(1 << 20)
with open("/dev/zero", "rb", 0) as zero:
    while clock() < end: zero.readinto(space)
""",
        "kernel",
        0.80,
    ),
    Kind(
        "sha256",
        """
import hashlib
data = bytes(bytearray(4000000))
while clock() < end: hashlib.sha256(data).digest()
""",
        "native:libcrypto",
        0.80,
        "already-native",
    ),
]


def permitted(run_keisoku: Run, reader: str) -> None:
    rows = run_keisoku("doctor").out.splitlines()
    need = next(row for row in rows if row.startswith("kernel sampler" if reader == "kernel" else "perf clock"))
    if "yes" not in need.split():
        pytest.skip(need)


def uses_openssl(python: Interpreter) -> bool:
    asked = subprocess.run([python.path, "-c", "import _hashlib; _hashlib.new('sha256')"], capture_output=True)
    return asked.returncode == 0


def told(value: dict[str, Any]) -> dict[str, float]:
    """Shares of the CPU time that had an instruction pointer at all."""
    cpu = dict(value["code"]["cpu"])
    whole = 1 - cpu.pop("unknown", 0.0)
    native = {f"native:{row['module']}": row["cpu_share"] for row in value.get("native", [])}
    return {name: share / whole for name, share in {**cpu, **native}.items()}


@pytest.mark.parametrize("reader", ["core", "kernel"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_code(run_keisoku: Run, report: Report, python: Interpreter, tmp_path: Path, kind: Kind, reader: str) -> None:
    permitted(run_keisoku, reader)
    if kind.name == "sha256" and not uses_openssl(python):
        pytest.skip(f"Python {python.name} has no hash functions of OpenSSL")
    program = tmp_path / "code.py"
    program.write_text(HEAD + kind.program)
    done = measured(run_keisoku, python, program, options=("--reader", reader, "--rate", "1000"))
    value = report(done.path)
    if "code" not in value:
        pytest.skip("the machine was so busy that no sample had an instruction pointer")
    shares = told(value)
    # Start-up is part of what is measured: up to a tenth of a second.
    # A debug build calls functions where others have them inlined.
    least = kind.least * (0.7 if python.name.endswith("d") else 1)
    assert shares.get(kind.where, 0) > least, (shares, value["states"]["cpu"])
    assert "interpreter" not in shares, "its loop was not found"
    assert value["code"]["evidence"]["kernel sampler" if reader == "kernel" else "perf clock"] > 0.9
    tags = {finding["tag"]: finding for finding in value["findings"]}
    if kind.finding and reader == "kernel" and "insufficient" not in tags:
        assert kind.finding in tags, (list(tags), shares)
        assert not {"hot-loop", "already-native"} - {kind.finding} & set(tags), list(tags)
    if kind.name == "sha256" and "already-native" in tags:
        assert "libcrypto" in tags["already-native"]["sentence"]
    if kind.name == "sum" and "already-native" in tags and python.minor >= (3, 11):
        assert "in sum, compiled code of the interpreter" in tags["already-native"]["sentence"]


def test_a_stripped_copy(run_keisoku: Run, report: Report, a_python: Interpreter, tmp_path: Path) -> None:
    """Of an interpreter without its symbol table the loop is found all the same: its function is exported, and what the
    compiler moved away from it is where its jumps lead."""
    strip = shutil.which("strip")
    if not strip:
        pytest.skip("needs strip")
    permitted(run_keisoku, "kernel")
    ask = "import sys, sysconfig; print(sys.executable); print(sysconfig.get_config_var('LDLIBRARY') or '')"
    executable, library = subprocess.run(
        [a_python.path, "-c", ask], capture_output=True, text=True, check=True
    ).stdout.split("\n")[:2]
    folder = Path(executable).resolve().parents[1] / "lib"
    if not library.endswith(".so") or not (folder / library).exists():
        pytest.skip(f"Python {a_python.name} has no shared library")
    stripped = tmp_path / (folder / library).resolve().name
    subprocess.run([strip, "-o", stripped, folder / library], check=True)
    program = tmp_path / "code.py"
    program.write_text(HEAD + KINDS[0].program)

    def share(name: str, libraries: Path) -> float:
        done = run_keisoku(
            "run", "--no-html", "-o", name, "--reader", "kernel", "--rate", "1000", executable, program,
            env={**a_python.environment, "LD_LIBRARY_PATH": str(libraries)},
        )  # fmt: skip
        assert done.status == 0, done.err
        return float(told(report(done.folder / name))["loop"])

    shares = []
    for attempt in range(
        3
    ):  # how much the loop has of the time depends on who shares the caches, not whether it is found
        shares.append((share(f"stripped-{attempt}.kei", tmp_path), share(f"plain-{attempt}.kei", folder)))
        if shares[-1][0] > 0.85 * shares[-1][1]:
            return
    pytest.fail(f"the loop has these shares of the time, stripped and not: {shares}")
