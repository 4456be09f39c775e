"""docs/findings.md says what findings.def does, and every finding has its two controls."""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import limits  # noqa: E402


def test_page_states_the_thresholds() -> None:
    page = limits.PAGE.read_text()
    assert page == limits.filled(page), "run tests/findings/limits.py"


def test_page_has_a_section_for_each_finding() -> None:
    page = limits.PAGE.read_text()
    sections = re.findall(r"^## ([a-z-]+)$", page, re.MULTILINE)
    assert sections == list(limits.findings().values())
    for text in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        assert "**Prescription: " in text and "Do this:" in text and "efore" in text, text.split("\n")[0]


def test_page_states_the_next_measurements() -> None:
    page = limits.PAGE.read_text()
    rows = limits.next_measurements()
    assert len(rows) >= 7
    for name, tells in rows.items():
        section = page.split(f"\n## {limits.findings()[name]}\n")[1].split("\n## ")[0]
        assert f"\nNext: {tells}" in section, name


def test_every_finding_has_limits_that_its_rule_uses() -> None:
    rules = "".join(path.read_text() for path in sorted((limits.TOP / "lib" / "diagnose").glob("*.c")))
    for name, rows in limits.limits().items():
        assert name in limits.findings()
        for key, *_ in rows:
            assert f"LIMIT_OF({name}, {key})" in rules, f"{name} {key} is used nowhere"
    assert set(limits.limits()) == set(limits.findings())


def test_rules_compare_with_no_number_of_their_own() -> None:
    """Thresholds stand in the table: in the rules, comparisons are with LIMIT_OF, facts, 0, 1, or a whole half."""
    text = "".join(path.read_text() for path in sorted((limits.TOP / "lib" / "diagnose").glob("rules*.c")))
    for number in re.findall(r"[<>]=? ([0-9.]+)", text):
        assert float(number) in (0, 0.1, 0.5, 1, 2), number
