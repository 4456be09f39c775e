"""The advice on code that was not written for it: examples of a book, a benchmark suite, packages that became faster.

    tools/with-venv python3 tests/findings/outside.py [--python 3.14] [--names NAME,…] [--rounds N] [--write]

The book's examples (tests/findings/outside) are written from its description; of the packages, one version is measured
and what is said of it held against the next one, whose notes say that it is faster; of the benchmark suite, what is said
is held against what can fairly be said of that program. All is installed by pip into .cache. What was measured is kept
in --results, and goes on from there; --write puts the table into docs/findings-score.md.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import interpreters  # noqa: E402
import labels  # noqa: E402
import packages  # noqa: E402
import score_page  # noqa: E402
import twins  # noqa: E402

SECTION = "Programs from elsewhere"
FOLDER = Path(__file__).resolve().parent / "outside"
CACHE = labels.TOP / ".cache" / "outside"
REQUIREMENTS = ("numpy>=2.0", "numba>=0.60", "pyperformance==1.14.0", "pyperf==2.10.0")
SECONDS = 2.0  # of CPU time that a benchmark of the suite is given


@dataclass(frozen=True)
class Example:
    """A program and a faster one of equal output; `wants` are the tags that are right of the first."""

    name: str
    script: str
    slow: tuple[str, ...]
    fast: tuple[str, ...]
    wants: tuple[str, ...]
    functions: tuple[str, ...]
    packages: tuple[str, str] = ("", "")  # one version for each


EXAMPLES = [
    Example("Julia set, a function for each point", "julia.py", ("points",), ("numba",), ("hot-loop",), ("escape",)),
    Example("Julia set, lists", "julia.py", ("lists",), ("numba",), ("hot-loop",), ("count_all",)),
    Example("Julia set, NumPy", "julia.py", ("numpy",), ("numba",), ("already-native", "temporaries"), ("count_arrays",)),
    Example(
        "diffusion, lists", "diffusion.py", ("lists", "100", "800"), ("rolled", "100", "800"),
        ("hot-loop", "vectorise"), ("evolve",),
    ),
    Example(
        "diffusion, two lists in turns", "diffusion.py", ("reused", "100", "800"), ("rolled", "100", "800"),
        ("hot-loop", "vectorise"), ("evolve",),
    ),
    Example(
        "diffusion, NumPy with temporaries", "diffusion.py", ("rolled", "640", "200"), ("in-place", "640", "200"),
        ("temporaries",), ("laplacian", "evolve_rolled"),
    ),
    Example(
        "diffusion, NumPy in place", "diffusion.py", ("in-place", "640", "1200"), (), ("already-native",),
        ("evolve_in_place", "roll_add"),
    ),
    Example(
        "cachetools, least frequently used", "packages.py", ("cachetools",), ("cachetools",), ("growth",),
        ("LFUCache.popitem",), ("cachetools==6.0.0", "cachetools==6.1.0"),
    ),
    Example(
        "packaging, versions sorted", "packages.py", ("packaging",), ("packaging",), ("hot-loop", "call-overhead"),
        ("Version.__init__", "_cmpkey"), ("packaging==25.0", "packaging==26.0"),
    ),
    Example(
        "tomlkit, a lock file read", "packages.py", ("tomlkit",), ("tomlkit",), ("growth", "hot-loop"),
        ("Source._to_linecol",), ("tomlkit==0.15.0", "tomlkit==0.15.1"),
    ),
]  # fmt: skip

# Of each program of the suite: what can fairly be said first, and of which functions (none: any).
METHODS = ("flat", "hot-loop", "call-overhead", "one-core")  # many small methods; every round is independent
FAIR: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "nbody": (("hot-loop",), ("advance",)),
    "fannkuch": (("hot-loop",), ("fannkuch",)),
    "spectral_norm": (("hot-loop", "call-overhead"), ("eval_A", "part_A_times_u", "part_At_times_u")),
    "nqueens": (("hot-loop",), ("n_queens", "permutations", "<genexpr>")),
    "meteor_contest": (("hot-loop",), ("solve",)),
    "unpack_sequence": (("hot-loop", "flat"), ("do_unpacking",)),
    "chaos": (METHODS, ()),
    "go": (METHODS, ()),
    "raytrace": (METHODS, ()),
    "richards": (METHODS, ()),
    "deltablue": (METHODS, ()),
    "pyflate": ((*METHODS, "list-shift"), ()),
    "deepcopy": (("deep-copy",), ()),
    "pidigits": (("already-native",), ()),
    "regex_dna": (("already-native",), ()),
    "json_loads": (("already-native", "flat"), ()),
    "json_dumps": (("already-native", "flat"), ()),
}


@dataclass
class Said:
    name: str
    tag: str = ""  # first advice, or what is concluded instead
    function: str = ""
    right: bool = False
    place: bool = False
    predicted: tuple[float, float] | None = None
    achieved: float = 0
    also: list[str] = field(default_factory=list)


def installed(requirement: str) -> Path:
    """The package alone, in a folder that is nobody's site-packages: so it counts as the program's own."""
    folder = CACHE / requirement
    if not folder.exists():
        words = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), requirement]
        subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
    return folder


def judge(name: str, report: dict[str, Any], wants: tuple[str, ...], functions: tuple[str, ...]) -> Said:
    found = [one for one in report["findings"] if one["tag"] not in labels.UNSAID] or report["findings"][-1:]
    first = (labels.asking(report) or found)[0]
    said = Said(name, first["tag"], first.get("place", {}).get("function", ""), first["tag"] in wants)
    said.place = not functions or any(said.function.endswith(one) for one in functions)
    said.also = [one["tag"] for one in labels.asking(report)[1:]]
    if "predicted_gain" in first:
        said.predicted = (first["predicted_gain"]["low"], first["predicted_gain"]["high"])
    return said


def measure(keisoku: str, words: list[str], environment: dict[str, str] | None = None) -> dict[str, Any]:
    """Again while the machine was too busy to say anything."""
    for _ in range(3):
        report = twins.record(keisoku, words, environment)
        if any(finding["tag"] not in labels.UNSAID for finding in report["findings"]):
            break
    return report


def work(words: list[str], environment: dict[str, str]) -> tuple[float, str]:
    """Seconds of CPU time, as the program counts them itself, and what it printed."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, env=environment, check=True)
    return float(done.stderr.split()[-1]), done.stdout


