"""What runs under ASan and UBSan: the C units, a short run of the command line, and the fuzzers."""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import re
import shutil
import time
from pathlib import Path

from suite_parts.common import BUILD, CACHE, CORES, GIVE_WAY, LOGS, TOP, Tally, call, ended_well, note_end
from suite_parts.units import run_meson_suite


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
