"""keisoku scale: functions of known growth get their exponent and curve; what cannot be told is refused with its reason."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from interpreters import Interpreter
from support import TOP, Run, make_recording

SCHEMA = json.loads((TOP / "docs" / "scale.schema.json").read_text())
TWINS = """
import random, sys

def member(n):
    seen, found = [], 0
    for i in range(n):
        if -i - 1 in seen:
            found += 1
        seen.append(i)
    return found

def linear(n):
    total = 0
    for i in range(n * 400):
        total += i & 7
    return total

def numbers(n):
    return [random.random() for i in range(n)]

def order(values):
    return sorted(values) + sorted(values[::2])

def constant():
    total = 0
    for i in range(3000000):
        total += i & 7
    return total

n = int(sys.argv[1])
member(n), linear(n), order(numbers(n * 40)), constant()
print("noise")
"""
FIB = """
import sys

def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)

fib(int(sys.argv[1]))
"""


def scale(run_keisoku: Run, *words: object, status: int = 0) -> dict[str, Any]:
    done = run_keisoku("scale", "--json", "-", *words)
    assert done.status == status, done.err + done.out
    value = json.loads(done.out)
    assert isinstance(value, dict)
    jsonschema.validate(value, SCHEMA)
    return value


def curves(growth: dict[str, Any]) -> set[str]:
    return {row["curve"] for row in growth["plausible"]}


SIZES = (1000, 2000, 4000, 8000, 16000, 32000, 64000)
HEAD = """command app.py
directory /srv
mode run
process app 7 python=3.13.0 command=app.py exit=0
thread main app 7 name=MainThread
function module /srv/app.py 1 as=<module>
"""


def recordings(
    keisoku: str,
    folder: Path,
    sizes: tuple[float, ...],
    work: dict[str, Callable[[float], float]],
    counters: dict[str, Callable[[float], float]] | None = None,
    calls: dict[str, Callable[[float], float]] | None = None,
) -> list[str]:
    """One for each size, in which each function has as many seconds of samples as its work says: FILE=SIZE.

    `calls`: how often functions were called, those without samples too; below 0: it was not counted at that size.
    """
    words = []
    for n in sizes:
        lines = [f"seed {n}"]
        for i, (name, seconds) in enumerate(work.items()):
            lines += [f"function {name} /srv/app.py {10 * i + 10}", f"stack {name} module:2 {name}:{10 * i + 12}"]
            lines += [f"during main {seconds(n):.6f} python@{name}"]
        counts = {name: int(count(n)) for name, count in (calls or {}).items() if count(n) >= 0}
        for i, name in enumerate(counts):
            if name not in work:
                lines.append(f"function {name} /srv/app.py {10 * i + 500}")
            lines.append(f"calls {name} {counts[name]}")
        total = sum(seconds(n) for seconds in work.values())
        lines += [f"counter {name} app {total} {int(value(n))}" for name, value in (counters or {}).items()]
        description = folder / f"size-{n:g}.txt"
        description.write_text(HEAD + "\n".join(lines) + "\n")
        path = make_recording(keisoku, description, folder / f"size-{n:g}.kei")
        words.append(f"{path}={n:g}")
    return words


def growths(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["function"]: row["growth"] for row in result["functions"] if "growth" in row}


def test_growth_of_counted_work(run_keisoku: Run, keisoku: str, tmp_path: Path) -> None:
    """Recordings whose samples are counted out: what no machine can be too busy for."""
    largest = SIZES[-1]
    work: dict[str, Callable[[float], float]] = {
        "line": lambda n: 16 * n / largest,
        "sorts": lambda n: 16 * n * math.log(n) / largest / math.log(largest),
        "square": lambda n: 16 * (n / largest) ** 2,
        "cube": lambda n: 16 * (n / largest) ** 3,
        "same": lambda n: 2.0,
    }
    counters: dict[str, Callable[[float], float]] = {
        "peak_rss": lambda n: 9e6 + 3000 * n,
        "read_by_calls": lambda n: 2e6,
        "written_by_calls": lambda n: n * n / 10,
    }
    words = recordings(keisoku, tmp_path, SIZES, work, counters)
    predict = 2 * largest
    result = scale(run_keisoku, "--from", *words, "--predict", predict)
    found = growths(result)
    for name, exponent, curve in [("line", 1, "n"), ("square", 2, "n²"), ("cube", 3, "n³"), ("same", 0, "constant")]:
        growth = found[name]
        assert growth["exponent"]["low"] <= exponent <= growth["exponent"]["high"], (name, growth)
        assert growth["decided"] and growth["best"] == curve, (name, growth)
    assert curves(found["sorts"]) <= {"n", "n log n"} and "n log n" in curves(found["sorts"]), found["sorts"]
    assert result["sentence"].startswith("cube grows as n³ (exponent ")

    # Bytes, on top of what an interpreter takes by itself.
    assert result["peak_bytes"]["best"] == "n" and result["peak_bytes"]["decided"]
    assert result["peak_bytes"]["exponent"]["low"] <= 1 <= result["peak_bytes"]["exponent"]["high"]
    assert result["peak_bytes"]["plausible"][0]["factor_bytes"] == pytest.approx(3000, rel=0.05)
    assert result["written_bytes"]["best"] == "n²"
    assert "read_bytes" not in result and result["runs"][0]["read_bytes"] == 2e6
    assert result["not_measured"][0] == "calls"

    # A program is the sum of its functions, and so is what is foretold of it.
    assert result["mixed"]
    (prediction,) = result["predictions"]
    truth = sum(seconds(predict) for seconds in work.values())
    assert prediction["cpu_s"]["low"] <= truth <= prediction["cpu_s"]["high"], (truth, prediction)
    assert prediction["cpu_s"]["high"] < 1.3 * prediction["cpu_s"]["low"]
    peak = counters["peak_rss"](predict)
    assert prediction["peak_bytes"]["low"] <= peak <= prediction["peak_bytes"]["high"]
    assert "read_bytes" not in prediction
    done = run_keisoku("scale", "--from", *words, "--predict", predict)
    assert all(len(line) <= 80 for line in done.out.splitlines()), done.out
    assert " a sum " in done.out and "peak memory" in done.out and "the sizes do not change it" in done.out


def test_exponential_of_counted_work(run_keisoku: Run, keisoku: str, tmp_path: Path) -> None:
    sizes = (10, 12, 14, 16, 18)
    words = recordings(keisoku, tmp_path, sizes, {"subsets": lambda n: 2**n / 8192})
    growth = growths(scale(run_keisoku, "--from", *words))["subsets"]
    assert growth["best"] == "exponential" and growth["decided"]
    assert growth["plausible"][0]["rate"] == pytest.approx(math.log(2), rel=0.03)


def fib_calls(n: float) -> float:
    return 1 if n < 2 else 1 + fib_calls(n - 1) + fib_calls(n - 2)


CALLS: dict[str, tuple[Callable[[float], float], str]] = {
    "rows": (lambda n: n + 3, "n"),
    "cells": (lambda n: n * (n - 1) / 2, "n²"),
    "order": (lambda n: n * math.log2(n) - n + 1, "n log n"),
    "setup": (lambda n: 1, "constant"),
    "steps": (lambda n: int(n).bit_length(), "log n"),
    "boxes": (lambda n: n * (n - 1) * (n - 2) / 6, "n³"),
}


def test_calls(run_keisoku: Run, keisoku: str, tmp_path: Path) -> None:
    """`rows` takes n² seconds: it is called n times, and takes n each time. No sample saw the others."""
    largest = SIZES[-1]
    calls = {name: count for name, (count, _) in CALLS.items()}
    words = recordings(keisoku, tmp_path, SIZES, {"rows": lambda n: 1e-3 + 16 * (n / largest) ** 2}, None, calls)
    result = scale(run_keisoku, "--from", *words)
    rows = {row["function"]: row for row in result["functions"]}
    for name, (count, curve) in CALLS.items():
        told = rows[name]["calls"]
        assert told["counts"] == [int(count(n)) for n in SIZES]
        assert told["growth"]["decided"] and told["growth"]["best"] == curve, (name, told)
        assert ("time" in told) == (name == "rows")
        assert ("growth" in rows[name]) == (name == "rows")
    assert rows["rows"]["calls"]["time"]["best"] == "n"
    assert rows["rows"]["growth"]["best"] == "n²"
    assert rows["rows"]["calls"]["growth"]["plausible"][0]["factor_calls"] == pytest.approx(1, rel=1e-3)
    assert result["sentence"].endswith("; its calls grow as n, the time of each grows as n")
    assert "calls" not in result["not_measured"] and "calls_refusal" not in result

    done = run_keisoku("scale", "--from", *words, "--csv", "rows.csv")
    assert all(len(line) <= 80 for line in done.out.splitlines()), done.out
    lines = done.out.splitlines()
    (at,) = (i for i, line in enumerate(lines) if " rows  " in line and "app.py" in line)
    assert lines[at + 1].endswith("calls") and lines[at + 2].endswith("each")
    assert " calls  cells " in done.out and " calls  setup " not in done.out  # nothing to be told of a constant
    assert "not measured: waiting by function" in done.out
    with (tmp_path / "rows.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [int(row["calls"]) for row in table if row["function"] == "boxes"] == rows["boxes"]["calls"]["counts"]

    one = scale(run_keisoku, "--from", *words, "--function", "setup")  # of which no sample is
    assert one["functions"][0]["missing"] == "too few samples"
    lines = run_keisoku("scale", "--from", *words, "--function", "setup").out.splitlines()
    assert "  no function has enough samples at four sizes to tell how it grows; no calls" in lines
    assert " 0.00   0.00..0.00  constant             1 calls" in lines


def test_calls_of_a_program_that_is_too_short(run_keisoku: Run, keisoku: str, tmp_path: Path) -> None:
    """Its time tells nothing, its calls all."""
    sizes = (10, 12, 14, 16, 18)
    words = recordings(
        keisoku, tmp_path, sizes, {"fib": lambda n: 0.002}, None, {"fib": fib_calls, "main": lambda n: 1}
    )
    result = scale(run_keisoku, "--from", *words)
    growth = result["functions"][0]["calls"]["growth"]
    assert growth["best"] == "exponential" and growth["decided"]
    assert growth["plausible"][0]["rate"] == pytest.approx(0.4812, rel=0.03)
    assert "too few samples" in result["refusal"] and growths(result) == {}
    assert result["sentence"].startswith("nothing is claimed of its time: too few samples (")
    assert result["sentence"].endswith("; the calls of fib grow as exponential")
    done = run_keisoku("scale", "--from", *words)
    assert " calls  fib " in done.out and "the whole program" not in done.out and "each" not in done.out

    few = scale(run_keisoku, "--from", *words[:3], status=1)
    assert few["refusal"] == "3 sizes cannot tell how anything grows: give 4 or more"
    assert few["sentence"] == f"nothing is claimed: {few['refusal']}"


def test_calls_that_are_counted_in_some_runs(run_keisoku: Run, keisoku: str, tmp_path: Path) -> None:
    calls: dict[str, Callable[[float], float]] = {name: lambda n: -1 if n == 4000 else n for name in ("line", "unseen")}
    words = recordings(keisoku, tmp_path, SIZES[:5], {"line": lambda n: n / 1000}, None, calls)
    result = scale(run_keisoku, "--from", *words)
    assert result["calls_refusal"] == "counted in 4 of 5 runs, not at size 4000"
    assert result["not_measured"][0] == "calls"
    assert {row["function"] for row in result["functions"]} == {"line"} and "calls" not in result["functions"][0]
    assert growths(result)["line"]["best"] == "n"
    done = run_keisoku("scale", "--from", *words, "--csv", "rows.csv")
    assert "\ncalls are not fitted: counted in 4 of 5 runs, not at size 4000\n" in done.out
    assert "1 calls" not in done.out and "0 calls" not in done.out
    assert (tmp_path / "rows.csv").read_text().splitlines()[0] == "function,file,size,cpu_s,samples"


def test_not_decided(run_keisoku: Run, keisoku: str, tmp_path: Path) -> None:
    """Sizes so close together that several curves go through them: all are named, none is chosen."""
    words = recordings(keisoku, tmp_path, (10000, 11000, 12000, 13000), {"line": lambda n: n / 5000})
    result = scale(run_keisoku, "--from", *words, "--predict", 100000)
    growth = growths(result)["line"]
    assert not growth["decided"] and {"n", "n log n"} <= curves(growth)
    assert "not decided" in result["sentence"] or result["sentence"].startswith("nothing that matters grows faster")
    cpu = result["predictions"][0]["cpu_s"]
    assert cpu["low"] < 20 < cpu["high"] and cpu["high"] > 1.5 * cpu["low"]


REFUSED: list[tuple[str, tuple[float, ...], dict[str, Callable[[float], float]], list[str], str]] = [
    ("one size", (1000,), {"f": lambda n: 2.0}, [], "1 size cannot tell how anything grows: give 4 or more"),
    ("no change", SIZES[:4], {"f": lambda n: 2.0}, [], "the sizes do not change the work: 2 to 2 s of CPU time"),
    (
        "not reached",
        SIZES[:4],
        {"f": lambda n: n / 1000, "g": lambda n: 2.0},
        ["--function", "g"],
        "the sizes do not reach g: ",
    ),
    (
        "never seen",
        SIZES[:4],
        {"f": lambda n: n / 1000},
        ["--function", "h"],
        "the sizes do not reach h: it was not seen on a core at any of them",
    ),
    (
        "differs",
        SIZES[:6],
        {"f": lambda n: {1000: 4, 2000: 1, 4000: 9, 8000: 0.6, 16000: 5, 32000: 2}[int(n)]},
        [],
        "the program differs from run to run, or does other work at some sizes; --repeat 3 tells",
    ),
    ("too short", SIZES[:4], {"f": lambda n: n / 1e6}, [], "too few samples ("),
]


@pytest.mark.parametrize("case", REFUSED, ids=[case[0] for case in REFUSED])
def test_nothing_is_claimed(
    run_keisoku: Run,
    keisoku: str,
    tmp_path: Path,
    case: tuple[str, tuple[float, ...], dict[str, Callable[[float], float]], list[str], str],
) -> None:
    _, sizes, work, words, said = case
    files = recordings(keisoku, tmp_path, sizes, work)
    result = scale(run_keisoku, "--from", *files, *words, "--predict", 5, status=1)
    assert said in result["refusal"], result["refusal"]
    assert result["sentence"] == f"nothing is claimed: {result['refusal']}"
    assert result["predictions"] == [] and "cpu" not in result and growths(result) == {}
    done = run_keisoku("scale", "--from", *files, *words)
    assert "nothing is claimed: " in done.out and "exponent" not in done.out


STEADY = 1.15  # the same work at another size, beside the noise of some hundred samples


def scale_on_a_steady_machine(run_keisoku: Run, python: str) -> dict[str, Any]:
    """`constant` is the yardstick: where the machine's own speed moves, growth is the machine's, not the program's."""
    for number in range(3):
        result = scale(
            run_keisoku, "--sizes", "2000,4000,8000,16000", "--rate", 5000, "--predict", 24000, "-o", f"kept{number}.",
            "--", python, "twins.py", "{n}",
        )  # fmt: skip
        took = next((row["cpu_s"] for row in result["functions"] if row["function"] == "constant"), [1])
        if max(took) < STEADY * min(took):
            return {**result, "kept": f"kept{number}"}
    pytest.skip(f"the machine's speed moves: the same work took {min(took):.2f} to {max(took):.2f} s of CPU time")


