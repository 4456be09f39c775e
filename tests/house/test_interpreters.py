"""The interpreters that the tests run over."""

from __future__ import annotations

import os

import interpreters
import pytest


def test_required_interpreters() -> None:
    missing = [name for name in interpreters.REQUIRED if interpreters.interpreter(name) is None]
    if missing and not os.environ.get("CI"):
        pytest.skip(f"no Python {', '.join(missing)} on this machine (a failure in CI)")
    assert not missing


def test_executables_are_real_ones() -> None:
    for one in interpreters.find_interpreters():
        assert os.path.realpath(one.path) == one.path
        assert one.version.startswith(one.name.rstrip("tdx") + ".")
