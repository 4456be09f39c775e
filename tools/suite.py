#!/usr/bin/env python3
"""Runs the parts of keisoku's test suite and adds them up; tools/test calls it after the build.

Parts, in this order: unit (C units), pytest (end to end), company (end to end, measured: truth, findings, real programs;
as many at a time as there are cores), alone (those that can say nothing without a free core: one at a time), lint,
asan (unit suite and a short run under ASan and UBSan), fuzz (each fuzzer for ten seconds).
One after the other, but that lint, asan and fuzz, which measure nothing, run beside pytest, which waits more than it
computes, and give way to it.
Only where they are named: docs, and faults (every fault at full length on every interpreter, and ten minutes of each
fuzzer: some hours; the pieces of it that ended well with this build and these tests are not run again).
With --quick: unit, pytest without its slow tests over two interpreters, and the lint that needs no compiler.
With --all: the whole product of interpreters and cases (tests/crossed.py), of which a plain run leaves some out.

The texts go to build/tests/PART.log, with the slowest tests of each part; a failed part shows the end of its text.
A test of company or alone that fails is looked at a second time, with nothing beside it, and named at the end; not where
something was seen that must never be.
Last lines: what each part took, and `N passed, N failed, N skipped`, in which a C unit counts per test function, pytest
per test, lint per check, fuzz per fuzzer.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import venv
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
BUILD = TOP / "build"
LOGS = BUILD / "tests"
CACHE = TOP / ".cache"
FUZZ_SECONDS = 10
SECOND_LOOKS_MAX = 8  # of one part; where more fail, it is not chance
CORES = len(os.sched_getaffinity(0))
GIVE_WAY = ["nice", "-n", "10"]  # before the commands of those that run beside pytest


@dataclass
class Tally:
    passed: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)  # what, why
    twice: list[str] = field(default_factory=list)  # looked at a second time

    def add(self, other: Tally) -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.twice += other.twice

    def line(self) -> str:
        return f"{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped"


def say(text: str) -> None:
    print(text, flush=True)


def call(words: list[str], log: Path, env: dict[str, str] | None = None, cwd: Path = TOP, limit_s: float = 3600) -> int:
    """Runs a command with its output in `log` (appended); gives its status, 124 when it ran past the limit."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as out:
        out.write(f"$ {' '.join(words)}\n")
        out.flush()
        try:
            done = subprocess.run(
                words,
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                timeout=limit_s,
            )
        except subprocess.TimeoutExpired:
            out.write(f"stopped after {limit_s:.0f} s\n")
            return 124
        except OSError as error:
            out.write(f"{error}\n")
            return 127
        return done.returncode


def tail(log: Path, lines: int = 40) -> str:
    text = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join("    " + line for line in text[-lines:])


# ---- C units -------------------------------------------------------------------------------------------------------

TAP_LINE = re.compile(r"^\s*(ok|not ok)\s+\d+\s*-?\s*(.*)$", re.MULTILINE)


def tally_meson(folder: Path, part: str) -> Tally:
    """What `meson test` left behind: one entry per program, and cmocka's own lines in it."""
    tally = Tally()
    for line in (folder / "meson-logs" / "testlog.json").read_text().splitlines():
        entry = json.loads(line)
        name = f"{part}: {entry['name']}"
        functions = TAP_LINE.findall(entry.get("stdout", ""))
        bad = [title for result, title in functions if result != "ok" and "# SKIP" not in title]
        skipped = [title for _, title in functions if "# SKIP" in title]
        if entry["result"] == "SKIP":
            tally.skipped.append((name, (entry.get("stderr") or "the program skips itself").strip()))
            continue
        tally.skipped += [
            (f"{name}: {title.split('SKIP')[1].strip()}", "skips itself, see its source") for title in skipped
        ]
        tally.passed += len(functions) - len(bad) - len(skipped)
        if bad or entry["result"] not in ("OK", "EXPECTEDFAIL"):
            tally.failed += [f"{name}: {title}" for title in bad] or [f"{name}: {entry['result']}"]
        elif not functions:
            tally.passed += 1
    return tally


