"""What a finding names to be measured next: a command of keisoku that there is. test_completed.py types them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import limits  # noqa: E402

COMMANDS = limits.next_commands()
TYPED = {"REPEATED_WORK", "CALL_OVERHEAD", "LEAK", "UNBOUNDED_CACHE", "GC_PRESSURE", "TEMPORARIES"}


def test_the_rows_are_known() -> None:
    """Another one is to be typed too; `scale` tells what no finding waits for."""
    assert set(COMMANDS) == TYPED | {"GROWTH"}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_it_is_there(name: str, keisoku: str) -> None:
    words = COMMANDS[name].split()
    assert words[0] == "keisoku"
    help_of = subprocess.run([keisoku, words[1], "--help"], capture_output=True, text=True)
    assert help_of.returncode == 0, help_of.stderr
    for option in re.findall(r"--[a-z][a-z-]*", COMMANDS[name]):
        assert option in help_of.stdout, option
