"""tools/suite.py adds up right: what failed is never counted as passed, and nothing is lost; no test is left out."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from pathlib import Path

import crossed
import interpreters
import pytest

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools"))

import suite  # noqa: E402
from suite_parts import common, end_to_end, units  # noqa: E402


def meson_log(folder: Path, *entries: dict[str, str]) -> Path:
    (folder / "meson-logs").mkdir()
    text = "".join(json.dumps(entry) + "\n" for entry in entries)
    (folder / "meson-logs" / "testlog.json").write_text(text)
    return folder


def test_units_count_by_function(tmp_path: Path) -> None:
    tap = "1..3\nok 1 - one\nnot ok 2 - two\n# two failed\nok 3 # SKIP three\n"
    good = {"name": "base", "result": "OK", "stdout": "1..2\nok 1 - a\nok 2 - b\n"}
    bad = {"name": "data", "result": "FAIL", "stdout": tap}
    silent = {"name": "reader", "result": "OK", "stdout": ""}
    tally = units.tally_meson(meson_log(tmp_path, good, bad, silent), "unit")
    assert (tally.passed, tally.failed) == (4, ["unit: data: two"])
    assert [what for what, _ in tally.skipped] == ["unit: data: three"]


@pytest.mark.parametrize("result", ["FAIL", "TIMEOUT", "ERROR"])
def test_a_program_that_dies_has_failed(tmp_path: Path, result: str) -> None:
    """All its functions said ok, and then a sanitizer or a signal ended it."""
    entry = {"name": "data", "result": result, "stdout": "1..2\nok 1 - a\n"}
    tally = units.tally_meson(meson_log(tmp_path, entry), "unit")
    assert tally.failed == [f"unit: data: {result}"]


def test_pytest_counts_by_case(tmp_path: Path) -> None:
    path = tmp_path / "result.xml"
    path.write_text(
        '<testsuites><testsuite><testcase classname="tests.a" name="good"/>'
        '<testcase classname="tests.a" name="bad"><failure message="no"/></testcase>'
        '<testcase classname="tests.a" name="broken"><error message="no"/></testcase>'
        '<testcase classname="tests.a" name="left"><skipped message="no Python 3.9"/></testcase>'
        "</testsuite></testsuites>"
    )
    tally = end_to_end.tally_junit(path)
    assert (tally.passed, tally.failed) == (1, ["a::bad", "a::broken"])
    assert tally.skipped == [("a::left", "no Python 3.9")]
    assert tally.line() == "1 passed, 2 failed, 1 skipped"


def test_skips_say_why_once(capsys: pytest.CaptureFixture[str]) -> None:
    suite.print_skips([("a", "no Python 3.9"), ("b", "no Python 3.9"), ("c", "no clang")])
    shown = capsys.readouterr().out.splitlines()
    assert shown == ["skipped: a and 1 more: no Python 3.9", "skipped: c: no clang"]


def test_what_each_part_took_is_shown() -> None:
    assert suite.times({"unit": 9.6, "pytest": 90.2}, 100.1) == "took 100 s: unit 10, pytest 90"


def test_each_part_runs_once_and_what_measures_has_no_other_beside_it() -> None:
    stages = suite.stages(suite.FULL)
    assert sorted(name for stage in stages for names in stage for name in names) == sorted(suite.FULL)
    assert [stage for stage in stages if len(stage) == 1] == [[["unit"]], [["company"]], [["alone"]]]
    assert [["pytest"], ["lint", "asan", "fuzz"]] in stages
    for parts in (["alone"], ["fuzz", "lint"], ["company", "pytest"]):
        assert suite.stages(parts) == [[[name]] for name in parts]
    assert suite.stages(["lint", "alone", "pytest"]) == [[["alone"]], [["pytest"], ["lint"]]]


def test_what_runs_side_by_side_is_added_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def part(options: object, log: Path) -> object:
        return common.Tally(passed=2) if log.stem == "pytest" else common.Tally(failed=["lint: tidy"])

    monkeypatch.setattr(suite, "PARTS", dict.fromkeys(("pytest", "lint"), part))
    monkeypatch.setattr(suite, "LOGS", common.TOP / "build" / tmp_path.name)
    all_of_it = suite.Suite(argparse.Namespace())
    all_of_it.run([["pytest"], ["lint"]])
    assert all_of_it.total.line() == "2 passed, 1 failed, 0 skipped" and set(all_of_it.took) == {"pytest", "lint"}
    assert "  failed: lint: tidy\n" in capsys.readouterr().out

    def breaks(options: object, log: Path) -> object:
        raise OSError("nothing can be started")

    monkeypatch.setattr(suite, "PARTS", {"pytest": part, "lint": breaks})
    with pytest.raises(OSError, match="nothing can be started"):
        suite.Suite(argparse.Namespace()).run([["pytest"], ["lint"]])


def test_every_marker_has_its_part() -> None:
    """Of the parts that run pytest, each test is in exactly one, and a full run has them all."""
    for marker in ("", "company", "alone"):
        names = {name: name == marker for name in ("alone", "company")}
        taken = [part for part, words in end_to_end.CHOSEN.items() if eval(words, {}, names)]
        assert taken == [marker or "pytest"]
    assert set(end_to_end.CHOSEN) < set(suite.FULL) == set(suite.PARTS) - {"docs", "faults"}


@pytest.mark.parametrize("cases", [1, 2, 3, 5, 11])
def test_each_interpreter_and_each_case_is_kept(cases: int) -> None:
    """Every interpreter has a case, every case all families and more; the rest is what --all adds."""
    everyone = [*interpreters.SUPPORTED, *interpreters.ON_REQUEST]
    table = {
        name: [case for case in range(cases) if crossed.kept(name, case, cases, sparse=False)] for name in everyone
    }
    assert all(table[name] == list(range(cases)) for name in crossed.FAMILIES)
    assert all(len(table[name]) >= max(1, cases // crossed.STEP) for name in everyone)
    for case in range(cases):
        assert sum(case in table[name] for name in everyone) >= len(crossed.FAMILIES) + 2 // min(2, cases)
    assert sum(map(len, table.values())) < len(everyone) * cases or cases == 1


@pytest.mark.parametrize("cases", [1, 2, 3, 5, 11])
def test_sparse_tests_keep_each_interpreter_and_each_case(cases: int) -> None:
    """Those that every Debian 12 can have are enough for every case."""
    everyone = [*interpreters.SUPPORTED, *interpreters.ON_REQUEST]
    table = {name: [case for case in range(cases) if crossed.kept(name, case, cases, sparse=True)] for name in everyone}
    kept = crossed.FAMILIES if cases == 1 else everyone
    assert all(len(table[name]) >= max(1, cases // crossed.STEP) for name in kept)
    assert all(any(case in table[name] for name in ("3.11", "3.13", "3.14", "3.15")) for case in range(cases))


@pytest.mark.parametrize("cases", [8, 24, 32])
def test_sparser_tests_keep_each_case_over_some_interpreter(cases: int) -> None:
    """Those of SUPPORTED are enough for every case, and each has as many as the next."""
    table = {
        name: [case for case in range(cases) if crossed.kept(name, case, cases, sparse=True, step=8)]
        for name in interpreters.SUPPORTED
    }
    assert {len(kept) for kept in table.values()} == {cases // 8}
    assert {case for kept in table.values() for case in kept} == set(range(cases))


Looks = list[dict[str, float]]


@pytest.mark.parametrize(
    ("measured", "later", "expected"),
    [
        (False, [{}], (9, 0)),  # passes when looked at again
        (True, [{"a.py::t": 0.2}, {}], (9, 0)),
        (True, [{"a.py::t": 0.2}] * 3 + [{}], (9, 0)),
        (True, [{"a.py::t": 0.2}] * 4, (8, 1)),  # each time
        (True, [{"a.py::t": 0.01}], (8, 1)),  # nothing was taken from it
        (True, [{"a.py::t": 0.2}, {"a.py::t": 0.01}], (8, 1)),
        (False, [{"a.py::t": 0.2}], (8, 1)),  # what does not measure has no such excuse
    ],
)
def test_what_failed_is_looked_at_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, measured: bool, later: Looks, expected: tuple[int, ...]
) -> None:
    looks = iter([{"a.py::t": 0.0}, *later])

    def look(part: str, words: list[str], log: Path, env: dict[str, str], where: str = "tests") -> object:
        failed = next(looks)
        names = [end_to_end.classname(test) for test in failed]
        everybody = 9 if part == "company" else 1
        return common.Tally(passed=everybody - len(names), failed=names), failed

    monkeypatch.setattr(end_to_end, "look", look)
    tally = end_to_end.run_looked_at("company", [], tmp_path / "log", {}, measured)
    assert (tally.passed, len(tally.failed)) == expected and tally.count() == 9
    assert tally.twice == ["a::t"] and next(looks, None) is None


def test_what_must_never_be_and_what_is_no_chance_is_not_looked_at_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for failed, again in ((["a::t"], {}), ([f"a::{i}" for i in range(9)], {f"a.py::{i}": 0.9 for i in range(9)})):
        looks = iter([(common.Tally(passed=100, failed=failed), again)])
        monkeypatch.setattr(end_to_end, "look", lambda *_, looks=looks: next(looks))
        tally = end_to_end.run_looked_at("company", [], tmp_path / "log", {}, measured=True)
        assert tally.failed == failed and not tally.twice and not tally.skipped


def test_a_look_that_did_not_happen_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """pytest did not find the test, or found others."""
    for seen in (common.Tally(failed=["pytest-second: pytest ended with status 4"]), common.Tally(passed=2)):
        first = common.Tally(passed=8, failed=["a::t"])
        looks = iter([(first, {"a.py::t": 0.0}), (seen, {})])
        monkeypatch.setattr(end_to_end, "look", lambda *_, looks=looks, **__: next(looks))
        tally = end_to_end.run_looked_at("company", [], tmp_path / "log", {}, measured=True)
        assert (tally.passed, tally.failed) == (8, ["a::t"])


@pytest.mark.parametrize(
    ("test", "junit", "name"),
    [
        ("tests/web/test_a.py::test_b[x/y@z]@browser", "test_b[x/y@z]@browser", "web.test_a::test_b[x/y@z]"),
        ("tests/house/test_a.py::test_b@without-node", "test_b@without-node", "house.test_a::test_b"),
    ],
)
def test_one_name_for_a_test(tmp_path: Path, test: str, junit: str, name: str) -> None:
    """What pytest calls it beside others, what its result does, and what is shown."""
    assert end_to_end.classname(end_to_end.without_group(test)) == name
    path = tmp_path / "result.xml"
    classname = name.partition("::")[0]
    path.write_text(
        f'<testsuite><testcase classname="tests.{classname}" name="{junit}"><error/></testcase></testsuite>'
    )
    assert end_to_end.tally_junit(path).failed == [name]


def test_only_a_piece_that_ended_well_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "LOGS", tmp_path)
    binary = tmp_path / "binary"
    binary.touch()
    os.utime(binary, (1, 1))
    assert not common.ended_well("piece", [binary])
    common.note_end("piece", True)
    assert common.ended_well("piece", [binary])
    os.utime(binary)  # built since
    os.utime(tmp_path / "piece.well", (2, 2))
    assert not common.ended_well("piece", [binary])
    common.note_end("piece", False)
    os.utime(binary, (1, 1))
    assert not common.ended_well("piece", [binary])


def test_all_files_can_be_collected_together() -> None:
    """pytest knows a file by its name alone; and which conftest is meant depends on what was collected before."""
    files = sorted((TOP / "tests").glob("*/test_*.py"))
    assert len({path.name for path in files}) == len(files)
    assert not [path for path in files if re.search(r"^(from|import) conftest\b", path.read_text(), re.MULTILINE)]
