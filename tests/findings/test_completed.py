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
    words = subprocess.run([keisoku, "report", "--findings", str(recording)], capture_output=True, text=True, check=True)
    part = next(part for part in re.split(r"^(?=\d+  )", words.stdout, flags=re.M) if re.match(rf"\d+  {tag} ", part))
    _, _, rest = part.partition("measure next")
    command = rest[rest.find("keisoku run") :] if "keisoku run" in rest else ""
    return found[0], command.strip()


@pytest.mark.parametrize(
    ("program", "tag", "option"), [("tilings", "repeated-work", "--arg-hash"), ("lamps", "call-overhead", "--calls")]
)
def test_the_command_completes_the_finding(
    program: str, tag: str, option: str, keisoku: str, a_python: interpreters.Interpreter, tmp_path: Path
) -> None:
    words = ["run", "-q", "--no-html", "-o", "first.kei", a_python.path, str(PROGRAMS / f"{program}.py"), "slow"]
    subprocess.run([keisoku, *words], cwd=tmp_path, check=True, capture_output=True)
    before, command = heard(keisoku, tmp_path / "first.kei", tag)
    assert option in command and "calls" not in [row["measure"] for row in before["evidence"]]
    environment = {**os.environ, "PATH": f"{Path(keisoku).parent}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    second = next(path for path in tmp_path.glob("*.kei") if path.name != "first.kei")
    after, command = heard(keisoku, second, tag)
    assert command == ""
    evidence = {row["measure"]: row["value"] for row in after["evidence"]}
    assert evidence["calls"] > 100_000, evidence
    if option == "--arg-hash":
        assert evidence["calls with arguments it had before"] > 0.99
        assert "how many calls had the same arguments" not in after["not_measured"]
