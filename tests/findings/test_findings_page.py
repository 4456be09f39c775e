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
        assert all(part in text for part in ("**Prescription: ", "\nDo this:", "\nNot measured: ")), text.split("\n")[0]
        assert re.search(r"^(# before|Before\b)", text, re.MULTILINE), text.split("\n")[0]


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


# Files of lib/diagnose whose numbers decide about no advice, as the head of findings.def says.
NO_ADVICE = {
    *("compare", "compare_lines", "compare_noise", "compare_verdict"),  # keisoku diff
    *("growth", "scaling", "scaling_calls", "scaling_whole", "ratio", "summary", "verdicts"),  # scale, bench
    *("ledger", "ledger_parts"),  # shares and their intervals
    *("check_command", "findings", "operand_words"),  # how commands, sentences and numbers are written
    *("unfollowed", "waits"),  # ticks of the kernel, how a recorder writes a wait
}
WORDS = {"native_line.c": {"told_min", "runtime_told"}}  # of the screen's line: too little to be worth a word


def files_of_advice() -> list[Path]:
    files = sorted((limits.TOP / "lib" / "diagnose").glob("*.c"))
    assert not NO_ADVICE - {path.stem for path in files}
    return [path for path in files if path.stem not in NO_ADVICE]


def test_advice_compares_with_no_number_of_its_own() -> None:
    """Thresholds stand in the table: comparisons are with LIMIT_OF, facts, 0 or 1; counters and texts' lengths aside."""
    compared = re.compile(r"(\w*)\W? (?:<|>|<=|>=) ([0-9][0-9.e]*)")
    assert compared.findall("i < 3 && share(x) >= 0.5 && a->b < 1") == [("i", "3"), ("x", "0.5"), ("b", "1")]
    checked = 0
    for path in files_of_advice():
        for word, number in compared.findall(limits.without_comments(path.read_text())):
            checked += 1
            text = path.name.startswith("source_") or word in ("i", "indent", "length")
            assert float(number) in (0, 1) or (text and float(number).is_integer()), f"{path.name}: {word} {number}"
    assert checked > 100


def test_advice_keeps_no_threshold_aside() -> None:
    """Nor under another name: a constant with a fraction is a threshold."""
    constant = re.compile(r"^(?:static const double .*?|#define )(\w+)(?: *= *|  *)[0-9]*\.[0-9]+", re.MULTILINE)
    assert constant.findall("#define BUSY  0.2\nstatic const double least = 0.5;") == ["BUSY", "least"]
    for path in files_of_advice():
        found = set(constant.findall(limits.without_comments(path.read_text()))) - {"MIB"}
        assert found <= WORDS.get(path.name, set()), f"{path.name}: {found}"
