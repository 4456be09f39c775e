#!/usr/bin/env python3
"""bench/run.py [--quick] [--only PART,…] : measures keisoku beside its peers on this machine.

Prints one table of the project's bars and, unless --only or --quick left something out, writes docs/benchmarks.md and
docs/accuracy.md. What was measured lies in build/bench/result.json, from the end of each part on. Above an hour;
--quick some minutes. The peers are installed into .cache/bench-HASH from bench/requirements.txt.
`tools/with-venv python3 bench/run.py --only ledger`, `--only inside` and `--only agree` need none of them;
KEISOKU_ONLY=3.8,3.15 measures the first on those alone and keeps what was measured on others.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TOP / "tests"), str(TOP / "tests" / "truth"), str(TOP / "tests" / "real")]
PARTS = tuple("startup cost threads evidence inside sizes matrix ends sampler accuracy shares ledger agree".split())
KEPT = TOP / "build" / "bench" / "result.json"
WITHOUT_PEERS = {"ledger", "agree", "inside"}


def enter_environment() -> None:
    """Becomes the same command in the peers' own environment."""
    wanted, inside = TOP / "bench" / "requirements.txt", TOP / "bench" / "requirements-inside.txt"
    key = hashlib.sha256(wanted.read_bytes() + inside.read_bytes() + sys.version.encode()).hexdigest()[:10]
    folder = TOP / ".cache" / f"bench-{key}"
    if Path(sys.prefix).resolve() == folder.resolve():
        return
    if not (folder / "complete").exists():
        if os.environ.get("KEISOKU_NO_INSTALL"):
            sys.exit("bench: KEISOKU_NO_INSTALL is set and the peers are not installed yet")
        print("bench: installing the peers (bench/requirements.txt)", file=sys.stderr, flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        subprocess.run([folder / "bin" / "pip", "install", "-q", "-r", wanted], check=True)
        (folder / "complete").touch()
    os.execv(folder / "bin" / "python", [str(folder / "bin" / "python"), *sys.argv])


def cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def installed() -> list[str]:
    done = subprocess.run([sys.executable, "-m", "pip", "freeze"], capture_output=True, text=True)
    inside = (TOP / "bench" / "requirements-inside.txt").read_text()
    named = [*done.stdout.splitlines(), *inside.splitlines()]
    return [
        line.replace("==", " ") for line in named if line.startswith(("py-spy", "austin", "pyinstrument", "scalene"))
    ]


def say(text: str) -> None:
    print(f"bench: {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def measure(options: argparse.Namespace, folder: Path) -> Iterator[dict[str, Any]]:
    """What was measured so far, after each part."""
    import parts
    import peers
    import stolen
    from interpreters import find_interpreters

    found = {one.name: one for one in find_interpreters()}
    main = [found[name] for name in ("3.13", "3.15") if name in found] or list(found.values())[-1:]
    version = subprocess.run([peers.KEISOKU, "--version"], capture_output=True, text=True, check=True).stdout.split()
    taken: dict[str, float] = {}  # part → share of the cores that other machines of the host had
    result: dict[str, Any] = {
        "conditions": {
            "date": time.strftime("%Y-%m-%d"),
            "cores": os.cpu_count(),
            "cpu": cpu_name(),
            "kernel": platform.release(),
            "stolen": taken,
            "version": version[-1],
            "peers": installed(),
            "options": "".join(" " + word for word in sys.argv[1:]),
        }
    }
    bench = parts.Bench(folder, options.quick, found, main, say)
    for part in PARTS:
        if part in options.parts:
            say(part)
            before = stolen.cores_ticks()
            result[part] = getattr(parts, f"part_{part}")(bench)
            taken[part] = stolen.share_since(before)
            yield result


def joined(before: dict[str, Any], measured: dict[str, Any]) -> dict[str, Any]:
    """Parts can be measured one after the other: what is new, and of the rest what was there."""
    result = {**before, **measured}
    old, new = before.get("conditions", {}), measured["conditions"]
    result["conditions"] = {
        **new,
        "peers": new["peers"] or old.get("peers", []),
        "stolen": {**old.get("stolen", {}), **new["stolen"]},
    }
    if measured.get("ledger") and "KEISOKU_ONLY" in os.environ:
        again = {row["python"] for row in measured["ledger"]}
        kept = [row for row in before.get("ledger", []) if row["python"] not in again]
        result["ledger"] = measured["ledger"] + kept
    return result


def suite_took() -> dict[str, Any]:
    file = TOP / "build" / "tests" / "took.json"
    took: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return took


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="about five minutes; writes no page")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas: " + ", ".join(PARTS))
    parser.add_argument("--write", action="store_true", help="write the pages even so, from what was measured")
    parser.add_argument("--tables", action="store_true", help="measure nothing: write the pages from the last result")
    options = parser.parse_args()
    options.parts = options.only.split(",")
    if set(options.parts) - set(PARTS):
        parser.error(f"no such part: {options.only}")
    if options.tables or set(options.parts) - WITHOUT_PEERS:
        enter_environment()
    import bars
    import cells
    import tables

    if options.tables:
        result = json.loads(KEPT.read_text())
    else:
        before = json.loads(KEPT.read_text()) if KEPT.exists() and set(options.parts) != set(PARTS) else {}
        with tempfile.TemporaryDirectory(prefix="keisoku-bench-") as folder:
            for measured in measure(options, Path(folder)):
                result = joined(before, measured)
                KEPT.parent.mkdir(parents=True, exist_ok=True)
                KEPT.write_text(json.dumps(result, indent=1))
    result["suite"] = suite_took()
    if options.parts == ["ledger"]:
        print(tables.ledger(result["ledger"]))
    if options.parts == ["inside"]:
        print(tables.inside_section(result["inside"]))
    if options.parts == ["agree"]:
        print(tables.agree(result["agree"]))
    print(cells.markdown(["what", "bar", "measured", ""], bars.bars(result)))
    complete = all(result.get(part) for part in PARTS)
    if options.write or options.tables or (complete and not options.quick):
        (TOP / "docs" / "benchmarks.md").write_text(tables.benchmarks(result))
        if result.get("accuracy"):
            (TOP / "docs" / "accuracy.md").write_text(tables.accuracy(result))
        print("written: docs/benchmarks.md, docs/accuracy.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
