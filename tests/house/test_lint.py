"""tools/lint.py finds what it is there to find: each check gets a tree that breaks it."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

TOP = Path(__file__).resolve().parents[2]


@pytest.fixture
def lint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("lint", TOP / "tools" / "lint.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    monkeypatch.setattr(module, "TOP", tmp_path)
    return module


def write(tree: Path, name: str, text: str) -> None:
    (tree / name).parent.mkdir(parents=True, exist_ok=True)
    (tree / name).write_text(text)


def test_a_long_function(lint: ModuleType, tmp_path: Path) -> None:
    body = "    step();\n"
    write(tmp_path, "lib/data/a.c", "static void long_one(void)\n{\n" + body * 59 + "}\n")
    write(tmp_path, "lib/data/b.c", "static void short_one(void)\n{\n" + body * 58 + "}\n")
    assert [line.split(":")[0] for line in lint.check_lengths()] == ["lib/data/a.c"]


def test_a_long_file(lint: ModuleType, tmp_path: Path) -> None:
    write(tmp_path, "lib/data/a.c", "/* line */\n" * (lint.FILE_LINES + 1))
    write(tmp_path, "lib/data/b.c", "/* line */\n" * lint.FILE_LINES)
    assert [line.split(":")[0] for line in lint.check_lengths()] == ["lib/data/a.c"]


@pytest.mark.parametrize("test", ["info->minor >= 11", "minor==8", "PY_VERSION_HEX < 0x030b0000"])
def test_a_version_compared_outside(lint: ModuleType, tmp_path: Path, test: str) -> None:
    write(tmp_path, "lib/capture/sampler.c", f"if ({test})\n    walk();\n")
    write(tmp_path, "lib/capture/cpython/walk.c", f"if ({test})\n    walk();\n")
    assert [line.split(":")[0] for line in lint.check_versions()] == ["lib/capture/sampler.c"]


def test_a_host_named(lint: ModuleType, tmp_path: Path) -> None:
    write(tmp_path, "tools/fetch", "#!/bin/sh\ncurl https://" + ".".join(["deb", "example", "org"]) + "/x\n")
    assert [line.split(":")[0] for line in lint.check_hosts()] == ["tools/fetch"]


def test_a_broken_script(lint: ModuleType, tmp_path: Path) -> None:
    write(tmp_path, "tools/fetch", "#!/bin/sh\nif true; then\n")
    write(tmp_path, "tools/good", "#!/bin/sh\ntrue\n")
    assert lint.check_shell()
    (tmp_path / "tools" / "fetch").unlink()
    assert not lint.check_shell()


def test_ignored_files_are_left_alone(lint: ModuleType, tmp_path: Path) -> None:
    write(tmp_path, ".gitignore", "/build/\n")
    write(tmp_path, "build/a.c", "/* line */\n" * (lint.FILE_LINES + 1))
    assert not lint.check_lengths()
