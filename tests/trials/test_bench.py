"""keisoku bench: known ratios are found, no winner is called where there is none, and what cannot be claimed is not."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from interpreters import Interpreter
from support import TOP, Run

SCHEMA = json.loads((TOP / "docs" / "bench.schema.json").read_text())


def bench(run_keisoku: Run, *words: object, status: int = 0) -> dict[str, Any]:
    done = run_keisoku("bench", "--json", "-", *words)
    assert done.status == status, done.err
    value = json.loads(done.out)
    assert isinstance(value, dict)
    jsonschema.validate(value, SCHEMA)
    return value


@pytest.mark.alone
def test_a_known_ratio(run_keisoku: Run, a_python: Interpreter) -> None:
    """Loops 1 : 2. The interval of the CPU time may miss the truth by what the machine adds, 5 %, no more."""
    result = bench(
        run_keisoku, "--python", "--interpreter", a_python.path, "--rounds", 8, "--measure", "cpu", "--no-warmup",
        "for i in range(100000): pass", "for i in range(200000): pass",
    )  # fmt: skip
    first, second = result["variants"]
    ratio = second["measures"]["cpu_s"]["ratio"]
    assert ratio["low"] * 0.95 <= 2 <= ratio["high"] * 1.05, ratio
    assert second["measures"]["cpu_s"]["verdict"] == "more"
    assert result["sentences"] == [line for line in result["sentences"] if line.startswith("B takes ")]
    assert len(first["snippet"]["values"]) == 24
    assert first["snippet"]["best_s"] == min(first["snippet"]["values"])
    assert first["snippet"]["loops"] >= 1
    assert first["measures"]["wall_s"]["runs"][0] == pytest.approx(sum(first["snippet"]["values"][:3]) / 3)


@pytest.mark.alone
def test_memory(run_keisoku: Run, a_python: Interpreter) -> None:
    code = f"{a_python.path} -c 'x = bytearray({{n}} << 20)'"
    result = bench(run_keisoku, "--rounds", 5, "--no-warmup", "--measure", "peak", "--scan", "n=1,65", code)
    small, large = (variant["measures"]["peak_rss_bytes"]["middle"]["value"] for variant in result["variants"])
    assert large - small == pytest.approx(64 << 20, rel=0.02)
    assert [variant["parameters"] for variant in result["variants"]] == ["n=1", "n=65"]


@pytest.mark.alone
def test_the_mean_of_several_comparisons(run_keisoku: Run, a_python: Interpreter) -> None:
    """Twice the loops at two sizes: what they come to together is twice, and the mean of the two ratios."""
    result = bench(
        run_keisoku, "--python", "--interpreter", a_python.path, "--rounds", 8, "--measure", "cpu", "--no-warmup",
        "--scan", "n=50000,100000", "for i in range({n}): pass", "for i in range(2 * {n}): pass",
    )  # fmt: skip
    (mean,) = result["means"]
    assert mean["variants"] == [1, 3]
    told = mean["measures"]["cpu_s"]
    assert told["verdict"] == "more"
    assert told["ratio"]["low"] * 0.95 <= 2 <= told["ratio"]["high"] * 1.05, told
    one, other = (result["variants"][at]["measures"]["cpu_s"]["ratio"]["value"] for at in (1, 3))
    assert told["ratio"]["value"] == pytest.approx((one * other) ** 0.5, rel=1e-6)
    assert result["sentences"][0].startswith("B and D take "), result["sentences"]
    assert " than A and C in the geometric mean (" in result["sentences"][0]


def test_no_mean_of_different_work(run_keisoku: Run) -> None:
    """Neither of different commands nor of one at several sizes; nor where nothing is claimed."""
    options = ("--no-warmup", "--ignore-failure", "--rounds")
    for words in (["true", "true 1", "true 2"], ["true {n}", "--scan", "n=1,2,3"]):
        assert "means" not in bench(run_keisoku, *options, 5, *words)
    several = ["true {n}", "sh -c 'exit {n}'", "--scan", "n=0,1"]
    assert "means" not in bench(run_keisoku, *options, 2, *several)
    result = bench(run_keisoku, *options, 5, *several, "false")
    assert [mean["variants"] for mean in result["means"]] == [[1, 4], [2, 5]]


def test_rounds_are_whole_and_orders_differ(run_keisoku: Run, tmp_path: Path) -> None:
    commands = [f"sh -c 'echo {name} >>order'" for name in "ABC"]
    bench(run_keisoku, "--rounds", 12, "--warmup", 1, "--seed", 7, *commands)
    text = (tmp_path / "order").read_text().split()
    rounds = ["".join(text[at : at + 3]) for at in range(0, len(text), 3)]
    assert len(rounds) == 13
    assert {"".join(sorted(one)) for one in rounds} == {"ABC"}
    assert len(set(rounds)) >= 3
    (tmp_path / "order").unlink()
    bench(run_keisoku, "--rounds", 12, "--warmup", 1, "--seed", 7, *commands)
    assert (tmp_path / "order").read_text().split() == text


def test_prepare_and_conclude(run_keisoku: Run, tmp_path: Path) -> None:
    bench(
        run_keisoku, "--rounds", 2, "--no-warmup", "--prepare", "echo p >>log", "--conclude", "echo c >>log",
        "sh -c 'echo r >>log'",
    )  # fmt: skip
    assert (tmp_path / "log").read_text().split() == list("prcprc")
    done = run_keisoku("bench", "--prepare", "exit 4", "true")
    assert (done.status, done.err.count("\n")) == (3, 1)
    assert "--prepare ended with status 4" in done.err


def test_equal_output(run_keisoku: Run, tmp_path: Path) -> None:
    options = ("--rounds", 5, "--no-warmup", "--equal-output")
    result = bench(run_keisoku, *options, "printf 'a\\nb\\n'", "echo a; echo b")
    assert result["claims"] and result["output_compared"]
    result = bench(run_keisoku, *options, "printf 'a\\nb\\n'", "printf 'a\\nc\\n'", status=3)
    assert not result["claims"]
    assert result["sentences"] == ["B prints something else than A, from byte 3 (line 2) on: nothing is claimed"]
    assert "ratio" not in result["variants"][1]["measures"]["wall_s"]
    result = bench(run_keisoku, *options, "echo x >>log; wc -l <log", status=3)
    assert result["sentences"] == ["A prints something else from run to run: nothing is claimed with --equal-output"]


def test_a_program_that_differs_from_run_to_run(run_keisoku: Run) -> None:
    """Every other run takes long: that is said, and neither is called faster."""
    two = "echo x >>{0}; test $(($(wc -l <{0}) % 2)) = {1} || sleep 0.2"
    options = ("--rounds", 8, "--no-warmup", "--measure", "wall")
    result = bench(run_keisoku, *options, two.format("one", 0), two.format("other", 1))
    assert result["variants"][1]["measures"]["wall_s"]["verdict"] not in ("more", "less"), result
    assert result["sentences"][0].startswith("no difference found between A and B"), result["sentences"]
    for label in "AB":
        assert any(note.startswith(f"{label} is unsteady") for note in result["notes"]), result["notes"]


def test_commands_that_fail(run_keisoku: Run, tmp_path: Path) -> None:
    done = run_keisoku("bench", "true", "sh -c 'echo no such thing >&2; exit 3'")
    assert (done.status, done.out, done.err.count("\n")) == (3, "", 1)
    assert "exit status 3: no such thing" in done.err
    half = "echo x >>log; exit $(($(wc -l <log) % 2 == 0))"
    result = bench(run_keisoku, "--rounds", 6, "--no-warmup", half, status=3)
    assert not result["claims"]
    assert result["sentences"][0].startswith("A ended with exit status 1 in 3 of 6 runs: nothing is claimed")
    result = bench(run_keisoku, "--rounds", 6, "--no-warmup", "--ignore-failure", half, "true")
    assert result["claims"] and result["variants"][0]["failures"] == 3
    assert any(note.startswith("A did not end with status 0 in 3") for note in result["notes"])
    done = run_keisoku("bench", "--python", "no such statement")
    assert (done.status, done.err.count("\n")) == (3, 1)
    assert "SyntaxError" in done.err
    done = run_keisoku("bench", "--python", "import os; os._exit(0)")
    assert (done.status, done.err.count("\n")) == (3, 1)


def saved(path: Path, runs: list[float], other: list[float] | None = None) -> None:
    """A result as of an earlier session, with runs of our own."""

    def variant(label: str, command: str, values: list[float]) -> dict[str, Any]:
        numbers = {name: {"runs": values} for name in ("wall_s", "cpu_s", "peak_rss_bytes", "minor_faults")}
        return {"label": label, "command": command, "parameters": "", "measures": numbers}

    variants = [variant("A", "sleep 0.05", runs)]
    if other is not None:
        variants.append({**variant("B", "sleep 0.1", other), "reference": 0})
    path.write_text(json.dumps({"schema": "keisoku-bench/1", "variants": variants}))


def test_check(run_keisoku: Run, tmp_path: Path) -> None:
    steady = [0.0001 * i for i in range(6)]
    saved(tmp_path / "fast.json", [0.01 + value for value in steady])
    saved(tmp_path / "slow.json", [5 + value for value in steady])
    options = ("--rounds", 5, "--no-warmup", "sleep 0.05")
    result = bench(run_keisoku, *options, "--check", "fast.json", status=1)
    assert result["worse"] and result["variants"][0]["check"]["verdict"] == "more"
    result = bench(run_keisoku, *options, "--check", "slow.json")
    assert not result["worse"] and result["variants"][0]["check"]["verdict"] == "less"
    # Sessions that differ by themselves raise no alarm.
    result = bench(run_keisoku, *options, "--check", "fast.json", "--check", "slow.json")
    assert not result["worse"] and result["variants"][0]["check"]["sessions"] == 2
    # A machine that is slower for all commands is no change of one of them.
    saved(tmp_path / "pair.json", [0.005 + value / 10 for value in steady], [0.01 + value / 5 for value in steady])
    result = bench(run_keisoku, *options, "sleep 0.1", "--check", "pair.json")
    assert result["variants"][1]["check"]["of"] == "ratio"
    assert "check" not in result["variants"][0]
    saved(tmp_path / "better.json", [0.1 + value for value in steady], [0.01 + value / 5 for value in steady])
    bench(run_keisoku, *options, "sleep 0.1", "--check", "better.json", status=1)


@pytest.mark.alone  # what others map moves the page faults of a program by one or two
def test_what_is_saved_can_be_checked(run_keisoku: Run, tmp_path: Path) -> None:
    assert run_keisoku("bench", "-q", "--rounds", 5, "--no-warmup", "sleep 0.01", "--save", "one.json").status == 0
    result = bench(
        run_keisoku, "--rounds", 5, "--no-warmup", "sleep 0.01", "--check", "one.json", "--measure", "faults"
    )
    assert result["variants"][0]["check"]["sessions"] == 1
    result = bench(run_keisoku, "--rounds", 5, "--no-warmup", "true", "--check", "one.json")
    assert result["sentences"] == ["check: A is in none of the saved results, or they have too few runs"]


def test_a_prediction(run_keisoku: Run, make_recording: Any, tmp_path: Path) -> None:
    make_recording(TOP / "tests" / "recordings" / "hot-loop.txt", tmp_path / "loop.kei")
    report = json.loads(run_keisoku("report", "loop.kei", "--json").out)
    predicted = report["findings"][0]["predicted_gain"]
    options = ("--rounds", 5, "--no-warmup", "--from", "loop.kei")
    result = bench(run_keisoku, *options, "sleep 0.05", "sleep 0.05")
    assert result["gain"]["predicted"] == {key: pytest.approx(predicted[key]) for key in ("low", "high")}
    assert result["gain"]["verdict"] == "less than predicted"
    now_and_then = "test -e done && rm done || { touch done; sleep 0.4; }"  # much faster every other time
    result = bench(run_keisoku, *options, "sleep 0.1", f"sh -c '{now_and_then}'")
    assert result["gain"]["verdict"] == "not decided"
    done = run_keisoku("bench", *options, "true", "true", "true")
    assert done.status == 125 and "--from needs two commands" in done.err


def test_screens(run_keisoku: Run, tmp_path: Path) -> None:
    options = ("--rounds", 5, "--no-warmup")
    done = run_keisoku("bench", *options, "sleep 0.01", "sleep 0.05")
    assert "\n  B is " in done.out and " slower than A (" in done.out
    assert "5 interleaved rounds, 0 warm-up\nA  sleep 0.01\nB  sleep 0.05\n" in done.out
    assert all(len(line) <= 80 for line in done.out.splitlines()), done.out
    many = run_keisoku("bench", *options, "sleep 0.0{n}", "sleep 0.0{n}1", "--scan", "n=1,2", "--csv", "runs.csv")
    assert all(len(line) <= 80 for line in many.out.splitlines()), many.out
    with (tmp_path / "runs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["parameters"] for row in rows if row["round"] == "1"] == ["n=1", "n=1", "n=2", "n=2"]
    table = run_keisoku("bench", *options, "sleep 0.01 | cat", "--markdown", "-").out
    assert table.splitlines()[2].startswith("| A | sleep 0.01 \\| cat | ")
    assert "| faults | compared |" in table.splitlines()[0]
    same = run_keisoku("bench", *options, "--measure", "peak", "sleep 0.0{n}", "sleep 0.0{n}", "--scan", "n=1,2,3").out
    way = "(no difference found from A, C and E to B, D and F|B, D and F take .* than A, C and E)"
    assert re.search(way + r" in the geometric mean \([\d.]+-[\d.]+\)", " ".join(same.split())), same
    scanned = run_keisoku("bench", *options, "true {n}", "sleep 0.{n}", "--scan", "n=1,2", "--markdown", "-").out
    assert {line.count("|") for line in scanned.splitlines()} == {10}, scanned
    last = r"\| \| geometric mean of B and D (\| ){7}.*slower \(.*\) \|"
    assert re.fullmatch(last, scanned.splitlines()[-1]), scanned
    few = run_keisoku("bench", "--rounds", 2, "--no-warmup", "true", "true")
    assert few.status == 0 and "2 rounds are too few to tell anything" in few.out


def test_bad_input(run_keisoku: Run, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("{}")
    for words, status, part in [
        ([], 125, "a command is missing"),
        (["--rounds", "0", "true"], 125, "--rounds 0 is not usable"),
        ([""], 125, "a command is empty"),
        (["echo 'x"], 125, "a quote that does not end"),
        (["no-such-program"], 127, "no-such-program"),
        (["--scan", "n", "true"], 125, "--scan n is not usable"),
        (["--scan", "n=" + "1," * 30 + "1", "true {n}"], 125, "more than 26 commands"),
        (["--check", "nothing.json", "true"], 125, "nothing.json"),
        (["--check", "text", "true"], 125, "no result of keisoku bench"),
        (["--check", ".", "true"], 125, "is no file"),
        (["--from", "text", "true", "true"], 125, "text"),
        (["-s", "x = 1", "true"], 125, "add --python"),
        (["--python", "--equal-output", "1"], 125, "--equal-output"),
        (["--no-warmup", "--warmup", "1", "true"], 125, "contradict"),
    ]:
        done = run_keisoku("bench", *words)
        assert done.status == status, (words, done.err)
        assert part in done.err and done.err.count("\n") == 1 and done.err.startswith("keisoku: "), done.err
        assert done.out == ""
