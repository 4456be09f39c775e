#!/usr/bin/env python3
"""Every check of the sources that needs no run. `make lint`, and a part of tools/test.

Prints one line a check: `pass NAME`, `FAIL NAME: how many`, `skip NAME: why`; what is wrong goes to standard error.
--quick leaves out the compilers. --list is the same without colour and for machines. NAME...: only these.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
FUNCTION_LINES = 60
FILE_LINES = 700
WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wno-sign-conversion", "-Werror"]


Row = tuple[Path, list[str]]  # a source and the words that it is compiled with


class Skip(Exception):
    """The check cannot be done here; its text says why."""


def files(*patterns: str) -> list[Path]:
    """Files of the tree, tracked or new, whose names end as asked; nothing that git ignores."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(words, cwd=TOP, capture_output=True, text=True, check=True).stdout.split("\0")
    return sorted({TOP / name for name in listed if name and (TOP / name).is_file()})


def relative(path: Path) -> str:
    return path.relative_to(TOP).as_posix()


def output_of(words: list[str], cwd: Path = TOP) -> list[str]:
    """The lines of a tool that says nothing when all is well; one line at least when it failed."""
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return (lines or [f"{words[0]} ended with status {done.returncode}"]) if done.returncode else []


def need(tool: str) -> str:
    found = shutil.which(tool)
    if not found:
        raise Skip(f"{tool} is not installed")
    return found


# ---- text ----------------------------------------------------------------------------------------------------------


def check_includes() -> list[str]:
    return output_of([sys.executable, "tools/check-includes"])


def check_lengths() -> list[str]:
    """Functions that do not fit a screen, files that hold more than one thing."""
    wrong = []
    for path in files("*.c", "*.h"):
        lines = path.read_text(errors="replace").splitlines()
        if len(lines) > FILE_LINES:
            wrong.append(f"{relative(path)}: {len(lines)} lines, at most {FILE_LINES}")
        start = None
        for number, line in enumerate(lines, 1):
            if line == "{":
                start = number
            elif line == "}" and start is not None:
                if number - start + 1 > FUNCTION_LINES:
                    wrong.append(f"{relative(path)}:{start}: a function of {number - start + 1} lines, at most 60")
                start = None
    return wrong


VERSION_TEST = re.compile(
    r"\b(minor|py_minor|python_minor|py_version|PY_VERSION_HEX|PY_MINOR_VERSION)\s*(<|>|<=|>=|==|!=)\s*(0x)?\d"
)


def check_versions() -> list[str]:
    """Only lib/capture/cpython compares Python versions."""
    wrong = []
    for path in files("lib/*.c", "lib/*.h", "cli/*.c", "cli/*.h", "agent/*.c", "agent/*.h"):
        if relative(path).startswith("lib/capture/cpython/"):
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if VERSION_TEST.search(line):
                wrong.append(f"{relative(path)}:{number}: a Python version is compared outside lib/capture/cpython")
    return wrong


# Names of package registries and mirrors: machines bring their own, the tree names none.
HOSTS = re.compile(r"\b(deb|security|registry|pypi|files|proxy|index|mirrors?)\.[a-z]+\.(org|com|io|net)\b")


def check_hosts() -> list[str]:
    wrong = []
    for path in files():
        try:
            text = path.read_text()
        except (UnicodeDecodeError, OSError):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if HOSTS.search(line):
                wrong.append(f"{relative(path)}:{number}: names a registry's host")
    return wrong


def check_shell() -> list[str]:
    wrong = []
    for path in files():
        if path.suffix in ("", ".sh") and path.open("rb").read(2) == b"#!":
            first = path.read_text(errors="replace").splitlines()[0]
            if re.search(r"\b(sh|bash)\b", first):
                wrong += output_of(["bash" if "bash" in first else "sh", "-n", str(path)])
    return wrong


# ---- C -------------------------------------------------------------------------------------------------------------


def check_format() -> list[str]:
    need("clang-format")
    sources = [str(path) for path in files("*.c", "*.h")]
    return output_of(["clang-format", "--dry-run", "-Werror", *sources])


def compile_commands() -> list[Row]:
    """(source, compiler words without compiler, output and input) of every C file that the build compiles."""
    database = TOP / "build" / "compile_commands.json"
    if not database.exists():
        raise Skip("nothing is built (make build)")
    rows = []
    for entry in json.loads(database.read_text()):
        source = (Path(entry["directory"]) / entry["file"]).resolve()
        if source.suffix != ".c" or not source.is_relative_to(TOP) or (TOP / "build") in source.parents:
            continue
        words = shlex.split(entry["command"])[1:]
        kept = []
        skip_next = False
        for word in words:
            if skip_next:
                skip_next = False
            elif word in ("-o", "-MF", "-MQ", "-MT", "-c"):
                skip_next = True
            elif not word.startswith(("-M", "-W", "-fdiagnostics")):
                kept.append(word)
        rows.append((source, kept))
    return rows


def in_parallel(work: Callable[[Row], list[str]], rows: list[Row] | None = None) -> list[str]:
    rows = compile_commands() if rows is None else rows
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return [line for lines in pool.map(work, rows) for line in lines]


