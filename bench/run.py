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
PARTS = ("startup", "cost", "threads", "evidence", "sizes", "matrix", "ends", "sampler", "accuracy", "ledger", "agree")
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
    import accuracy
    import agree
    import cost
    import evidence
    import ledger
    import matrix
    import peers
    import sizes
    from interpreters import find_interpreters

    found = {one.name: one for one in find_interpreters()}
    main = [found[name] for name in ("3.13", "3.15") if name in found] or list(found.values())[-1:]
    version = subprocess.run([peers.KEISOKU, "--version"], capture_output=True, text=True, check=True).stdout.split()
    result: dict[str, Any] = {
        "conditions": {
            "date": time.strftime("%Y-%m-%d"),
            "cores": os.cpu_count(),
            "cpu": cpu_name(),
            "kernel": platform.release(),
            "loads": {},
            "version": version[-1],
            "peers": installed(),
            "options": "".join(" " + word for word in sys.argv[1:]),
        }
    }
    loads: dict[str, list[float]] = result["conditions"]["loads"]
    if "startup" in options.parts:
        say("start-up")
        loads["startup"] = [os.getloadavg()[0]]
        result["startup"] = cost.startup(main[0], folder, 5 if options.quick else 15)
    if "cost" in options.parts:
        names = [
            "keisoku",
            "keisoku 1 kHz",
            "keisoku 1 kHz, core",
            "py-spy 100 Hz",
            "py-spy 1 kHz",
            "3.15's sampler 1 kHz",
            "3.15's sampler 1 kHz, stopping",
        ]
        rounds, seconds, sliced_s = (5, 1.0, 5) if options.quick else (8, 4.0, 150)
        result["cost"] = []
        loads["cost"] = [os.getloadavg()[0]]
        for python in main:
            say(f"cost on {python.version}")
            row = cost.measure(python, names, folder, rounds, seconds, 20)
            row["slices"] = cost.by_slices(python, names[:2], folder, sliced_s)
            result["cost"].append(row)
    if "threads" in options.parts:
        loads["threads"] = [os.getloadavg()[0]]
        result["threads"] = []
        for python in main:
            say(f"threads and depths, against bare runs, on {python.version}")
            result["threads"] += cost.by_threads(python, folder, 5 if options.quick else 60)
    if "evidence" in options.parts:
        say("operand evidence")
        loads["evidence"] = [os.getloadavg()[0]]
        result["evidence"] = evidence.measure(
            main[0], folder, 4 if options.quick else 10, 0.6 if options.quick else 2.0
        )
    if "sizes" in options.parts:
        say("sizes")
        loads["sizes"] = [os.getloadavg()[0]]
        result["sizes"] = {
            "steady": sizes.steady(main[0], folder, 12 if options.quick else 40),
            "synthetic": sizes.synthetic(folder),
        }
    if "matrix" in options.parts:
        loads["matrix"] = [os.getloadavg()[0]]
        others = [] if options.quick else [one for one in found.values() if one not in main]
        result["matrix"] = matrix.measure(main, others, folder, options.quick, say)
    if "ends" in options.parts:
        loads["ends"] = [os.getloadavg()[0]]
        result["ends"] = matrix.ends(main, folder, options.quick, say)
    if "sampler" in options.parts and "3.15" in found:
        say("beside the standard library's sampler")
        loads["sampler"] = [os.getloadavg()[0]]
        result["sampler"] = matrix.beside_sampler(found["3.15"], folder, options.quick)
    if "accuracy" in options.parts:
        pythons = [one for one in found.values() if not options.quick or one.name in ("3.11", "3.13", "3.15")]
        runs, peer_runs, seconds = (0, 0, 0.8) if options.quick else (20, 3, 1.3)
        loads["accuracy"] = [os.getloadavg()[0]]
        result["accuracy"] = accuracy.measure(pythons, folder, seconds, runs, peer_runs, say)
    if "ledger" in options.parts:
        only = os.environ.get("KEISOKU_ONLY", "3.8,3.11,3.15" if options.quick else ",".join(found)).split(",")
        pythons = [one for one in found.values() if one.name in only]
        loads["ledger"] = [os.getloadavg()[0]]
        result["ledger"] = ledger.measure(pythons, folder, 1.5 if options.quick else 4, say)
    if "agree" in options.parts:
        loads["agree"] = [os.getloadavg()[0]]
        result["agree"] = agree.measure(found.get("3.14", main[0]), folder, options.quick, say)
    for load in loads.values():
        load.append(os.getloadavg()[0])
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
            result["conditions"]["loads"] = {**before["conditions"].get("loads", {}), **result["conditions"]["loads"]}
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
    print(tables.markdown(["what", "bar", "measured", ""], tables.bars(result)))
    complete = all(result.get(part) for part in PARTS)
    if options.write or options.tables or (complete and not options.quick):
        (TOP / "docs" / "benchmarks.md").write_text(tables.benchmarks(result))
        if result.get("accuracy"):
            (TOP / "docs" / "accuracy.md").write_text(tables.accuracy(result))
        print("written: docs/benchmarks.md, docs/accuracy.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
