#!/usr/bin/env python3
"""bench/run.py [--quick] [--only PART,…] : measures keisoku beside its peers on this machine.

Prints one table of the project's bars and, unless --only or --quick left something out, writes docs/benchmarks.md and
docs/accuracy.md. What was measured lies in build/bench/result.json. About an hour; --quick about five minutes. The peers
are installed into .cache/bench-HASH from bench/requirements.txt. `tools/with-venv python3 bench/run.py --only ledger`
and `--only agree` need none of them; KEISOKU_ONLY=3.8,3.15 measures the first on those alone and keeps what was measured
on others.
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
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TOP / "tests"), str(TOP / "tests" / "truth"), str(TOP / "tests" / "real")]
PARTS = tuple("startup cost threads evidence sizes matrix ends sampler accuracy shares ledger agree".split())
WITHOUT_PEERS = {"ledger", "agree"}


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


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    import parts
    import peers
    import stolen
    from interpreters import find_interpreters

    found = {one.name: one for one in find_interpreters()}
    main = [found[name] for name in ("3.13", "3.15") if name in found] or list(found.values())[-1:]
    version = subprocess.run([peers.KEISOKU, "--version"], capture_output=True, text=True, check=True).stdout.split()
    machine: dict[str, dict[str, float]] = {}
    result: dict[str, Any] = {
        "conditions": {
            "date": time.strftime("%Y-%m-%d"),
            "cores": os.cpu_count(),
            "cpu": cpu_name(),
            "kernel": platform.release(),
            "machine": machine,
            "version": version[-1],
            "peers": installed(),
            "options": "".join(" " + word for word in sys.argv[1:]),
        }
    }
    bench = parts.Bench(folder, options.quick, found, main, say)
    for part in PARTS:
        if part in options.parts:
            say(part)
            before, load = stolen.cores_ticks(), os.getloadavg()[0]
            result[part] = getattr(parts, part)(bench)
            machine[part] = {"load": load, "stolen": stolen.share_since(before)}
    return result


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

    kept = TOP / "build" / "bench" / "result.json"
    if options.tables:
        result = json.loads(kept.read_text())
    else:
        with tempfile.TemporaryDirectory(prefix="keisoku-bench-") as folder:
            result = measure(options, Path(folder))
        if set(options.parts) != set(PARTS) and kept.exists():  # parts can be measured one after the other
            before = json.loads(kept.read_text())
            result["conditions"]["peers"] = result["conditions"]["peers"] or before["conditions"]["peers"]
            machine = {**before["conditions"].get("machine", {}), **result["conditions"]["machine"]}
            result["conditions"]["machine"] = machine
            if result.get("ledger") and "KEISOKU_ONLY" in os.environ:
                new = {row["python"] for row in result.get("ledger", [])}
                result["ledger"] += [row for row in before.get("ledger", []) if row["python"] not in new]
            result = {**before, **result}
        suite = TOP / "build" / "tests" / "took.json"
        result["suite"] = json.loads(suite.read_text()) if suite.exists() else {}
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(result, indent=1))
    if options.parts == ["ledger"]:
        print(tables.ledger(result["ledger"]))
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