def compile_with(compiler: str, row: Row, extra: list[str]) -> list[str]:
    source, words = row
    return output_of([compiler, *words, *WARNINGS, *extra, "-c", "-o", "/dev/null", str(source)], cwd=TOP / "build")


def check_gcc() -> list[str]:
    need("gcc")
    return in_parallel(lambda row: compile_with("gcc", row, ["-O1"]))


def check_clang() -> list[str]:
    need("clang")
    return in_parallel(lambda row: compile_with("clang", row, ["-fsyntax-only", "-Wno-unused-command-line-argument"]))


def check_headers() -> list[str]:
    """Each header of the library stands alone, and what takes a file's place in builds without some library compiles."""
    need("gcc")
    base = ["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-fsyntax-only", "-x", "c", "-Ilib", "-Iinclude", "-I.", *WARNINGS]
    # A static function of a header is not used by the header alone.
    headers = files("lib/*.h", "include/*.h", "cli/*.h", "wire/*.h", "agent/*.h")
    words = [*base, "-Wno-unused-function", "-include"]
    commands = [[*words, str(path), "/dev/null"] for path in headers]
    commands += [[*base, str(path)] for path in files("lib/*_none.c")]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        found = pool.map(output_of, commands)
        return [line for lines in found for line in lines]


def check_tidy() -> list[str]:
    """The analyzer follows a function's paths to a fifth of its own bound, in a third of the time; to the end with
    KEISOKU_ALL=1 (tools/test --all)."""
    need("clang-tidy")
    bound = [] if os.environ.get("KEISOKU_ALL") else ["-Xclang", "-analyzer-config", "-Xclang", "max-nodes=50000"]

    def one(row: Row) -> list[str]:
        source, words = row
        done = subprocess.run(
            ["clang-tidy", "--quiet", str(source), "--", *words, "-Wno-everything", *bound],
            cwd=TOP / "build",
            capture_output=True,
            text=True,
        )
        # A generated header is named relative to the build folder.
        return [line for line in done.stdout.splitlines() if re.match(r"/.*(warning|error): ", line)]

    rows = [row for row in compile_commands() if not row[0].is_relative_to(TOP / "tests")]
    return sorted(set(in_parallel(one, rows)))


# ---- Python and TypeScript -----------------------------------------------------------------------------------------


def python_files() -> list[str]:
    """The house's own Python: with types, linted. Programs that tests measure are data."""
    return [
        relative(path)
        for path in files("tests/*.py", "tools/*", "bench/*.py", "python/*.py")
        if (path.suffix == ".py" or "python3" in path.open(errors="replace").readline())
        and "/programs/" not in relative(path)
    ]


def check_ruff() -> list[str]:
    need("ruff")
    examples = [relative(path) for path in files("examples/*.py")]
    return output_of(["ruff", "check", "--quiet", *python_files(), *examples])


def check_mypy() -> list[str]:
    need("mypy")
    wrong = []
    # By folder: two test files may have the same name, and scripts have no module name.
    groups: dict[str, list[str]] = {}
    for name in python_files():
        groups.setdefault(name.rsplit("/", 1)[0], []).append(name)
    for names in groups.values():
        wrong += output_of(["mypy", "--no-error-summary", "--scripts-are-modules", *names])
    return wrong


def check_tsc() -> list[str]:
    if not (TOP / "web" / "tsconfig.json").exists():
        raise Skip("the tree has no web part")
    need("node")
    if not os.environ.get("KEISOKU_NO_INSTALL"):
        wrong = output_of(["node", "web/install.mjs", "--all"])
        if wrong:
            return wrong
    compiler = TOP / "web" / "node_modules" / "typescript" / "bin" / "tsc"
    if not compiler.exists():
        raise Skip("typescript is not installed (node web/install.mjs --all)")
    return output_of(["node", str(compiler), "--noEmit", "-p", "web"])


CHECKS: dict[str, tuple[Callable[[], list[str]], bool]] = {  # name: (check, quick)
    "includes": (check_includes, True),
    "lengths": (check_lengths, True),
    "versions": (check_versions, True),
    "hosts": (check_hosts, True),
    "shell": (check_shell, True),
    "format": (check_format, True),
    "ruff": (check_ruff, True),
    "mypy": (check_mypy, False),
    "headers": (check_headers, False),
    "gcc": (check_gcc, False),
    "clang": (check_clang, False),
    "tidy": (check_tidy, False),
    "tsc": (check_tsc, False),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--list", action="store_true", help="all messages on standard output")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CHECKS))
    options = parser.parse_args()
    status = 0
    for name, (check, quick) in CHECKS.items():
        if (options.names and name not in options.names) or (options.quick and not quick):
            continue
        start = time.monotonic()
        try:
            wrong = check()
        except Skip as reason:
            print(f"skip {name}: {reason}", flush=True)
            continue
        took = f"{time.monotonic() - start:.1f} s"
        print(f"FAIL {name}: {len(wrong)} lines, {took}" if wrong else f"pass {name}: {took}", flush=True)
        for line in wrong[:60]:
            print(f"    {line}", file=sys.stdout if options.list else sys.stderr, flush=True)
        status = status or (1 if wrong else 0)
    return status


if __name__ == "__main__":
    sys.exit(main())
