"""Each example is there for a verdict, which its docstring names: that is what a newcomer's first screen must say.

An example lists its findings in the order of the screen, in the words that the other programs here use:

    finds: TAG in FUNCTION
"""

from __future__ import annotations

import difflib
import json
import re
import shlex
from pathlib import Path
from typing import Any

import interpreters
import labels
import pytest
from support import TOP, Run

EXAMPLES = sorted((TOP / "examples").glob("*.py"))
ORDERS, FIXED = TOP / "examples" / "orders.py", TOP / "examples" / "orders_fixed.py"
# What Debian 12 has, and the first of these that is there.
OLDER, NEWER = "3.11", ("3.14", "3.15", "3.13", "3.12")
# How a running thread is read where there is no kernel sampler: a quarter of the samples fit into the budget.
READERS = ("auto", "core")
# On a fast machine as many as it can read say too little of a program of a second and a half.
MORE = {"orders_fixed.py": ("70000",)}
FEW_S = 0.4  # of CPU time or less: the machine was too busy to say anything


def finds(example: Path) -> list[tuple[str, str]]:
    return [(found[1], found[2]) for found in labels.FINDS.finditer(example.read_text())]


def versions() -> list[interpreters.Interpreter]:
    newer = next((found for name in NEWER if (found := interpreters.interpreter(name))), None)
    return [one for one in (interpreters.interpreter(OLDER), newer) if one is not None]


def measure(run_keisoku: Run, *words: object) -> dict[str, Any]:
    done = run_keisoku("run", "-q", "--no-html", "-o", "example.kei", "--json=report.json", *words)
    assert done.status == 0, done.err
    value: dict[str, Any] = json.loads((done.folder / "report.json").read_text())
    return value


def advice(report: dict[str, Any]) -> list[tuple[str, str]]:
    """What is found and in which function, without what is said of the machine."""
    return [
        (finding["tag"], finding["place"].get("function", "").split(".")[-1])
        for finding in report["findings"]
        if finding["tag"] not in ("starved", "insufficient")
    ]


def too_busy(report: dict[str, Any]) -> bool:
    said = [finding["tag"] for finding in report["findings"]]
    return "starved" in said and ("insufficient" in said or report["stat"]["cpu_s"] < FEW_S)


def test_every_example_says_what_is_found() -> None:
    assert len(EXAMPLES) >= 4
    assert [example.name for example in EXAMPLES if not finds(example)] == []
    table = dict(re.findall(r'^FINDING\(\w+, "([\w-]+)", (\w+)', labels.TABLE.read_text(), re.MULTILINE))
    first = {table[finds(example)[0][0]] for example in EXAMPLES}
    assert first == {"NATIVE", "PARALLEL", "ALGORITHM"}, "each kind of advice has an example"


def cases() -> list[tuple[interpreters.Interpreter, str]]:
    """Each reader over the older one; the newer one as it comes."""
    return [(one, reader) for one in versions() for reader in (READERS if one.name == OLDER else READERS[:1])]


@pytest.mark.parametrize("one,reader", cases(), ids=lambda value: getattr(value, "name", value))
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_an_example_shows_what_it_says(
    run_keisoku: Run, example: Path, one: interpreters.Interpreter, reader: str
) -> None:
    """At the rate that is the default: what fits into the budget."""
    more = MORE.get(example.name, ()) if reader == "core" else ()
    report = measure(run_keisoku, f"--reader={reader}", one.path, example, *more)
    wanted, found = finds(example), advice(report)
    print(report["trust"]["rate_hz"], found, [finding["evidence"] for finding in report["findings"]])
    if found[: len(wanted)] != wanted and too_busy(report):
        pytest.skip("the machine was too busy: " + report["findings"][-1]["sentence"])
    assert found[: len(wanted)] == wanted, report["findings"]


def test_the_fixed_example_mends_one_thing() -> None:
    """Its code is that of the other but for one line; the docstrings differ."""
    first, second = (path.read_text().split('"""', 2)[2].splitlines() for path in (ORDERS, FIXED))
    changed = [line for line in difflib.ndiff(first, second) if line[:2] in ("- ", "+ ")]
    assert [line.split()[0] for line in changed] == ["-", "+"], changed
    assert finds(FIXED) == finds(ORDERS)[1:]


def test_the_command_on_the_screen_works(run_keisoku: Run, tmp_path: Path) -> None:
    """As a newcomer does it, from the checkout: run the example, copy the last lines of the verdict."""
    (tmp_path / "examples").symlink_to(TOP / "examples")
    run_keisoku("run", "-q", "--no-html", "-o", "example.kei", "examples/orders.py")
    screen = run_keisoku("report", "example.kei").out
    if "starved" in screen:
        pytest.skip("the machine was too busy for a first finding that promises something")
    assert "check your changed copy (…_fixed.py) with:" in " ".join(screen.split())
    command = re.search(r"^  (keisoku bench (?:.*\\\n)*.*)$", screen, re.MULTILINE)
    assert command, screen
    words = shlex.split(command[1].replace("\\\n", " "))
    assert [word.split()[1] for word in words[2:4]] == ["examples/orders.py", "examples/orders_fixed.py"], words
    assert "--equal-output" in words, words
    done = run_keisoku(*words[1:], "--rounds", 5, "--no-warmup", "--json", "bench.json", timeout=500)
    assert done.status == 0, done.err
    result = json.loads((tmp_path / "bench.json").read_text())
    assert result["output_compared"] and result["claims"], result["notes"]
    assert result["gain"]["kept"] and result["gain"]["achieved"]["value"] > 1, result["gain"]
    assert "kept in example.kei" in done.out, done.out
