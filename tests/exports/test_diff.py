"""keisoku diff: known differences are found with their size, noise is not told as a change, and the outputs are held to
golden files (KEISOKU_GOLDEN=write makes them anew)."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support import TOP, Run

RECORDINGS = TOP / "tests" / "recordings"
GOLDEN = TOP / "tests" / "golden"
Make = Callable[[Path, Path], Path]
# What the two descriptions say: function → seconds in each.
TRUTH = {
    "match_orders": (6, 4),
    "check_order": (1, 0),
    "build_index": (0, 0.5),
    "load": (1, 1),
    "DictWriter.writerow": (2, 2),
}


@pytest.fixture
def folder(make_recording: Make, tmp_path: Path) -> Path:
    for name in ("before", "after"):
        make_recording(RECORDINGS / f"diff-{name}.txt", tmp_path / f"{name}.kei")
    return tmp_path


def diff(run_keisoku: Run, *words: object) -> dict[str, Any]:
    done = run_keisoku("diff", *words, "--json")
    assert (done.status, done.err) == (0, "")
    value = json.loads(done.out)
    assert isinstance(value, dict)
    jsonschema.validate(value, json.loads((TOP / "docs" / "diff.schema.json").read_text()))
    return value


def check_golden(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("KEISOKU_GOLDEN") == "write":
        path.write_text(text)
    assert text == path.read_text()


def test_golden(run_keisoku: Run, folder: Path) -> None:
    pair = ("before.kei", "after.kei")
    check_golden("diff.txt", run_keisoku("diff", *pair).out)
    check_golden("diff-cpu-second.txt", run_keisoku("diff", *pair, "--per", "cpu-second").out)
    check_golden("diff.json", run_keisoku("diff", *pair, "--json").out)


@pytest.mark.parametrize("clock", ["wall", "cpu"])
def test_the_truth_is_inside_the_intervals(run_keisoku: Run, folder: Path, clock: str) -> None:
    found = diff(run_keisoku, "before.kei", "after.kei", "--clock", clock)
    functions = {row["function"]: row for row in found["functions"]}
    for name, (a, b) in TRUTH.items():
        if clock == "cpu" and name == "DictWriter.writerow":  # waits
            a = b = 0
        change = functions[name]["self"]
        # All waiting is in writerow, so its time is counted and not sampled: what was drawn for it, not what was meant.
        if name != "DictWriter.writerow":
            assert change["low"] <= b - a <= change["high"], name
        assert change["change"] == pytest.approx(b - a, abs=0.1)
    kinds = {name: functions[name]["self"]["kind"] for name in TRUTH}
    assert kinds == {
        "match_orders": "less",
        "check_order": "vanished",
        "build_index": "new",
        "load": "noise",
        "DictWriter.writerow": "noise",
    }
    assert found["whole"]["change"] == pytest.approx(-2.5, abs=0.1)
    for row in functions.values():
        self_time, total = row["self"], row["total"]
        assert self_time["change"] == pytest.approx(self_time["b"] - self_time["a"], abs=1e-6)
        assert total["a"] >= self_time["a"] - 1e-6 and total["b"] >= self_time["b"] - 1e-6
    assert sum(row["self"]["a"] for row in functions.values()) == pytest.approx(10 if clock == "wall" else 8, rel=0.01)


def test_lines_that_moved_are_the_same(run_keisoku: Run, make_recording: Make, tmp_path: Path) -> None:
    """Counted by the recordings' own views. Two lines were added above, so everything moved by two; `total += x` was
    replaced, and `step()` costs half."""
    old = ["def work(xs):", "    for x in xs:", "        total += x", "        step()", "    return total"]
    new = ["import os", "", *old[:2], "        total = total + x * 2", *old[3:]]
    for name, lines, first, shares in (("a", old, 1, (20, 30, 50)), ("b", new, 3, (25, 45, 30))):
        (tmp_path / f"{name}.py.txt").write_text("\n".join(lines) + "\n")
        at = [first + 1, first + 2, first + 3]
        text = ["mode run", "directory /srv", f"seed {first}", "process p 7", f"function work /srv/app.py {first}"]
        text += [f"stack s{line} work:{line}" for line in at]
        parts = " ".join(f"{share}%python@s{line}" for share, line in zip(shares, at, strict=True))
        text += ["thread t p 7", f"during t 10 {parts}", f"source /srv/app.py 1 {name}.py.txt"]
        (tmp_path / f"{name}.txt").write_text("\n".join(text) + "\n")
        make_recording(tmp_path / f"{name}.txt", tmp_path / f"{name}.kei")
    found = {row["text"]: row for row in diff(run_keisoku, "a.kei", "b.kei")["lines"]}
    sql = "SELECT line, self_wall_s FROM lines"
    counted = [dict(json_rows(run_keisoku, name, sql)) for name in ("a.kei", "b.kei")]
    expected = {"for x in xs:": (2, 4), "total += x": (3, None), "total = total + x * 2": (None, 5), "step()": (4, 6)}
    assert found.keys() == expected.keys()
    for words, numbers in expected.items():
        row = found[words]
        assert (row.get("line_a"), row.get("line_b")) == numbers
        for side, line, sums in zip("ab", numbers, counted, strict=True):
            assert row["self"][side] == pytest.approx(sums[line] if line else 0, abs=0.01), words
    told = {"total += x": "vanished", "total = total + x * 2": "new", "step()": "less"}
    assert told == {line: found[line]["self"]["kind"] for line in told}
    screen = run_keisoku("diff", "a.kei", "b.kei").out
    assert re.search(r"app\.py:4>6  step\(\)", screen), screen
    assert re.search(r"gone: .*app\.py:3  total \+= x", screen), screen


def json_rows(run_keisoku: Run, path: str, sql: str) -> list[tuple[int, float]]:
    rows = json.loads(run_keisoku("query", path, sql, "--json").out)
    return [(row["line"], row["self_wall_s"]) for row in rows]


def test_both_ways_are_the_same(run_keisoku: Run, folder: Path) -> None:
    there = diff(run_keisoku, "before.kei", "after.kei")
    back = diff(run_keisoku, "after.kei", "before.kei")
    for one, other in zip(there["functions"], back["functions"], strict=True):
        assert one["function"] == other["function"]
        assert one["self"]["change"] == pytest.approx(-other["self"]["change"], abs=1e-9)
        assert one["self"]["low"] == pytest.approx(-other["self"]["high"], abs=1e-9)
    assert "B is faster" in there["verdict"]["sentence"]
    assert "B is slower" in back["verdict"]["sentence"]


def test_totals_count_recursion_once(run_keisoku: Run, make_recording: Make, tmp_path: Path) -> None:
    lines = ["mode run", "process p 7", "function f /f.py 1", "function g /f.py 9", "stack s f:2 g:9 f:3*50 g:10"]
    lines += ["thread t p 7", "during t 5 python@s"]
    for name in ("a", "b"):
        (tmp_path / "deep.txt").write_text("\n".join(lines) + "\n")
        make_recording(tmp_path / "deep.txt", tmp_path / f"{name}.kei")
    found = {row["function"]: row for row in diff(run_keisoku, "a.kei", "b.kei")["functions"]}
    assert found["f"]["total"]["a"] == pytest.approx(5, rel=0.01)
    assert found["f"]["self"]["a"] == 0
    assert found["g"]["total"]["a"] == found["g"]["self"]["a"] == pytest.approx(5, rel=0.01)


def lottery(folder: Path, make_recording: Make, seed: int, shares: list[float]) -> Path:
    """Ten seconds spread over many functions at random by the shares."""
    lines = ["mode run", f"seed {seed}", "process p 7 python=3.12.1", "rate 500"]
    lines += [f"function f{i} /srv/app.py {i + 1}\nstack s{i} f{i}:{i + 1}" for i in range(len(shares))]
    kinds = " ".join(f"{share}%python@s{i}" for i, share in enumerate(shares))
    lines += ["thread t p 7", f"during t 10 {kinds}"]
    (folder / "lottery.txt").write_text("\n".join(lines) + "\n")
    recording = folder / f"{seed}.kei"
    return make_recording(folder / "lottery.txt", recording)


def test_noise_is_never_told_as_a_change(run_keisoku: Run, make_recording: Make, tmp_path: Path) -> None:
    """The same program 40 times: the intervals of 30 functions hold together in at least 95 of 100 pairs, so that more
    than 5 false changes in 20 pairs has a chance of 3 in 10 000."""
    shares = [100 / 30] * 30
    paths = [lottery(tmp_path, make_recording, 1000 + seed, shares) for seed in range(40)]
    false, outside = 0, 0
    for a, b in zip(paths[::2], paths[1::2], strict=True):
        found = diff(run_keisoku, a, b)
        assert "as long as" in found["verdict"]["sentence"]
        false += found["noise"]["changed"] > 0
        outside += any(not row["self"]["low"] <= 0 <= row["self"]["high"] for row in found["functions"])
        differences = [abs(row["self"]["change"]) for row in found["functions"]]
        assert max(differences) > 0.01  # there is noise
    assert outside <= 5
    assert false <= 5


def test_a_true_difference_is_told(run_keisoku: Run, make_recording: Make, tmp_path: Path) -> None:
    """One of 30 functions takes twice its share: found, and nothing else is, in 10 of 10 pairs (up to one miss)."""
    plain, changed = [100 / 30] * 30, [100 / 30] * 30
    changed[7] *= 2.5
    changed[8:14] = [100 / 30 - 1.5 * 100 / 30 / 6] * 6
    hits = 0
    for seed in range(10):
        a = lottery(tmp_path, make_recording, 2000 + seed, plain)
        b = lottery(tmp_path, make_recording, 3000 + seed, changed)
        found = diff(run_keisoku, a, b)
        told = [row["function"] for row in found["functions"] if row["self"]["kind"] != "noise"]
        assert set(told) <= {f"f{i}" for i in range(7, 14)}
        hits += told[:1] == ["f7"]
        assert found["verdict"]["detail"].startswith("f7 ") or told[:1] != ["f7"]
    assert hits >= 9


def uneven(folder: Path, make_recording: Make, seed: int, seconds: dict[str, float], spread: float) -> Path:
    """A run in which each function takes its seconds more or less: drawn anew for each run, besides the sampling."""
    draw = random.Random(seed)
    lines = ["mode run", f"seed {seed}", "process p 7 python=3.12.1", "rate 500", "thread t p 7"]
    for i, (name, mean) in enumerate(seconds.items()):
        lines += [f"function {name} /srv/app.py {10 * i + 1}", f"stack s{i} {name}:{10 * i + 3}"]
        lines += [f"during t {max(0.01, mean * draw.gauss(1, spread)):.3f} python@s{i}"]
    (folder / "uneven.txt").write_text("\n".join(lines) + "\n")
    return make_recording(folder / "uneven.txt", folder / f"uneven-{seed}.kei")


def told(found: dict[str, Any], table: str = "functions") -> set[str]:
    return {row["function"] for row in found[table] if row["self"]["kind"] != "noise"}


def test_how_much_runs_differ_is_no_change(run_keisoku: Run, make_recording: Make, tmp_path: Path) -> None:
    """Runs of one program that differ by a seventh: pairs of them show changes, three and three of them do not."""
    seconds = {f"f{i}": 1.0 for i in range(6)}
    pairs, threes = 0, 0
    for case in range(8):
        paths = [uneven(tmp_path, make_recording, 100 * case + seed, seconds, 0.15) for seed in range(6)]
        pairs += bool(told(diff(run_keisoku, paths[0], paths[3])))
        found = diff(run_keisoku, *paths[:3], "--", *paths[3:])
        assert found["noise"]["by"] == "runs"
        assert [len(found[side]["runs"]) for side in "ab"] == [3, 3]
        threes += bool(told(found) or told(found, "lines") or found["stacks"] or found["whole"]["kind"] != "noise")
    assert pairs >= 5  # there is something not to be told
    assert threes <= 2  # four tables, each right in 95 of 100 cases


def test_a_difference_of_several_runs(run_keisoku: Run, make_recording: Make, tmp_path: Path) -> None:
    before = {"hot": 3.0, "other": 2.0, "rare": 0.004, "gone": 0.5}
    after = {"hot": 2.0, "other": 2.0, "rare": 0.002, "fresh": 0.6}
    a = [uneven(tmp_path, make_recording, 30 + seed, before, 0.03) for seed in range(4)]
    b = [uneven(tmp_path, make_recording, 40 + seed, after, 0.03) for seed in range(3)]
    found = diff(run_keisoku, *a, "--", *b)
    functions = {row["function"]: row["self"] for row in found["functions"]}
    for name, change in functions.items():
        truth = after.get(name, 0) - before.get(name, 0)
        assert change["low"] <= truth <= change["high"], (name, change)
        # the mean of single reports
        singles = [
            sum(row["self"]["a"] for row in diff(run_keisoku, path, path)["functions"] if row["function"] == name)
            for path in a
        ]
        assert change["a"] == pytest.approx(sum(singles) / 4, rel=1e-5, abs=1e-6)
    kinds = {name: functions[name]["kind"] for name in functions}
    assert kinds == {"hot": "less", "other": "noise", "rare": "noise", "gone": "vanished", "fresh": "new"}
    assert {row["function"]: row["self"]["kind"] for row in found["lines"]} == kinds
    assert {row["frames"][0] for row in found["stacks"]} == {"hot", "gone", "fresh"}
    low, high = found["whole"]["low"], found["whole"]["high"]
    assert low <= sum(after.values()) - sum(before.values()) <= high and high - low > 0.02
    # another order, the other way, one run of a side
    turned = diff(run_keisoku, *reversed(b), "--", *reversed(a))
    assert {row["function"]: row["self"]["change"] for row in turned["functions"]} == pytest.approx(
        {name: -change["change"] for name, change in functions.items()}
    )
    one = diff(run_keisoku, a[0], "--", *b)
    assert told(one) == {"hot", "gone", "fresh"}
    assert any("1 run of A and 3 of B" in note for note in one["notes"])
    screen = run_keisoku("diff", *a, "--", *b).out
    assert "and 3 more" in screen and "±" in screen.split("B is faster")[1].split("\n\n")[0]
    assert all(len(line) <= 80 for line in screen.splitlines()), screen
    page = run_keisoku("diff", *a, "--html", "out.html", "--", *b)
    assert page.status == 0, page.err


def test_runs_that_are_not_alike_are_said_to_be(run_keisoku: Run, folder: Path, make_recording: Make) -> None:
    text = (RECORDINGS / "diff-before.txt").read_text()
    (folder / "d.txt").write_text(text.replace("command orders.py", "command others.py").replace("3.12.1", "3.13.0"))
    make_recording(folder / "d.txt", folder / "others.kei")
    notes = diff(run_keisoku, "before.kei", "others.kei", "--", "after.kei")["notes"]
    assert "the runs of A are of different commands" in notes
    assert "the runs of A are of different versions of Python" in notes
    assert not any("runs of B" in note for note in notes)


def test_length_is_no_change_per_cpu_second(run_keisoku: Run, make_recording: Make, tmp_path: Path) -> None:
    paths = []
    for seconds in (5, 20):
        text = (RECORDINGS / "diff-before.txt").read_text().replace("during main 10", f"during main {seconds}")
        (tmp_path / "d.txt").write_text(text.replace("mode run", "mode attach"))
        paths.append(make_recording(tmp_path / "d.txt", tmp_path / f"{seconds}.kei"))
    found = diff(run_keisoku, *paths)
    assert found["normalised"] == {"per": "cpu-second", "clock": "cpu"}
    assert found["noise"]["changed"] == 0
    assert found["verdict"]["sentence"] == "No difference found in how a second of CPU time is spent"
    assert diff(run_keisoku, *paths, "--per", "run")["whole"]["kind"] == "more"


def test_a_recording_without_samples(run_keisoku: Run, folder: Path, make_recording: Make) -> None:
    (folder / "none.txt").write_text("mode run\nprocess p 7\n")
    make_recording(folder / "none.txt", folder / "none.kei")
    for pair in (("before.kei", "none.kei"), ("none.kei", "before.kei"), ("none.kei", "none.kei")):
        assert diff(run_keisoku, *pair)["verdict"]["sentence"].startswith("Nothing can be compared")
        assert "Nothing can be compared" in run_keisoku("diff", *pair).out
    assert run_keisoku("diff", "none.kei", "before.kei", "--html", "out.html").status == 0


def test_screens_fit_and_hostile_names_are_shown(run_keisoku: Run, folder: Path, make_recording: Make) -> None:
    make_recording(RECORDINGS / "odd.txt", folder / "odd.kei")
    for pair in (("odd.kei", "before.kei"), ("before.kei", "odd.kei"), ("before.kei", "after.kei")):
        for words in ([], ["--per", "run"], ["--color", "always"]):
            out = run_keisoku("diff", *pair, *words).out
            plain = re.sub(r"\x1b\[\d+m", "", out)
            assert all(len(line) <= 80 for line in plain.splitlines()), out
            assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", plain)
            assert ("\x1b" in out) == ("--color" in words)
    signs = run_keisoku("diff", "before.kei", "after.kei", "--color", "never").out
    assert "-1.98 s ±0.14" in signs and "+0.48 s ±0.06" in signs and "gone: check_order" in signs


def test_bad_input(run_keisoku: Run, folder: Path) -> None:
    for words in (
        ["before.kei"],
        ["before.kei", "after.kei", "before.kei"],
        ["before.kei", "--"],
        ["--", "before.kei", "after.kei"],
        ["before.kei", "--", "after.kei", "--", "after.kei"],
        ["before.kei", "after.kei", "--", "nothing.kei"],
        ["before.kei", "nothing.kei"],
        ["before.kei", __file__],
    ):
        done = run_keisoku("diff", *words)
        assert (done.status, done.out) == (2, "")
        assert done.err.count("\n") == 1
    (folder / "victim").write_text("kept\n")
    (folder / "out.html").symlink_to("victim")
    done = run_keisoku("diff", "before.kei", "after.kei", "--html", "out.html")
    assert done.status == 0
    assert (folder / "victim").read_text() == "kept\n" and (folder / "out-2.html").stat().st_mode & 0o777 == 0o600
    with open("/dev/full", "w"):
        done = run_keisoku("diff", "before.kei", "after.kei", "--json=/dev/full")
    assert done.status == 2
