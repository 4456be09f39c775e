"""A finding that names a measurement to be made next is complete with it: the command is typed as it stands, and then
the finding has its numbers and names nothing more."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))
import interpreters  # noqa: E402
import labels  # noqa: E402

PROGRAMS = labels.FOLDER / "tuned"


def heard(keisoku: str, recording: Path, tag: str) -> tuple[dict[str, Any], str]:
    """What the report says of it as JSON, and the command that its part of --findings names next, or ""."""
    report = subprocess.run([keisoku, "report", "--json", str(recording)], capture_output=True, text=True, check=True)
    findings = json.loads(report.stdout)["findings"]
    found = [finding for finding in findings if finding["tag"] == tag]
    if not found:
        pytest.skip(f"{recording.name}: {[one['tag'] for one in findings]}")
    words = subprocess.run(
        [keisoku, "report", "--findings", str(recording)], capture_output=True, text=True, check=True
    )
    part = next(part for part in re.split(r"^(?=\d+  )", words.stdout, flags=re.M) if re.match(rf"\d+  {tag} ", part))
    _, _, rest = part.partition("measure next")
    command = rest[rest.find("keisoku run") :] if "keisoku run" in rest else ""
    return found[0], command.strip()


def can_unwind(keisoku: str) -> bool:
    doctor = subprocess.run([keisoku, "doctor"], capture_output=True, text=True)
    return any(line.startswith("native stacks") and "yes" in line.split() for line in doctor.stdout.splitlines())


@pytest.mark.parametrize(
    ("program", "tag", "option", "measure"),
    [
        ("tilings", "repeated-work", "--arg-hash", "calls"),
        ("lamps", "call-overhead", "--calls", "calls"),
        ("telemetry", "leak", "--allocs", "in use at the most, by Python's allocators"),
        ("templates", "unbounded-cache", "--allocs", "in use at the most, by Python's allocators"),
        ("grammar", "gc-pressure", "--allocs", "blocks in use at the most, by Python's allocators"),
        ("tapes", "temporaries", "--native", "of the kernel's time on the line, for .+"),
    ],
)
def test_the_command_completes_the_finding(
    program: str,
    tag: str,
    option: str,
    measure: str,
    keisoku: str,
    a_python: interpreters.Interpreter,
    tmp_path: Path,
) -> None:
    if option == "--native" and not can_unwind(keisoku):
        pytest.skip("native stacks cannot be had here (keisoku doctor)")
    words = ["run", "-q", "--no-html", "-o", "first.kei", a_python.path, str(PROGRAMS / f"{program}.py"), "slow"]
    subprocess.run([keisoku, *words], cwd=tmp_path, check=True, capture_output=True)
    before, command = heard(keisoku, tmp_path / "first.kei", tag)
    assert option in command and not [row for row in before["evidence"] if re.fullmatch(measure, row["measure"])]
    environment = {**os.environ, "PATH": f"{Path(keisoku).parent}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    second = next(path for path in tmp_path.glob("*.kei") if path.name != "first.kei")
    after, command = heard(keisoku, second, tag)
    assert command == ""
    evidence = {row["measure"]: row["value"] for row in after["evidence"]}
    told = next(value for words, value in evidence.items() if re.fullmatch(measure, words))
    assert told > (0.3 if option == "--native" else 100_000), evidence
    if option == "--allocs":  # and the lines that it was for
        source = (PROGRAMS / f"{program}.py").read_text().splitlines()
        lines = [words.rpartition(":")[2] for words in evidence if words.startswith("of them, asked for at")]
        assert lines and all(0 < int(line) <= len(source) for line in lines), evidence
    if option == "--arg-hash":
        assert evidence["calls with arguments it had before"] > 0.99
        assert "how many calls had the same arguments" not in after["not_measured"]