def run_meson_suite(
    folder: Path, part: str, log: Path, env: dict[str, str] | None = None, before: Sequence[str] = ()
) -> Tally:
    result = folder / "meson-logs" / "testlog.json"
    result.unlink(missing_ok=True)
    words = ["meson", "test", "-C", str(folder), "--suite", "unit", "--no-rebuild", "--print-errorlogs"]
    words += ["--timeout-multiplier", "5"]  # what hangs is to be found, not what has few cores
    status = call([*before, *words], log, {"CMOCKA_MESSAGE_OUTPUT": "TAP", **(env or {})}, limit_s=900)
    if not result.exists():
        return Tally(failed=[f"{part}: meson test gave no result (status {status})"])
    tally = tally_meson(folder, part)
    if status != 0 and not tally.failed:
        tally.failed.append(f"{part}: meson test failed (status {status})")
    if not tally.passed and not tally.failed:
        tally.failed.append(f"{part}: no test ran (is cmocka there?)")
    return tally


def part_unit(_: argparse.Namespace, log: Path) -> Tally:
    return run_meson_suite(BUILD, "unit", log)


# ---- end to end ----------------------------------------------------------------------------------------------------


one_sets_up = threading.Lock()


def test_python(log: Path) -> Path | None:
    """The tests' own environment: .cache/venv-HASH, HASH of tests/requirements.txt."""
    with one_sets_up:
        return set_up_python(log)


