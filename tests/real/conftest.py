"""An environment with the third-party programs of requirements.txt for each Python that tests/real measures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import interpreters
import pytest
from packages import environment

REQUIREMENTS = Path(__file__).resolve().parent / "requirements.txt"
VERSIONS = ["3.11", "3.14"]


@dataclass(frozen=True)
class Real:
    name: str
    version: str
    python: str  # of the environment
    folder: Path

    @property
    def benchmarks(self) -> Path:
        """The folder of pyperformance's benchmark programs."""
        found = list(self.folder.glob("lib/python*/site-packages/pyperformance/data-files/benchmarks"))
        assert len(found) == 1, found
        return found[0]


@pytest.fixture(scope="session", params=VERSIONS)
def real(request: pytest.FixtureRequest) -> Real:
    one = interpreters.interpreter(request.param)
    if one is None:
        pytest.skip(f"no Python {request.param} on this machine")
    lines = [line for line in REQUIREMENTS.read_text().splitlines() if line and not line.startswith("#")]
    folder = environment(one, *lines)
    return Real(one.name, one.version, str(folder / "bin" / "python"), folder)