@pytest.mark.alone
def test_known_growth(run_keisoku: Run, tmp_path: Path, a_python: Interpreter) -> None:
    (tmp_path / "twins.py").write_text(TWINS)
    result = scale_on_a_steady_machine(run_keisoku, a_python.path)
    kept = result["kept"]
    found = {row["function"]: row for row in result["functions"]}
    for name, exponent, curve in [("member", 2, "n²"), ("linear", 1, "n"), ("constant", 0, "constant")]:
        growth = found[name]["growth"]
        assert growth["exponent"]["low"] - 0.1 <= exponent <= growth["exponent"]["high"] + 0.1, (name, growth)
        assert curve in curves(growth), (name, growth)
    assert curves(found["member"]["growth"]) == {"n²"}
    assert {"n²", "n³", "constant", "exponential"}.isdisjoint(curves(found["linear"]["growth"]))
    assert 0.9 < found["order"]["growth"]["exponent"]["value"] < 1.35
    assert {"n²", "constant"}.isdisjoint(curves(found["order"]["growth"]))
    assert result["sentence"].startswith("member grows as n² (exponent ")

    # A size that was not run: between the largest that was and what a cube would make of it.
    (prediction,) = result["predictions"]
    largest = result["runs"][-1]
    assert prediction["cpu_s"]["low"] <= prediction["cpu_s"]["value"] <= prediction["cpu_s"]["high"]
    assert largest["cpu_s"] < prediction["cpu_s"]["value"] < largest["cpu_s"] * 1.5**3

    # The recordings were kept; read again with their sizes they say the same.
    sizes = (2000, 4000, 8000, 16000)
    again = scale(run_keisoku, "--from", *(f"{kept}.{size}.kei={size}" for size in sizes), "--function", "member")
    assert again["command"] == []
    assert [row["function"] for row in again["functions"]] == ["member"]
    assert again["functions"][0]["growth"] == found["member"]["growth"]

    # Wrong labels, no growth to be seen.
    swapped = scale(run_keisoku, "--from", *(f"{kept}.8000.kei={size}" for size in sizes), status=1)
    assert "the sizes do not change the work" in swapped["refusal"]
    three = scale(run_keisoku, "--from", *(f"{kept}.{size}.kei={size}" for size in sizes[:3]), status=1)
    assert three["refusal"] == "3 sizes cannot tell how anything grows: give 4 or more"
    other = scale(
        run_keisoku, "--from", *(f"{kept}.{size}.kei={size}" for size in sizes), f"{kept}.16000.kei=2000", status=1
    )
    assert "the program differs from run to run" in other["refusal"]
    other = scale(
        run_keisoku, "--from", *(f"{kept}.{size}.kei={size}" for size in sizes), "--function", "zzz", status=1
    )
    assert "the sizes do not reach zzz" in other["refusal"]

    # The screen.
    words = [f"{kept}.{size}.kei={size}" for size in sizes]
    done = run_keisoku("scale", "--from", *words, "--predict", 24000, "--csv", "rows.csv")
    assert done.status == 0
    assert all(len(line) <= 80 for line in done.out.splitlines()), done.out
    assert "at 24000: " in done.out and " the whole program" in done.out
    with (tmp_path / "rows.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["function"] for row in rows} >= {"", "member", "linear"}


@pytest.mark.alone
def test_exponential(run_keisoku: Run, tmp_path: Path, a_python: Interpreter) -> None:
    (tmp_path / "fib.py").write_text(FIB)
    words = ("--sizes", "27,29,31,33", "--rate", 5000, "--", a_python.path, "fib.py", "{n}")
    growth = next(row for row in scale(run_keisoku, *words)["functions"] if row["function"] == "fib")["growth"]
    assert growth["best"] == "exponential" and growth["decided"]
    rate = growth["plausible"][0]["rate"]
    # the logarithm of the golden ratio; what a call takes moves by a tenth between runs on a shared machine
    assert rate == pytest.approx(0.4812, abs=0.1)


def test_what_is_refused(run_keisoku: Run, tmp_path: Path, a_python: Interpreter) -> None:
    (tmp_path / "short.py").write_text("import sys\n")
    python = a_python.path
    result = scale(run_keisoku, "--sizes", "1,2,3,4", "--", python, "short.py", "{n}", status=1)
    assert "too few samples" in result["refusal"] and "growth" not in str(result["functions"])
    for words, status, part in [
        ([], 2, "--sizes is missing"),
        (["--sizes", "1,2,3,4"], 2, "PROGRAM is missing"),
        (["--sizes", "1,2,3,4", "--from", "a.kei=1"], 2, "give one"),
        (["--sizes", "1,x,3,4", "--", python, "short.py", "{n}"], 2, "size x is not usable"),
        (["--sizes", "1,,3,4", "--", python, "short.py", "{n}"], 2, "is not usable"),
        (["--sizes", "0,1,2,3", "--", python, "short.py", "{n}"], 2, "size 0 is not usable"),
        (["--sizes", "1,2,3,4", "--", python, "short.py"], 2, "no argument of the program has {n}"),
        (["--sizes", "1,2,3,4", "--predict", "-1", "--", python, "short.py", "{n}"], 2, "is not usable"),
        (["--sizes", "1,2,3,4", "--", "no-such-program", "{n}"], 2, "no-such-program"),
        (["--sizes", "3,1,2,4", "--", "sh", "-c", "exit {n}"], 1, "at size 3 the program ended with exit status 3"),
        (["--sizes", "1,2,3,4", "--", "sleep", "0.0{n}"], 1, "no Python was seen"),
        (["--from", "nothing.kei=1"], 2, "nothing.kei"),
        (["--from", "nothing.kei"], 2, "give FILE=SIZE"),
        (["--from", "short.py=1"], 2, "short.py"),
    ]:
        done = run_keisoku("scale", *words)
        assert done.status == status, (words, done.err)
        assert part in done.err and done.err.count("\n") == 1 and done.err.startswith("keisoku: "), (words, done.err)
        assert done.out == ""
    assert list(tmp_path.glob("*.kei")) == []


@pytest.mark.sparse
def test_peak_memory_is_the_programs_not_ours(run_keisoku: Run, python: Interpreter, tmp_path: Path) -> None:
    """From the third run on keisoku itself is larger than the program, which is its copy until it executes."""
    (tmp_path / "same.py").write_text("import sys\nfor i in range(5000000): pass\n")
    words = ["--sizes", "1,2,3,4,5", "--json", "-", "--", python.path, tmp_path / "same.py", "{n}"]
    done = run_keisoku("scale", *words)
    assert done.status in (0, 1), done.err  # 1: the sizes change nothing
    peaks = [run["peak_bytes"] for run in json.loads(done.out)["runs"]]
    assert max(peaks) < 1.2 * min(peaks), peaks
