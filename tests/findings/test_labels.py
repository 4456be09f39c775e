"""A report is held against what a program's docstring says: what is right there, missing, false, and at another place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import labels
import pytest
import score_page
import steady
import twins
from labels import Answer

LOOP = Answer("hot-loop", ("flood", "around"), "each cell is looked at in Python")
SHARED = Answer("one-core", ("survey",), "each map stands alone")


def report(*said: tuple[str, str, str]) -> dict[str, Any]:
    found = [{"tag": tag, "prescription": what, "place": {"function": where}} for tag, what, where in said]
    return {"findings": found}


HOT = ("hot-loop", "native", "Map.flood")
ELSEWHERE = ("hot-loop", "native", "Map.rows")
ROUNDS = ("one-core", "parallel", "survey")
SERVED = ("io-wait", "parallel", "survey")
FLAT = ("flat", "stop", "Map.flood")
BUSY = ("starved", "stop", "")


@pytest.mark.parametrize(
    ("said", "false", "right"),
    [
        ([HOT], [], True),
        ([HOT, ROUNDS], [], True),
        ([ROUNDS], [], False),  # true, but not what it is about
        ([ELSEWHERE], ["hot-loop in rows"], False),
        ([HOT, SERVED], ["io-wait in survey"], False),
        ([FLAT], [], False),
        ([BUSY, HOT], [], True),
    ],
)
def test_a_control_with_an_answer(said: list[tuple[str, str, str]], false: list[str], right: bool) -> None:
    control = labels.Control(Path("map.py"), LOOP, (SHARED,))
    assert labels.false_advice(control.true, report(*said)) == false
    assert labels.is_right_of_control(control, report(*said)) == right


def test_a_control_that_wants_none() -> None:
    control = labels.Control(Path("map.py"), None, (SHARED,))
    assert [labels.is_right_of_control(control, report(one)) for one in (FLAT, ROUNDS, HOT)] == [True, True, False]


def test_a_fixed_program_may_hear_what_is_declared() -> None:
    assert labels.false_advice((LOOP,), report(FLAT)) == []
    assert labels.false_advice((LOOP,), report(HOT, SERVED)) == ["io-wait in survey"]
    assert labels.false_advice((), report(BUSY, HOT)) == ["hot-loop in flood"]


@pytest.mark.parametrize(
    ("once", "false"), [([FLAT], []), ([BUSY, FLAT], ["hot-loop in flood"]), ([HOT], ["hot-loop in flood"])]
)
def test_only_a_quiet_machine_takes_false_advice_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, once: list[tuple[str, str, str]], false: list[str]
) -> None:
    path = tmp_path / "map.py"
    path.write_text("again and again")
    monkeypatch.setattr(twins, "measure_enough", lambda *_: report(HOT))
    monkeypatch.setattr(twins, "record", lambda *_: report(*once))
    twin = labels.Twin(path, "list-shift", "flood", "", (), "")
    assert twins.judge_fixed("", "", twin)[1] == false


def test_the_first_advice_and_its_line_decide_of_a_pair(tmp_path: Path) -> None:
    path = tmp_path / "map.py"
    path.write_text('"""\nfinds: hot-loop in flood at `walk()`\n"""\ndef flood():\n    walk()\n')
    twin = labels.read_twin(path)
    findings = [report(HOT, ROUNDS), report(ROUNDS, HOT)]
    assert [labels.is_right_of_twin(twin, one) for one in findings] == [False, False]
    for one in findings:
        for finding in one["findings"]:
            finding["place"]["line"] = 5
    assert [labels.is_right_of_twin(twin, one) for one in findings] == [True, False]


@pytest.mark.parametrize("row", ["hot-loop in flood", "hot-loop: it is one", "hot-loop in flood around: why"])
def test_an_answer_says_what_where_and_why(row: str, tmp_path: Path) -> None:
    path = tmp_path / "map.py"
    path.write_text(f'"""\nexpects: {row}\n"""\n')
    with pytest.raises(AssertionError, match="what, where and why"):
        labels.read_control(path)


def test_the_page_shows_what_is_false() -> None:
    twin = labels.Twin(Path("tuned/map.py"), "list-shift", "flood", "", (LOOP,), "")
    one = score_page.Verdict(twin, fixed=["hot-loop in flood", "io-wait in survey"], false=["io-wait in survey"])
    other = score_page.Verdict(twin, fixed=["flat"])
    assert score_page.table([one])[-1].endswith("| hot-loop in flood, **wrong: io-wait in survey** |")
    counted = (
        "Of the 2 fixed ones 1 hear advice, 1 of them some that is not true of them (1 false advice); of 0 nothing"
    )
    assert score_page.summary([one, other])[1].startswith(counted)
    shown = "| map | `hot-loop` in flood, around | each cell is looked at in Python |"
    assert score_page.declared_table([one, other])[2:] == [f"{shown} yes |", f"{shown} not now |"]


def test_the_page_shows_what_a_control_did_not_hear() -> None:
    control = labels.Control(Path("controls/map.py"), LOOP, ())
    heard = [
        score_page.Heard(control, "hot-loop in flood", [], True),
        score_page.Heard(control, "flat", [], False),
        score_page.Heard(control, "io-wait in survey", ["io-wait in survey"], False),
        score_page.Heard(control, "insufficient", [], False, True),
    ]
    rows = [row.rsplit(" | ", 2)[1:] for row in score_page.control_table(heard)[2:]]
    wrong = "io-wait in survey **wrong: io-wait in survey**"
    expected = [["hot-loop in flood", "yes |"], ["flat", "**no** |"], [wrong, "**no** |"], ["insufficient", "– |"]]
    assert rows == expected
    assert score_page.control_summary(heard)[1].startswith("1 heard none where there is one, 1 something")


def test_repetitions_count_what_is_right() -> None:
    """The same again and again is not right by that."""
    again = {
        f"queens 3.14 quiet {n}": {"said": "already-native", "advice": "already-native", "right": False}
        for n in range(5)
    }
    once = {"queens 3.14 quiet 5": {"said": "hot-loop", "advice": "hot-loop in place", "right": True}}
    unsaid = {"queens 3.14 quiet 6": {"said": "insufficient", "advice": "insufficient", "right": False}}
    lines = steady.table({**again, **once, **unsaid})
    assert "Right, the tag and the place of the program's docstring, are 1 of 6 verdicts (16.7 %)." in lines
    assert "Not right: queens hears already-native (5)." in lines
    assert lines[-1].endswith("| already-native 5/6 (else hot-loop) **right 1** +1 unsaid |")
