"""A sample of the pairs of twins.py: what is found in the one with the problem, where, and not in the other."""

from __future__ import annotations

import re
import subprocess

import interpreters
import pytest
import twins

SAMPLE = ("dispatcher", "packets", "worlds", "prices", "sensors", "spelling", "tilings", "shop", "convert")
CONTROLS = ("crawl", "token_chain", "one_query", "imports_used", "tree_walk")
FIRST_WITH_OPERANDS = (3, 8)


def test_every_pair_says_what_is_to_be_found() -> None:
    table = (twins.TOP / "lib" / "diagnose" / "findings.def").read_text()
    known = set(re.findall(r'^FINDING\(\w+, "([^"]+)"', table, re.MULTILINE))
    for twin in twins.twins():
        source = twin.path.read_text()
        assert twin.tag in known, twin.name
        assert f"def {twin.function}(" in source or twin.function == "<module>", twin.name
        assert not twin.line or twin.line in [line.strip() for line in source.splitlines()], twin.name
    assert {twin.held for twin in twins.twins()} == {True, False}
    assert set(SAMPLE) <= {twin.name for twin in twins.twins()}


def test_the_score_is_of_every_pair() -> None:
    text = twins.PAGE.read_text()
    assert [twin.name for twin in twins.twins() if f"| {twin.name} | `{twin.tag}` |" not in text] == []
    assert [one.name for one in twins.controls() if f"| {one.name} |" not in text] == []


@pytest.mark.company
@pytest.mark.parametrize("name", SAMPLE)
def test_twin(name: str, keisoku: str, a_python: interpreters.Interpreter) -> None:
    twin = next(one for one in twins.twins() if one.name == name)
    slow = twins.measure(keisoku, a_python.path, twin.path, "slow")
    found = [finding["tag"] for finding in slow["findings"]]
    if found == ["starved", "insufficient"] or found == ["insufficient"]:
        pytest.skip("the machine was too busy: " + slow["findings"][-1]["sentence"])
    if found[0] == "starved" and twin.tag not in found:
        pytest.skip("too few samples on a starved machine: " + slow["findings"][0]["sentence"])
    sentences = "\n".join(finding["sentence"] for finding in slow["findings"])
    assert twin.tag in found, sentences
    finding = slow["findings"][found.index(twin.tag)]
    assert twins.is_right_place(twin, finding["place"]), finding
    fixed = twins.measure(keisoku, a_python.path, twin.path, "fixed")
    assert twin.tag not in [finding["tag"] for finding in fixed["findings"]]


@pytest.mark.company
@pytest.mark.parametrize("name", CONTROLS)
def test_no_false_advice(name: str, keisoku: str, a_python: interpreters.Interpreter) -> None:
    control = next(one for one in twins.controls() if one.name == name)
    report = twins.measure(keisoku, a_python.path, control.path, "")
    assert twins.wrong_advice(control, report) == [], [finding["sentence"] for finding in report["findings"]]


def test_the_two_say_the_same(a_python: interpreters.Interpreter) -> None:
    """Whichever can run here; slow ones are left to the score."""
    for name in SAMPLE[:6]:
        twin = next(one for one in twins.twins() if one.name == name)
        words = [a_python.path, str(twin.path)]
        said = [subprocess.run([*words, mode], capture_output=True, text=True).stdout for mode in ("slow", "fixed")]
        assert said[0] == said[1] != "", name
