"""Fixtures of all end-to-end tests. Nothing here builds: tools/test does, or you did.

keisoku        path of the binary (KEISOKU_BINARY, else build/cli/keisoku)
run_keisoku    runs it in a folder of the test's own and gives back what came out
python         an Interpreter, over every supported version; a missing one is a skip that says so
a_python       one Interpreter, for tests to which the version does not matter

Markers: `alone` (never beside another test: without a free core it can say nothing), `company` (measures, but
stands neighbours: as many at a time as there are cores), `slow` (left out of `make quick`), `network` (needs the
package registry), `sparse` (fewer interpreters for each case, crossed.py).

Where one fails, tools/test looks a second time, with nothing beside it, and says so; not where something was seen that
must never be (support.never), nor where keisoku crashed or hung. Of each test it is noted how much of the cores other
machines of the host took while it ran: then one that measures may be looked at up to five times.

A test over interpreters and cases runs every case over one interpreter of each family, and over each of the others
some of the cases (crossed.py); KEISOKU_ALL=1 (tools/test --all) runs all of them.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import crossed  # noqa: E402
import interpreters  # noqa: E402
import stolen  # noqa: E402
from support import NeverError, Nobody, Result, Run, never_crashed, never_hangs  # noqa: E402

TOP = Path(__file__).resolve().parent.parent
# Beginnings of paths below tests/; what is marked `alone` in its own file stays so.
COMPANY = ("truth/", "real/", "findings/test_controls", "findings/test_examples")
SLOW = ("truth/", "real/", "web/", "findings/test_controls", "findings/test_examples", "faults/")


def pytest_configure(config: pytest.Config) -> None:
    # A shell's background job, nohup and some runners ignore these; what we start would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    for line in (
        "alone: never beside another test; without a free core it can say nothing",
        "company: measures, but stands neighbours, as many at a time as there are cores",
        "slow: left out of make quick",
        "network: needs the package registry",
        "sparse: fewer interpreters for each case (crossed.py)",
    ):
        config.addinivalue_line("markers", line)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if not item.path.is_relative_to(TOP / "tests"):
            continue
        place = item.path.relative_to(TOP / "tests").as_posix()
        if place.startswith(COMPANY) and not item.get_closest_marker("alone"):
            item.add_marker("company")
        if place.startswith(SLOW):
            item.add_marker("slow")
    crossed.thin(config, items)


may_be_chance: dict[str, float] = {}  # failed test → share of the cores that was stolen while it ran
never_seen: set[str] = set()  # tests that saw what must not be (support.never)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    before = stolen.cores_ticks()
    try:
        yield
    finally:
        item.user_properties.append(("stolen", stolen.share_since(before)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.excinfo is not None and call.excinfo.errisinstance(NeverError):
        report.user_properties.append(("never", True))
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    told = dict(report.user_properties)
    if "never" in told:
        never_seen.add(report.nodeid)
        may_be_chance.pop(report.nodeid, None)
    elif report.failed and report.nodeid not in never_seen:
        may_be_chance[report.nodeid] = float(str(told.get("stolen", 0)))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """To the file that tools/suite.py asks for: what is worth a second look."""
    wanted = os.environ.get("KEISOKU_SECOND_LOOK")
    if wanted and not hasattr(session.config, "workerinput"):
        Path(wanted).write_text(json.dumps(may_be_chance, sort_keys=True))


def pytest_report_header() -> str:
    return crossed.HEADER


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "python" in metafunc.fixturenames:
        metafunc.parametrize("python", interpreters.params(), scope="session")


@pytest.fixture(scope="session")
def keisoku() -> str:
    binary = Path(os.environ.get("KEISOKU_BINARY", TOP / "build" / "cli" / "keisoku"))
    if not os.access(binary, os.X_OK):
        pytest.fail(f"{binary} is not there: run ./keisoku or make build first", pytrace=False)
    return str(binary)


@pytest.fixture(scope="session")
def a_python() -> interpreters.Interpreter:
    found = interpreters.find_interpreters()
    if not found:
        pytest.skip("no supported Python on this machine")
    return interpreters.interpreter("3.11") or found[-1]


@pytest.fixture
def run_keisoku(keisoku: str, tmp_path: Path) -> Iterator[Run]:
    """run_keisoku('run', python.path, 'app.py', timeout=60, cwd=None, env=None, input=None) -> Result."""

    def run(
        *arguments: object,
        timeout: float = 120,
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
        input: str | None = None,
    ) -> Result:
        words = [keisoku, *map(str, arguments)]
        folder = cwd or tmp_path
        with never_hangs(words):
            done = subprocess.run(
                words,
                cwd=folder,
                env={**os.environ, **(env or {})},
                input=input,
                stdin=subprocess.DEVNULL if input is None else None,
                capture_output=True,
                text=True,
                errors="surrogateescape",
                timeout=timeout,
            )
        never_crashed(done)
        return Result(done.returncode, done.stdout, done.stderr, folder, words)

    yield run


@pytest.fixture
def nobody(keisoku: str, tmp_path: Path) -> Nobody:
    """A user without rights, with keisoku in a folder that it may write to."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv, to become another user")
    return Nobody(keisoku, tmp_path)


@pytest.fixture(scope="session")
def make_recording(keisoku: str) -> Callable[[Path, Path], Path]:
    """make_recording(description, recording): what tests/tools/make-recording makes of the description."""
    maker = Path(keisoku).resolve().parent.parent / "tests" / "tools" / "make-recording"
    if not maker.exists():
        pytest.skip(f"{maker} is not there: KEISOKU_BINARY names no build folder")

    def make(description: Path, recording: Path) -> Path:
        subprocess.run([maker, description, recording], check=True, capture_output=True, timeout=120)
        return recording

    return make


@pytest.fixture
def report(run_keisoku: Run) -> Callable[[Path], dict[str, Any]]:
    """report(recording) -> what `keisoku report --json` says of it."""

    def get(recording: Path) -> dict[str, Any]:
        done = run_keisoku("report", recording, "--json")
        assert done.status == 0, done.err
        value: dict[str, Any] = json.loads(done.out)
        assert value["schema"] == "keisoku-report/1"
        return value

    return get
