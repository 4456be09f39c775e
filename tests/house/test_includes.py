"""tools/check-includes: each rule of the rooms has a file that breaks it, and must be found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
HEADERS = [
    "wire/record.h",
    "agent/hook.h",
    "bpf/sample.h",
    "lib/base/buf.h",
    "lib/data/profile.h",
    "lib/capture/session.h",
    "lib/capture/cpython/python.h",
    "lib/diagnose/diagnose.h",
    "lib/export/export.h",
    "include/keisoku.h",
    "cli/command.h",
]
BROKEN = [
    ("wire/record.h", "<string.h>"),
    ("wire/record.h", '"base/buf.h"'),
    ("agent/hook.c", '"base/buf.h"'),
    ("bpf/sample.bpf.c", '"data/profile.h"'),
    ("lib/base/buf.c", '"data/profile.h"'),
    ("lib/base/buf.c", '"keisoku.h"'),
    ("lib/data/profile.c", '"capture/session.h"'),
    ("lib/data/profile.c", '"diagnose/diagnose.h"'),
    ("lib/capture/session.c", '"diagnose/diagnose.h"'),
    ("lib/capture/session.c", '"export/export.h"'),
    ("lib/capture/cpython/walk.c", '"../../export/export.h"'),
    ("lib/diagnose/rules.c", '"export/export.h"'),
    ("lib/diagnose/rules.c", '"capture/cpython/python.h"'),
    ("lib/export/json.c", '"capture/session.h"'),
    ("include/keisoku.h", '"base/buf.h"'),
    ("cli/run.c", '"data/profile.h"'),
    ("cli/run.c", '"../lib/base/buf.h"'),
]
ALLOWED = [
    ("wire/record.h", "<stdint.h>"),
    ("agent/hook.c", '"wire/record.h"'),
    ("agent/hook.c", "<string.h>"),
    ("lib/data/profile.c", '"base/buf.h"'),
    ("lib/capture/cpython/walk.c", '"capture/session.h"'),
    ("lib/export/json.c", '"diagnose/diagnose.h"'),
    ("lib/export/pprof.c", '"profile.pb-c.h"'),
    ("lib/api.c", '"capture/session.h"'),
    ("cli/run.c", '"command.h"'),
    ("cli/run.c", '"keisoku.h"'),
    ("tests/unit/test.c", '"export/export.h"'),
]


def check(tree: Path, name: str, included: str) -> subprocess.CompletedProcess[str]:
    for header in HEADERS:
        (tree / header).parent.mkdir(parents=True, exist_ok=True)
        (tree / header).write_text("#pragma once\n")
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"/* a file */\n#include {included}\n")
    return subprocess.run([sys.executable, TOP / "tools/check-includes", tree], capture_output=True, text=True)


@pytest.mark.parametrize(("name", "included"), BROKEN)
def test_broken_rule_is_found(tmp_path: Path, name: str, included: str) -> None:
    done = check(tmp_path, name, included)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{name}:2: ")
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize(("name", "included"), ALLOWED)
def test_kept_rule_is_quiet(tmp_path: Path, name: str, included: str) -> None:
    done = check(tmp_path, name, included)
    assert (done.returncode, done.stdout) == (0, "")
