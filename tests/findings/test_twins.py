"""A sample of the pairs of twins.py: what is found in the one with the problem, where, and not in the other."""

from __future__ import annotations

import re
import subprocess

import interpreters
import pytest
import twins

SAMPLE = ("dispatcher", "packets", "worlds", "prices", "sensors", "spelling")
FIRST_WITH_OPERANDS = (3, 8)


def test_every_pair_says_what_is_to_be_found() -> None:
    table = (twins.TOP / "lib" / "diagnose" / "findings.def").read_text()
    known = set(re.findall(r'^FINDING\(\w+, "([^"]+)"', table, re.MULTILINE))
    for twin in twins.twins():
        source = twin.path.read_text()
        assert twin.tag in known, twin.name
        assert f"def {twin.function}(" in source, twin.name
        assert not twin.line or twin.line in [line.strip() for line in source.splitlines()], twin.name
    assert {twin.held for twin in twins.twins()} == {True, False}
    assert set(SAMPLE) <= {twin.name for twin in twins.twins()}


def test_the_score_is_of_every_pair() -> None:
    text = twins.PAGE.read_text()
    assert all(f"| {twin.name} | `{twin.tag}` |" in text for twin in twins.twins())


@pytest.mark.parametrize("name", SAMPLE)
def test_twin(name: str, keisoku: str, a_python: interpreters.Interpreter) -> None:
    twin = next(one for one in twins.twins() if one.name == name)
    slow = twins.measure(keisoku, a_python.path, twin.path, "slow")
    found = [finding["tag"] for finding in slow["findings"]]
    if found == ["starved", "insufficient"] or found == ["insufficient"]:
        pytest.skip("the machine was too busy: " + slow["findings"][-1]["sentence"])
    sentences = "\n".join(finding["sentence"] for finding in slow["findings"])
    assert twin.tag in found, sentences
    finding = slow["findings"][found.index(twin.tag)]
    assert twins.is_right_place(twin, finding["place"]), finding
    fixed = twins.measure(keisoku, a_python.path, twin.path, "fixed")
    assert twin.tag not in [finding["tag"] for finding in fixed["findings"]]


def test_the_two_say_the_same(a_python: interpreters.Interpreter) -> None:
    """Whichever can run here; slow ones are left to the score."""
    for name in SAMPLE:
        twin = next(one for one in twins.twins() if one.name == name)
        words = [a_python.path, str(twin.path)]
        said = [subprocess.run([*words, mode], capture_output=True, text=True).stdout for mode in ("slow", "fixed")]
        assert said[0] == said[1] != "", name
