"""Every finding on a real program that has its problem, and on one that looks alike and has not.

Measured as a user would: keisoku run, then the report. The machine may be busy: `starved` may stand first, and findings
that need a free core are only asked for where the recording itself says that one was free.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import crossed  # noqa: E402
import interpreters  # noqa: E402

PROGRAMS = Path(__file__).resolve().parent / "programs"
# Every control over the first with the new frames; over the eldest and the first with remote debugging a half each.
VERSIONS = ("3.11", "3.8", "3.14")
FREE_MIN = 0.75
LITTLE_S = 0.4  # of CPU time: a program that got no more is judged by too few samples


@dataclass(frozen=True)
class Control:
    program: str
    arguments: tuple[str, ...] = ()
    has: str = ""  # this finding, at this function
    function: str = ""
    never: tuple[str, ...] = ()
    needs_free_core: bool = False

    @property
    def name(self) -> str:
        return "-".join([self.program, *self.arguments])

    @property
    def alone(self) -> bool:
        """Says nothing where a core is missing."""
        return self.needs_free_core or self.has == "flat"


WRONG_FOR_STOP = ("hot-loop", "io-wait", "gil-contention", "one-core", "list-membership")
CONTROLS = [
    Control("hot_loop", has="hot-loop", function="escape", never=("flat", "paced", "already-native", "insufficient")),
    Control("phases", has="flat", never=WRONG_FOR_STOP),
    Control("waits_in_turn", has="io-wait", function="ask_all", never=("flat", "paced", "hot-loop")),
    Control("waits_in_turn", ("8", "60"), never=("io-wait", "hot-loop", "one-core")),
    Control("waits_in_turn", ("1", "1", "1.5"), has="flat", never=WRONG_FOR_STOP),
    Control("rounds", has="one-core", never=("hot-loop", "already-native", "paced"), needs_free_core=True),
    Control("pool", never=("one-core", "gil-contention", "io-wait")),
    Control("gil_threads", has="gil-contention", never=("one-core", "io-wait"), needs_free_core=True),
    Control("gil_threads", ("native",), has="already-native", never=("gil-contention", "hot-loop", "one-core")),
    Control("native", has="already-native", never=("hot-loop", "io-wait")),
    Control("paced", has="paced", never=WRONG_FOR_STOP),
    Control("beside", has="paced", never=WRONG_FOR_STOP),
    Control("beside", ("join",), has="hot-loop", function="checksum", never=("flat", "paced")),
    Control("beside", ("event",), has="hot-loop", function="checksum", never=("flat", "paced")),
    Control("builtin", has="already-native", function="<module>", never=("hot-loop", "flat")),
    Control("collected", has="gc-pressure", function="grow", never=("flat",)),
    Control("collected", ("2000000",), never=("gc-pressure",)),
    Control("search", has="list-membership", function="unlike", never=("hot-loop", "flat")),
    Control("search", ("set",), never=("list-membership", "flat")),
]


def chosen() -> list[Any]:
    found = [interpreters.interpreter(version) for version in VERSIONS]
    return [
        pytest.param(control, one, id=f"{control.name}-{one.name}", marks=[pytest.mark.alone] if control.alone else [])
        for number, control in enumerate(CONTROLS)
        for at, one in enumerate(found)
        if one is not None and (crossed.WHOLE or at == 0 or number % 2 == at - 1)
    ]


def measure(run_keisoku: Callable[..., Any], *words: object) -> dict[str, Any]:
    done = run_keisoku("run", "-q", "--no-html", "--json=report.json", *words)
    assert done.status == 0, done.err
    value: dict[str, Any] = json.loads((done.folder / "report.json").read_text())
    return value


def tags(report: dict[str, Any]) -> list[str]:
    return [finding["tag"] for finding in report["findings"]]


def explain(report: dict[str, Any]) -> str:
    lines = [f"{finding['rank']} {finding['tag']}: {finding['sentence']}" for finding in report["findings"]]
    return "\n".join([*lines, json.dumps(report["states"]["wall"]), json.dumps(report["stat"])])


@pytest.mark.parametrize("control, one", chosen())
def test_control(control: Control, one: interpreters.Interpreter, run_keisoku: Callable[..., Any]) -> None:
    report = measure(run_keisoku, one.path, PROGRAMS / f"{control.program}.py", *control.arguments)
    found = tags(report)
    print(explain(report))
    if "starved" in found:
        assert found[0] == "starved"
    if found == ["starved", "insufficient"] and "insufficient" in control.never:
        pytest.skip("the machine was too busy: " + report["findings"][1]["sentence"])
    assert not set(found) & set(control.never), explain(report)
    free = report["stat"].get("cores_free", 0)
    if control.needs_free_core and free < FREE_MIN:
        assert control.has not in found, f"{free:.2f} cores were free\n{explain(report)}"
        pytest.skip(f"only {free:.2f} cores were free: {control.has} was rightly not said")
    if control.has == "flat" and "starved" in found:
        pytest.skip("the machine was starved: nothing else is said of a flat program")
    if not control.has:
        return
    if found == ["starved", "insufficient"] or ("starved" in found and report["stat"]["cpu_s"] < LITTLE_S):
        pytest.skip("the machine was too busy: " + report["findings"][-1]["sentence"])
    assert control.has in found, explain(report)
    finding = report["findings"][found.index(control.has)]
    assert finding["evidence"] and finding["check_command"].startswith(("keisoku run ", "keisoku bench "))
    if control.function:
        assert finding["place"]["function"].split(".")[-1] == control.function, explain(report)


@pytest.mark.alone
def test_starved(a_python: interpreters.Interpreter, run_keisoku: Callable[..., Any]) -> None:
    """Two others for each core: a third of a core is left, and that is said first."""
    others = 2 * len(os.sched_getaffinity(0))
    burner = subprocess.Popen([a_python.path, PROGRAMS / "burner.py", str(others), "6"])
    try:
        report = measure(run_keisoku, a_python.path, PROGRAMS / "hot_loop.py")
    finally:
        burner.terminate()
        burner.wait()
    assert tags(report)[0] == "starved", explain(report)
    assert report["verdict"]["prescription"] == "stop"
    assert report["states"]["wall"]["runnable"]["share"] > 0.2


def test_idle_server(a_python: interpreters.Interpreter, run_keisoku: Callable[..., Any], tmp_path: Path) -> None:
    """Nobody asks it anything: paced, not "nothing was measured"."""
    server = subprocess.Popen([a_python.path, PROGRAMS / "idle_server.py"], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None and server.stdout.readline() == "ready\n"
        options = ("--duration", "1.5", "-q", "--no-html", "--json=report.json")
        done = run_keisoku("attach", server.pid, *options)
        assert done.status == 0, done.err
    finally:
        server.terminate()
        server.wait()
    report = json.loads((tmp_path / "report.json").read_text())
    assert tags(report)[-1] == "paced" and not set(tags(report)) & set(WRONG_FOR_STOP), explain(report)


def test_insufficient(a_python: interpreters.Interpreter, run_keisoku: Callable[..., Any]) -> None:
    report = measure(run_keisoku, a_python.path, "-c", "pass")
    found = [tag for tag in tags(report) if tag != "starved"]
    assert found == ["insufficient"], explain(report)
    sentence = report["findings"][-1]["sentence"]
    assert any(letter.isdigit() for letter in sentence), sentence


def test_reports_are_valid(a_python: interpreters.Interpreter, run_keisoku: Callable[..., Any]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((PROGRAMS.parents[2] / "docs" / "report.schema.json").read_text())
    report = measure(run_keisoku, a_python.path, PROGRAMS / "gil_threads.py")
    jsonschema.Draft202012Validator(schema).validate(report)
    for clock in ("wall", "cpu"):
        total = sum(share["share"] for share in report["states"][clock].values())
        assert abs(total - 1) < 1e-6
