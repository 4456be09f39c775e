"""keisoku scale: functions of known growth get their exponent and curve; what cannot be told is refused with its reason."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from interpreters import Interpreter
from support import TOP, Run

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


@pytest.mark.alone
def test_known_growth(run_keisoku: Run, tmp_path: Path, a_python: Interpreter) -> None:
    (tmp_path / "twins.py").write_text(TWINS)
    result = scale(
        run_keisoku, "--sizes", "2000,4000,8000,16000", "--rate", 5000, "--predict", 24000, "-o", "kept.",
        "--", a_python.path, "twins.py", "{n}",
    )  # fmt: skip
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
    again = scale(run_keisoku, "--from", *(f"kept.{size}.kei={size}" for size in sizes), "--function", "member")
    assert again["command"] == []
    assert [row["function"] for row in again["functions"]] == ["member"]
    assert again["functions"][0]["growth"] == found["member"]["growth"]

    # Wrong labels, no growth to be seen.
    swapped = scale(run_keisoku, "--from", *(f"kept.8000.kei={size}" for size in sizes), status=1)
    assert "the sizes do not change the work" in swapped["refusal"]
    three = scale(run_keisoku, "--from", *(f"kept.{size}.kei={size}" for size in sizes[:3]), status=1)
    assert three["refusal"] == "3 sizes cannot tell how anything grows: give 4 or more"
    other = scale(
        run_keisoku, "--from", *(f"kept.{size}.kei={size}" for size in sizes), "kept.16000.kei=2000", status=1
    )
    assert "the program differs from run to run" in other["refusal"]
    other = scale(run_keisoku, "--from", *(f"kept.{size}.kei={size}" for size in sizes), "--function", "zzz", status=1)
    assert "the sizes do not reach zzz" in other["refusal"]

    # The screen.
    words = [f"kept.{size}.kei={size}" for size in sizes]
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
    assert rate == pytest.approx(0.4812, abs=0.06)  # the logarithm of the golden ratio


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