def try_example(keisoku: str, python: str, example: Example, rounds: int) -> Said:
    script = [python, str(FOLDER / example.script)]
    paths = [str(installed(one)) if one else "" for one in example.packages]
    slow, fast = ({**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"} for path in paths)
    said = judge(example.name, measure(keisoku, [*script, *example.slow], slow), example.wants, example.functions)
    ratios = []
    for _ in range(rounds if example.fast else 0):
        took, printed = work([*script, *example.slow], slow)
        least, same = work([*script, *example.fast], fast)
        assert printed == same, f"{example.name}: the two say different things"
        ratios.append(took / least)
    said.achieved = statistics.median(ratios) if ratios else 0
    return said


def try_benchmark(keisoku: str, python: str, folder: Path, name: str) -> Said:
    (source,) = folder.glob(f"lib/python*/site-packages/pyperformance/data-files/benchmarks/bm_{name}")
    copied = CACHE / source.name  # where it is somebody's own code, not an installed package
    if not copied.exists():
        shutil.copytree(source, copied)
    once = [python, str(copied / "run_benchmark.py"), "--worker", "-w", "0", "-n", "1", "-l"]
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary) / "once.json"
        subprocess.run([*once, "1", "-o", str(out)], check=True, capture_output=True, timeout=300)
        report = json.loads(out.read_text())
    inner = report["metadata"].get("inner_loops", 1)
    seconds = sum(value * inner for one in report["benchmarks"] for run in one["runs"] for value in run["values"])
    wants, functions = FAIR[name]
    return judge(name, measure(keisoku, [*once, str(max(1, round(SECONDS / seconds)))]), wants, functions)


def distance(said: Said) -> float | None:
    if said.predicted is None or not said.achieved:
        return None
    return math.log2(min(max(said.achieved, said.predicted[0]), said.predicted[1]) / said.achieved)


def row(said: Said, suite: bool) -> str:
    unsaid = said.tag in labels.UNSAID
    place = f"`{said.function or '–'}`" + ("" if said.place or unsaid else " (**another**)")
    cells = [said.name, f"`{said.tag}`" if said.right or unsaid else f"**no**: `{said.tag}`", place]
    if not suite:
        far = distance(said)
        cells.append(f"{said.predicted[0]:.1f}–{said.predicted[1]:.1f}x" if said.predicted else "–")
        cells.append(f"{said.achieved:.1f}x" if said.achieved else "–")
        cells.append(f"{far:+.2f}" if far is not None else "–")
    else:
        cells.append(", ".join(said.also) or "–")
    return "| " + " | ".join(cells) + " |"


def table(said: list[Said], version: str) -> list[str]:
    names = [example.name for example in EXAMPLES]
    examples, suite = ([one for one in said if (one.name in names) == which] for which in (True, False))
    spoken = [one for one in said if one.tag not in labels.UNSAID]
    lines = [
        "Examples of *High Performance Python*, written from their description; packages in one version, measured against",
        "the next one, whose notes say that it is faster; programs of pyperformance. Not written for this score. Made by",
        f"`tests/findings/outside.py` on Python {version}. *Achieved* is CPU time of the work itself, without what is loaded",
        "before.",
        "",
        f"{sum(one.right for one in spoken)} of {len(spoken)} right,"
        f" {sum(one.right and one.place for one in spoken)} of {len(spoken)} at a right place"
        f" ({len(said) - len(spoken)} without a verdict: too few samples).",
        "",
        "| program | said first | place | predicted | achieved | log2 |",
        "|---|---|---|---|---|---|",
        *(row(one, False) for one in examples),
        "",
        "| program of pyperformance | said first | place | and |",
        "|---|---|---|---|",
        *(row(one, True) for one in suite),
    ]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keisoku", default=str(labels.TOP / "build" / "cli" / "keisoku"))
    parser.add_argument("--python", default="3.14")
    parser.add_argument("--names", type=lambda text: text.split(","), default=[])
    parser.add_argument("--rounds", type=int, default=3, help="pairs that are timed")
    parser.add_argument("--results", default=str(labels.TOP / ".cache" / "outside.json"))
    parser.add_argument("--write", action="store_true", help="write the tables into docs/findings-score.md")
    arguments = parser.parse_args()
    one = interpreters.interpreter(arguments.python)
    assert one is not None, f"no Python {arguments.python} on this machine"
    folder = packages.environment(one, *REQUIREMENTS)
    python, path = str(folder / "bin" / "python"), Path(arguments.results)
    kept: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path.exists() else {}
    for name in [*(example.name for example in EXAMPLES), *FAIR]:
        if name in kept or (arguments.names and not any(wanted in name for wanted in arguments.names)):
            continue
        found = next((example for example in EXAMPLES if example.name == name), None)
        said = (
            try_example(arguments.keisoku, python, found, arguments.rounds)
            if found
            else try_benchmark(arguments.keisoku, python, folder, name)
        )
        kept[name] = vars(said)
        path.write_text(json.dumps(kept))
        print(*vars(said).values(), flush=True)
    lines = table([Said(**kept[name]) for name in [*(e.name for e in EXAMPLES), *FAIR] if name in kept], one.version)
    print("\n".join(lines))
    if arguments.write:
        score_page.write_sections({SECTION: lines})


if __name__ == "__main__":
    main()
