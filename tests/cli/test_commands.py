"""Help, options and pages of documentation say the same, because they come from the same tables."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest
from support import TOP, Run

COMMANDS = re.findall(r"^COMMAND\((\w+), (\w+),", (TOP / "cli" / "commands.def").read_text(), re.MULTILINE)
ROW = r'^OPTION\(([A-Z |]+), "([a-z-]+)", (0|\'\w\'), (\w+), \w+, "([^"]*)",'
OPTIONS = re.findall(ROW, (TOP / "cli" / "options.def").read_text(), re.MULTILINE)


def options_of(bit: str) -> dict[str, tuple[str, str, str]]:
    rows = [row for row in OPTIONS if bit in row[0].split(" | ") or row[0] == "ALL"]
    return {f"--{name}": (letter, kind, argument) for _, name, letter, kind, argument in rows}


def test_the_tables_were_read() -> None:
    assert {name for _, name in COMMANDS} >= {"run", "attach", "dump", "report", "export", "doctor"}
    assert len(OPTIONS) == (TOP / "cli" / "options.def").read_text().count("\nOPTION(")


def test_help_lists_the_commands(run_keisoku: Run) -> None:
    for word in ("--help", "-h"):
        done = run_keisoku(word)
        assert done.status == 0
        assert done.err == ""
        assert re.findall(r"^  ([a-z]+) ", done.out, re.MULTILINE) == [name for _, name in COMMANDS]
    nothing = run_keisoku()
    assert nothing.status == 2
    assert nothing.out == ""
    assert nothing.err == done.out


def test_version(run_keisoku: Run) -> None:
    for word in ("--version", "-V"):
        done = run_keisoku(word)
        assert (done.status, done.err) == (0, "")
        assert re.fullmatch(r"keisoku \d+\.\d+\.\d+\n", done.out)


def test_help_is_given_to_who_types_the_word(run_keisoku: Run) -> None:
    assert run_keisoku("help").out == run_keisoku("--help").out
    assert run_keisoku("help", "run").out == run_keisoku("run", "--help").out
    unknown = run_keisoku("help", "rnu")
    assert (unknown.status, unknown.err) == (2, "keisoku: there is no command rnu; did you mean keisoku run?\n")
    # A word that is near to nothing gets no guess.
    assert run_keisoku("serve").err == "keisoku: there is no command serve; keisoku --help lists them\n"


@pytest.mark.parametrize(("bit", "name"), COMMANDS, ids=[name for _, name in COMMANDS])
def test_help_of_a_command(run_keisoku: Run, bit: str, name: str) -> None:
    for word in ("--help", "-h"):
        done = run_keisoku(name, word)
        assert done.status == 0
        assert set(re.findall(r"^  .{4}(--[a-z-]+)", done.out, re.MULTILINE)) == set(options_of(bit))
        assert f"docs/commands/{name}.md" in done.out
        assert all(len(line) <= 100 for line in done.out.splitlines())


@pytest.mark.parametrize(("bit", "name"), COMMANDS, ids=[name for _, name in COMMANDS])
def test_the_page_has_every_option(bit: str, name: str) -> None:
    page = (TOP / "docs" / "commands" / f"{name}.md").read_text()
    table = page.split("## Options")[1].split("\n## ")[0]
    cells = " ".join(row.split(" | ")[0] for row in table.splitlines() if row.startswith("| `"))
    assert set(re.findall(r"--[a-z-]+", cells)) == set(options_of(bit))
    assert f"keisoku {name}" in page
    assert "## Exit status" in page


@pytest.mark.parametrize(("bit", "name"), COMMANDS, ids=[name for _, name in COMMANDS])
def test_every_option_that_wants_a_value_says_so(run_keisoku: Run, bit: str, name: str) -> None:
    status = 125 if name in ("run", "stat", "bench") else 2
    for option, (_, kind, _) in options_of(bit).items():
        if kind == "FLAG":
            done = run_keisoku(name, f"{option}=x")
        elif kind == "MAYBE_TEXT":
            done = run_keisoku(name, f"{option}=")
        else:
            done = run_keisoku(name, option)
        assert done.status == status, option
        assert option in done.err and done.err.count("\n") == 1


def test_options_may_stand_anywhere_but_behind_a_program(run_keisoku: Run) -> None:
    assert run_keisoku("run", "sh", "-c", "exit 3", "--rate", "0").status == 3
    assert run_keisoku("run", "--", "sh", "-c", "exit 4").status == 4
    assert run_keisoku("report", "nothing.kei", "--top", "0").err.count("--top") == 1


def test_doctor(run_keisoku: Run) -> None:
    done = run_keisoku("doctor")
    assert done.status == 0
    assert [line[:22].strip() for line in done.out.splitlines() if line[0] != " "] == [
        "read memory",
        "read from its own core",
        "short scheduler slice",
        "perf clock",
        "kernel sampler",
        "native stacks",
        "process connector",
        "hardware counters",
        "what this costs you",
    ]
    other = subprocess.Popen(["sleep", "60"])
    try:
        done = run_keisoku("doctor", other.pid)
    finally:
        other.kill()
        other.wait()
    assert done.status == 0
    assert re.search(r"^read its memory +yes", done.out, re.MULTILINE)
    assert re.search(r"^Python in it +no", done.out, re.MULTILINE)


COMPLETE = """
source <("$0" completion bash)
keisoku() { "$KEISOKU" "$@"; }
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_keisoku
printf '%s\\n' "${COMPREPLY[@]}"
"""


def completions(keisoku: str, *words: str) -> set[str]:
    done = subprocess.run(
        ["bash", "-c", COMPLETE, keisoku, "keisoku", *words],
        env={**os.environ, "KEISOKU": keisoku},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return set(done.stdout.split())


def test_completion(keisoku: str, run_keisoku: Run) -> None:
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    assert completions(keisoku, "") == {name for _, name in COMMANDS} | {"--help", "--version"}
    assert completions(keisoku, "re") == {"report"}
    for bit, name in COMMANDS:
        assert completions(keisoku, name, "-") == set(options_of(bit))
    assert completions(keisoku, "run", "--reader", "") == {"auto", "core", "kernel", "free", "stop"}
    assert completions(keisoku, "export", "x.kei", "--format", "spe") == {"speedscope"}
    assert run_keisoku("completion", "elvish").status == 2
    assert run_keisoku("completion").status == 2