def set_up_python(log: Path) -> Path | None:
    wanted = TOP / "tests" / "requirements.txt"
    name = hashlib.sha256(wanted.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = CACHE / f"venv-{name}"
    python = folder / "bin" / "python"
    if (folder / "complete").exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    print("setting up the tests' own environment (tests/requirements.txt)", file=sys.stderr, flush=True)
    try:
        venv.create(folder, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as error:
        say(f"cannot make {folder}: {error}")
        return None
    if call([str(python), "-m", "pip", "install", "-q", "-r", str(wanted)], log, limit_s=900) != 0:
        say(tail(log))
        return None
    (folder / "complete").touch()
    return python


def interpreter_names(which: str) -> list[str]:
    """`which`: SUPPORTED, ON_REQUEST or missing() of tests/interpreters.py."""
    python = test_python(LOGS / "venv.log")
    code = f"import sys; sys.path.insert(0, 'tests'); import interpreters; print(*interpreters.{which})"
    done = subprocess.run([python or sys.executable, "-c", code], cwd=TOP, capture_output=True, text=True)
    return done.stdout.split()


def get_pythons(log: Path) -> None:
    """Brings the interpreters that this machine lacks; tests say themselves what is missing afterwards."""
    if os.environ.get("KEISOKU_NO_INSTALL"):
        return
    wanted = [name for name in interpreter_names("missing()") if name in ("3.13", "3.14", "3.15")]
    if wanted:
        say(f"fetching Python {', '.join(wanted)} into .cache/pythons")
        if call(["tools/get-pythons", str(CACHE / "pythons"), *wanted], log, limit_s=900) != 0:
            say(f"not all of them could be had; see {log.relative_to(TOP)}")


def tally_junit(path: Path) -> Tally:
    tally = Tally()
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        test = re.sub(r"@\w+$", "", case.get("name", ""))  # without its group
        name = f"{case.get('classname', '').removeprefix('tests.')}::{test}"
        skip = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            tally.failed.append(name)
        elif skip is not None:
            tally.skipped.append((name, skip.get("message", "")))
        else:
            tally.passed += 1
    return tally


def run_pytest(
    part: str,
    words: list[str],
    log: Path,
    env: dict[str, str] | None = None,
    where: str = "tests",
    limit_s: float = 3000,
) -> Tally:
    python = test_python(log)
    if python is None:
        return Tally(failed=[f"{part}: the tests' environment could not be set up"])
    result = LOGS / f"{part}.xml"
    result.unlink(missing_ok=True)
    common = ["-q", "-ra", "-p", "no:cacheprovider", "--timeout=600", "--durations=15", f"--junitxml={result}"]
    status = call([str(python), "-m", "pytest", *common, *words, where], log, env, limit_s=limit_s)
    if status == 5:
        return Tally()  # nothing to collect
    if not result.exists():
        return Tally(failed=[f"{part}: pytest gave no result (status {status})"])
    tally = tally_junit(result)
    if status not in (0, 1) or (status == 1 and not tally.failed):
        tally.failed.append(f"{part}: pytest ended with status {status}")
    return tally


def run_measured(part: str, words: list[str], log: Path, env: dict[str, str]) -> Tally:
    """run_pytest, and a second look at those that failed: one by one, and once."""
    wanted = LOGS / f"{part}.again"
    wanted.unlink(missing_ok=True)
    tally = run_pytest(part, words, log, {**env, "KEISOKU_SECOND_LOOK": str(wanted)})
    again: list[str] = json.loads(wanted.read_text()) if wanted.exists() else []
    if not 0 < len(again) <= SECOND_LOOKS_MAX:
        return tally
    names = [test.replace(".py::", "::").replace("/", ".").removeprefix("tests.") for test in again]
    second = run_pytest(f"{part}-again", again[1:], log, {**env, "KEISOKU_ALL": "1"}, where=again[0])
    if second.passed + len(second.failed) + len(second.skipped) < len(again):
        return tally  # not all of them ran
    tally.failed = [name for name in tally.failed if name not in names]
    tally.add(second)
    tally.twice += names
    return tally


# Each test is in one of these parts.
CHOSEN = {"pytest": "not alone and not company", "company": "company", "alone": "alone"}


def beside(workers: int) -> list[str]:
    """Options of pytest: so many tests at a time, those of one xdist_group one after the other."""
    return [f"-n{workers}", "--dist=loadgroup"]


def part_pytest(options: argparse.Namespace, log: Path) -> Tally:
    if options.quick:
        words = ["-m", f"{CHOSEN['pytest']} and not slow and not network", *beside(CORES + 2)]
        return run_pytest("pytest", words, log, {"KEISOKU_QUICK": "1"})
    get_pythons(log)
    # They wait more than they compute.
    return run_pytest("pytest", ["-m", CHOSEN["pytest"], *beside(CORES + 2)], log)


def part_docs(_: argparse.Namespace, log: Path) -> Tally:
    """A subset of pytest's part, for `make docs`; never run twice by a full run."""
    return run_pytest("docs", [], log, where="tests/docs")


def part_faults(options: argparse.Namespace, log: Path) -> Tally:
    """tests/faults with every loop at full length, interpreter by interpreter, then the fuzzers, ten minutes each. A full
    run has a handful of rounds of each."""
    get_pythons(log)
    tally = Tally()
    for name in ["none", *interpreter_names("SUPPORTED"), *interpreter_names("ON_REQUEST")]:
        tally.add(faults_over(name, log))
    tally.add(run_fuzzers(max(options.fuzz_seconds, 600), log, keep=True))
    return tally


def faults_over(name: str, log: Path) -> Tally:
    """The piece of one interpreter; "none": the tests that are over no interpreters."""
    part = f"faults-{name}"
    start = time.monotonic()
    inputs = [BUILD / "cli" / "keisoku", *(path for path in (TOP / "tests" / "faults").rglob("*.*") if path.is_file())]
    kept = ended_well(part, inputs)
    if kept:
        tally = tally_junit(LOGS / f"{part}.xml")
    else:
        env = {"KEISOKU_LONG": "1", "KEISOKU_ALL": "1", "KEISOKU_ONLY": name}
        tally = run_pytest(part, ["--timeout=20000"], log, env, where="tests/faults", limit_s=86400)
        note_end(part, not tally.failed)
    say(f"  {part:12} {tally.line()}  ({'kept' if kept else f'{time.monotonic() - start:.0f} s'})")
    return tally


def ended_well(part: str, inputs: list[Path]) -> bool:
    """A note says that it did, and is younger than what it was run with."""
    note = LOGS / f"{part}.well"
    return note.exists() and note.stat().st_mtime > max(path.stat().st_mtime for path in inputs)


def note_end(part: str, well: bool) -> None:
    note = LOGS / f"{part}.well"
    note.unlink(missing_ok=True)
    if well:
        note.touch()


def part_company(options: argparse.Namespace, log: Path) -> Tally:
    get_pythons(log)
    return run_measured("company", ["-m", CHOSEN["company"], *beside(CORES)], log, crossed(options))


def part_alone(options: argparse.Namespace, log: Path) -> Tally:
    get_pythons(log)
    return run_measured("alone", ["-m", CHOSEN["alone"]], log, crossed(options))


def crossed(options: argparse.Namespace) -> dict[str, str]:
    return {"KEISOKU_ALL": "1"} if options.all else {}


# ---- lint ----------------------------------------------------------------------------------------------------------


def part_lint(options: argparse.Namespace, log: Path) -> Tally:
    python = test_python(log)
    words = [*GIVE_WAY, sys.executable, str(TOP / "tools" / "lint.py"), "--list"]
    words += ["--quick"] if options.quick else []
    path = os.environ["PATH"] if python is None else f"{python.parent}:{os.environ['PATH']}"
    done = subprocess.run(words, cwd=TOP, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    log.write_text(done.stdout + done.stderr)
    tally = Tally()
    for line in done.stdout.splitlines():
        verdict, _, rest = line.partition(" ")
        name, _, why = rest.partition(": ")
        if verdict == "pass":
            tally.passed += 1
        elif verdict == "FAIL":
            tally.failed.append(f"lint: {name}")
        elif verdict == "skip":
            tally.skipped.append((f"lint: {name}", why))
    if done.returncode != 0 and not tally.failed:
        tally.failed.append(f"lint: ended with status {done.returncode}")
    return tally


# ---- sanitizers and fuzzers ----------------------------------------------------------------------------------------


def configure(
    folder: Path, words: list[str], log: Path, env: dict[str, str] | None = None, target: str = "all"
) -> bool:
    if not (folder / "build.ninja").exists() and call(["meson", "setup", str(folder), *words], log, env) != 0:
        return False
    return call([*GIVE_WAY, "ninja", "-C", str(folder), target], log, limit_s=1800) == 0


SANITIZER_SIGNS = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|UndefinedBehaviorSanitizer")
SANITIZED = ["-Db_sanitize=address,undefined", "-Db_lundef=false", "-Ddebug=true", "-Doptimization=1"]
ASAN_PROGRAM = """
import json, threading
def work(n):
    return sum(len(json.dumps(list(range(k % 50)))) for k in range(n))
threads = [threading.Thread(target=work, args=(20000,), name="worker") for _ in range(3)]
[t.start() for t in threads]
[t.join() for t in threads]
raise SystemExit(7)
"""


def short_run(binary: Path, log: Path, env: dict[str, str]) -> Tally:
    """run, report and every export of one small program; each must end as it should and without a sanitizer's word."""
    folder = BUILD / "tests" / "asan-run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "app.py").write_text(ASAN_PROGRAM)
    steps: list[tuple[str, list[str], int]] = [
        ("run", ["run", "-o", "app.kei", "app.py"], 7),
        ("report", ["report", "app.kei"], 0),
        ("report --json", ["report", "app.kei", "--json"], 0),
    ]
    steps += [
        (f"export {name}", ["export", "app.kei", "--format", name, "-o", f"app.{name}"], 0)
        for name in ("collapsed", "speedscope", "pprof")
    ]
    steps += [("doctor", ["doctor"], 0), ("bad input", ["report", "app.py"], 2)]
    tally = Tally()
    for title, words, expected in steps:
        single = folder / f"{title.replace(' ', '-')}.log"
        status = call([*GIVE_WAY, str(binary), *words], single, env, cwd=folder, limit_s=300)
        text = single.read_text(errors="replace")
        with log.open("a") as out:
            out.write(text)
        if status != expected or SANITIZER_SIGNS.search(text):
            tally.failed.append(f"asan: {title} (status {status}, expected {expected})")
        else:
            tally.passed += 1
    return tally


def part_asan(_: argparse.Namespace, log: Path) -> Tally:
    folder = TOP / "build-asan"
    if not configure(folder, SANITIZED, log):
        return Tally(failed=["asan: the sanitizer build failed"])
    env = {
        "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1:exitcode=99",
    }
    tally = run_meson_suite(folder, "asan", log, env, GIVE_WAY)
    binary = folder / "cli" / "keisoku"
    if binary.exists():
        tally.add(short_run(binary, log, env))
    else:
        tally.failed.append("asan: no command line was built")
    return tally


FUZZ_LIMITS = ["-timeout=10", "-rss_limit_mb=2048"]
FUZZ_TOO_LONG = 70  # libFuzzer's status for an input that took longer than that


def stood_still(fuzzer: Path, log: Path) -> bool:
    """True where each input that took too long does not do so again: a busy machine held the fuzzer up."""
    for path in LOGS.glob(f"{fuzzer.name}-timeout-*"):
        if call([str(fuzzer), *FUZZ_LIMITS, str(path)], log, limit_s=120) != 0:
            return False
        path.unlink()
    return True


def fuzz(fuzzer: Path, seconds: int, keep: bool) -> bool:
    """Runs one for so long; its text goes to a log of its own. `keep`: not again where it ended well before."""
    part = f"{fuzzer.name}-{seconds}"
    if keep and ended_well(part, [fuzzer]):
        return True
    corpus = CACHE / "corpus" / fuzzer.name
    corpus.mkdir(parents=True, exist_ok=True)
    seeds = TOP / "fuzz" / "corpus" / fuzzer.name.removeprefix("fuzz_")
    folders = [str(corpus), *([str(seeds)] if seeds.is_dir() else [])]
    log = LOGS / f"{fuzzer.name}.log"
    log.unlink(missing_ok=True)
    end = time.monotonic() + seconds
    while True:
        left = max(1, int(end - time.monotonic()))
        words = [
            *GIVE_WAY,
            str(fuzzer),
            f"-max_total_time={left}",
            *FUZZ_LIMITS,
            f"-artifact_prefix={LOGS}/{fuzzer.name}-",
        ]
        status = call([*words, *folders], log, limit_s=left + 120)
        if status != FUZZ_TOO_LONG or not stood_still(fuzzer, log):
            break
    well = status == 0
    note_end(part, well)
    return well


def part_fuzz(options: argparse.Namespace, log: Path) -> Tally:
    return run_fuzzers(options.fuzz_seconds, log, keep=False)


def run_fuzzers(seconds: int, log: Path, keep: bool) -> Tally:
    if not (TOP / "fuzz" / "meson.build").exists():
        return Tally(skipped=[("fuzz", "the tree has no fuzzers")])
    if not shutil.which("clang"):
        return Tally(skipped=[("fuzz", "clang is not installed")])
    folder = TOP / "build-fuzz"
    if not configure(folder, ["-Dfuzzers=true", *SANITIZED], log, {"CC": "clang"}, target="fuzzers"):
        return Tally(failed=["fuzz: the fuzzers could not be built"])
    found = sorted(path for path in (folder / "fuzz").glob("fuzz_*") if path.is_file() and os.access(path, os.X_OK))
    with concurrent.futures.ThreadPoolExecutor(CORES) as pool:
        ended = list(pool.map(lambda fuzzer: fuzz(fuzzer, seconds, keep), found))
    tally = Tally()
    for fuzzer, single, well in zip(found, (LOGS / f"{path.name}.log" for path in found), ended, strict=True):
        with log.open("a") as out:
            out.write(single.read_text(errors="replace"))
        tally.add(Tally(passed=1) if well else Tally(failed=[f"fuzz: {fuzzer.name}"]))
    if not tally.passed and not tally.failed:
        tally.failed.append("fuzz: the build made no fuzzer")
    return tally


PARTS = {
    "unit": part_unit,
    "pytest": part_pytest,
    "company": part_company,
    "alone": part_alone,
    "lint": part_lint,
    "asan": part_asan,
    "fuzz": part_fuzz,
    "docs": part_docs,
    "faults": part_faults,
}
FULL = ["unit", "pytest", "lint", "asan", "fuzz", "company", "alone"]
QUICK = ["unit", "pytest", "lint"]
BESIDE = ["lint", "asan", "fuzz"]  # in this order, while pytest runs


def stages(parts: Sequence[str]) -> list[list[list[str]]]:
    """What is done one after the other: lists of parts, of which each list has a thread of its own."""
    if "pytest" not in parts:
        return [[[name]] for name in parts]
    behind = [name for name in parts if name in BESIDE]
    rest = [[[name]] for name in parts if name not in BESIDE]
    at = rest.index([["pytest"]])
    return [*rest[:at], [["pytest"], behind] if behind else [["pytest"]], *rest[at + 1 :]]


def times(took: dict[str, float], whole: float) -> str:
    """`took 312 s: unit 10, pytest 90 …`: what grew is seen. Those that ran side by side are more than the whole."""
    return f"took {whole:.0f} s: " + ", ".join(f"{name} {seconds:.0f}" for name, seconds in took.items())


def print_skips(skipped: list[tuple[str, str]]) -> None:
    """One line a reason, with how many tests it stopped and the first of them."""
    reasons: dict[str, list[str]] = {}
    for what, why in skipped:
        reasons.setdefault(why or "no reason given", []).append(what)
    for why, names in reasons.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        say(f"skipped: {names[0]}{more}: {why}")


class Suite:
    """What has run so far."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.total = Tally()
        self.took: dict[str, float] = {}
        self.lock = threading.Lock()  # of the two and of what is said

    def run(self, stage: list[list[str]]) -> None:
        with concurrent.futures.ThreadPoolExecutor(len(stage)) as pool:
            for done in [pool.submit(self.part, *names) for names in stage]:
                done.result()

    def part(self, *names: str) -> None:
        for name in names:
            start = time.monotonic()
            log = LOGS / f"{name}.log"
            log.unlink(missing_ok=True)
            self.ended(name, PARTS[name](self.options, log), time.monotonic() - start, log)

    def ended(self, name: str, tally: Tally, seconds: float, log: Path) -> None:
        with self.lock:
            self.total.add(tally)
            self.took[name] = seconds
            say(f"{name:8} {tally.line()}  ({seconds:.0f} s)")
            for failure in tally.failed:
                say(f"  failed: {failure}")
            if tally.failed:
                say(f"  the end of {log.relative_to(TOP)}:\n{tail(log)}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools/test", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--quick", action="store_true", help="the short set, under two minutes")
    parser.add_argument("--all", action="store_true", help="the whole product of interpreters and cases, half an hour")
    parser.add_argument("--fuzz-seconds", type=int, default=FUZZ_SECONDS, help="for each fuzzer")
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--venv", action="store_true", help="only set up the tests' environment and print its bin")
    options = parser.parse_args()
    if options.venv:
        python = test_python(LOGS / "venv.log")
        print(python.parent if python else "")
        return 0 if python else 1
    LOGS.mkdir(parents=True, exist_ok=True)
    # A shell's background job ignores these, and so would every program under test: a handler of ours becomes the
    # default in them.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, lambda *_: sys.exit(131))
    begin = time.monotonic()
    suite = Suite(options)
    for stage in stages(options.parts or (QUICK if options.quick else FULL)):
        suite.run(stage)
    total, took = suite.total, suite.took
    print_skips(total.skipped)
    for name in total.twice:
        say(f"looked at twice: {name}")
    if {"company", "alone"} & set(took) and not options.all:
        say("interpreters x cases: a part of the product, as tests/crossed.py says; tools/test --all runs the whole")
    say(times(took, time.monotonic() - begin))
    say(total.line())
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
