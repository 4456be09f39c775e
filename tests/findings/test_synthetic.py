"""Every finding on a made-up recording that shows it and on one that looks alike and does not: fast, the same each time.

The descriptions are in the language of tests/tools/make-recording.c. What they leave out is the same for all: a process
`p`, its thread `t`, four cores of which `busy` cores' worth were busy, 4 seconds.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

SECONDS = 4
HEAD = """
command app.py
directory /home/u
host machine
evidence perf clock, /proc
cores {cores}
process p 100 python=3.13.0 command=app.py exit=0
thread t p 100 name=MainThread
function main /home/u/app.py 1
function work /home/u/app.py 10
function part /home/u/app.py 40
function library /usr/lib/python3.13/json/encoder.py 100
function fetch /home/u/app.py 70
function receive /usr/lib/python3.13/socket.py 700
function select /usr/lib/python3.13/selectors.py 450
stack w1 main:3 work:12
stack w2 main:3 work:13
stack w3 main:3 work:14 part:41
stack l1 main:3 work:15 library:110
stack f1 main:5 fetch:71
stack f2 main:5 fetch:72 receive:710
stack e1 main:7 select:452
self sweeps 4000
self reads 4000
self rate_hz 1000
"""
PHASES = "\n".join(
    f"function p{n} /home/u/app.py {100 * n}\nstack p{n}a main:{n} p{n}:{100 * n + 1}\nstack p{n}b main:{n} p{n}:{100 * n + 2}\n"
    f"during t 0.4 50%python@p{n}a 50%python@p{n}b"
    for n in range(1, 11)
)
PROGRAMS = Path(__file__).resolve().parent / "programs"


def line_of(text: str, program: str = "search.py") -> int:
    return 1 + [line.strip() for line in (PROGRAMS / program).read_text().splitlines()].index(text)


ROUNDS = {  # of programs/rounds.py: what each function spends its time with, and where it is called
    "make": ("return [(case * 7919 + n) % 104729 for n in range(400)]", "values = make(case)"),
    "smooth": ("return [(a + b) // 2 for a, b in zip(values, values[1:])]", "smoothed = smooth(values)"),
    "rank": ("return {value: place for place, value in enumerate(sorted(values))}", "places = rank(smoothed)"),
    "join": ('return ",".join(str(places[value]) for value in values)', "text = join(smoothed, places)"),
    "check": ("total = (total * 31 + ord(letter)) % 65521", "return check(text[:500])"),
}


def rounds() -> str:
    """Rounds that do not need each other, as their text shows, through five functions with a fifth each."""
    file = "/home/u/rounds.py"
    lines = [
        f"source {file} 1 {PROGRAMS / 'rounds.py'}",
        f"function top {file} 1 as=<module>",
        f"function simulate {file} {line_of('def simulate(case):', 'rounds.py')}",
    ]
    outer = f"top:{line_of('results.append(simulate(case))', 'rounds.py')}"
    for name, (work, call) in ROUNDS.items():
        first = line_of(
            next(
                line.strip()
                for line in (PROGRAMS / "rounds.py").read_text().splitlines()
                if line.startswith(f"def {name}(")
            ),
            "rounds.py",
        )
        lines.append(f"function {name} {file} {first}")
        lines.append(f"stack {name} {outer} simulate:{line_of(call, 'rounds.py')} {name}:{line_of(work, 'rounds.py')}")
    return "\n".join([*lines, "during t 4 " + " ".join(f"20%python@{name}" for name in ROUNDS)])


LOOP = rounds()
WAITS = "\n".join("during t 0.001 python@f1\nsleep t 0.039 io@f2" for _ in range(100))
THREADS = "\n".join(f"thread t{n} p {100 + n}" for n in range(1, 8))
LIST = PROGRAMS / "search.py"

# name → (description, cores' worth of other programs and this one, cores, findings in their order)
CASES: dict[str, tuple[str, float, str, list[str]]] = {
    "hot-loop": ("during t 4 60%python@w1 40%python@w2", 4, "4", ["hot-loop"]),
    "hot-loop, not in a tenth of it": (f"{PHASES}", 1, "4", ["flat"]),
    "hot-loop, kinds not told apart": ("during t 4 60%on-cpu@w1 40%on-cpu@w2", 4, "4", ["hot-loop"]),
    "one line, kinds not told apart": ("during t 4 on-cpu@w1", 4, "4", ["flat"]),
    "io-wait": (WAITS, 0.1, "4", ["io-wait"]),
    "io-wait, not of one long wait": ("during t 0.2 python@f1\nsleep t 3.8 io@f2", 0.1, "4", ["flat"]),
    "io-wait, not of an event loop": (WAITS.replace("@f2", "@e1"), 0.1, "4", ["paced"]),
    "io-wait, not when waits overlap": (
        "\n".join([WAITS, THREADS, *(WAITS.replace(" t ", f" t{n} ") for n in range(1, 8))]),
        0.5,
        "4",
        ["flat"],
    ),
    "one-core": (LOOP, 1, "4", ["one-core"]),
    "one-core, not on busy cores": (LOOP, 3.9, "4", ["flat"]),
    "one-core, not under a quota": (LOOP, 1, "4 4 1.2", ["flat"]),
    "one-core, not when pinned": (LOOP, 1, "4 1", ["flat"]),
    "one-core, not for phases": (PHASES, 1, "4", ["flat"]),
    "one-core, not for imports": (LOOP.replace("python@", "import@"), 1, "4", ["flat"]),
    "gil-contention": (
        "\n".join([THREADS, *(f"during t{n} 4 25%python@w1 75%gil-wait@w1" for n in (1, 2, 3, 4))]),
        1.1,
        "4",
        ["gil-contention", "hot-loop"],
    ),
    "gil-contention, not without cores": (
        "\n".join([THREADS, *(f"during t{n} 4 25%python@w1 75%gil-wait@w1" for n in (1, 2, 3, 4))]),
        4,
        "4",
        ["hot-loop"],
    ),
    "starved": ("during t 4 native@l1 delay=0.4", 4, "4", ["starved", "already-native"]),
    "starved, not by its own threads": (
        "\n".join([THREADS, *(f"during t{n} 4 native@l1 delay=0.4" for n in range(1, 8))]),
        4,
        "4",
        ["already-native"],
    ),
    "starved, not in a short run": ("during t 0.05 native@l1 delay=0.4", 4, "4", ["insufficient"]),
    "starved, not with nobody else there": ("during t 4 native@l1 delay=0.4", 0.7, "4", ["already-native"]),
    "starved by a quota": (
        "during t 4 native@l1\ncounter throttled p 4 800000000",
        1,
        "4 4 1",
        ["starved", "already-native"],
    ),
    "already-native": ("during t 4 90%native@l1 10%python@w1", 4, "4", ["already-native"]),
    "already-native, not in the kernel": ("during t 4 90%kernel@l1 10%python@w1", 4, "4", ["flat"]),
    "paced": ("\n".join("during t 0.01 python@w1\nsleep t 0.09 sleep@w2" for _ in range(40)), 0.2, "4", ["paced"]),
    "list-membership": (
        f"during t 4 90%python@s1 10%python@s2\nsource /home/u/search.py 1 {LIST}",
        4,
        "4",
        ["list-membership"],
    ),
    "list-membership, not of a set": (
        f"during t 4 50%python@s1 50%python@s2\nsource /home/u/search.py 1 {LIST}",
        4,
        "4",
        ["hot-loop"],
    ),
    # What a rule needs and the recording has not is not guessed.
    "list-membership, not without the source": ("during t 4 90%python@s1 10%python@s2", 4, "4", ["hot-loop"]),
    "io-wait, not without stacks": (WAITS.replace("@f1", "@-").replace("@f2", "@-"), 0.1, "4", ["flat"]),
    "hot-loop, not without stacks": ("during t 4 python@-", 4, "4", ["insufficient"]),
    "hot-loop, not without states": ("during t 4 60%unknown@w1 40%unknown@w2", 4, "4", ["insufficient"]),
    "one-core, not without the source": ("\n".join(LOOP.splitlines()[1:]), 1, "4", ["flat"]),
    "one-core, not without counted cores": (LOOP, -1, "4", ["flat"]),
    "insufficient": ("during t 0.05 python@w1", 1, "4", ["insufficient"]),
    "insufficient: not proved": (
        "during t 4 60%python@w1 40%python@w2\nloss ran-meanwhile 3000",
        4,
        "4",
        ["insufficient"],
    ),
}


def make(keisoku: str, folder: Path, description: str, busy: float, cores: str) -> Path:
    search = f"""
function unlike /home/u/search.py 9
stack s1 main:3 unlike:{line_of("if key in seen:")}
stack s2 main:3 unlike:{line_of("add(key)")}
"""
    counted = range(4 if busy >= 0 else 0)  # below 0: nobody counted
    counters = "\n".join(f"counter core_busy {core} {SECONDS} {int(busy * SECONDS / 4 * 1e9)}" for core in counted)
    source = folder / "description"
    source.write_text(HEAD.format(cores=cores) + search + description + "\n" + counters + "\n")
    maker = Path(keisoku).resolve().parent.parent / "tests" / "tools" / "make-recording"
    done = subprocess.run([maker, source, folder / "made.kei"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "made.kei"


def ask(keisoku: str, recording: Path, *options: str) -> str:
    done = subprocess.run([keisoku, "report", recording, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", CASES)
def test_case(name: str, keisoku: str, tmp_path: Path) -> None:
    description, busy, cores, expected = CASES[name]
    report: dict[str, Any] = json.loads(ask(keisoku, make(keisoku, tmp_path, description, busy, cores), "--json"))
    found = [finding["tag"] for finding in report["findings"]]
    sentences = "\n".join(finding["sentence"] for finding in report["findings"])
    assert found == expected, f"{sentences}\n{json.dumps(report['stat'])}"
    for clock in ("wall", "cpu"):
        shares = [share["share"] for share in report["states"][clock].values()]
        assert not shares or abs(sum(shares) - 1) < 1e-6
    assert report["verdict"]["prescription"] == report["findings"][0]["prescription"]
    for finding in report["findings"]:
        gain = finding.get("predicted_gain")
        if gain:
            assert 1.2 <= gain["low"] <= gain["high"] <= finding.get("max_gain", gain["high"]) * 1.001


def test_screen(keisoku: str, tmp_path: Path) -> None:
    """A recording on disk gives the screen that is kept in tests/golden."""
    recording = make(keisoku, tmp_path, CASES["gil-contention"][0], 1.1, "4")
    shown = subprocess.run([keisoku, "report", recording.name], cwd=tmp_path, capture_output=True, text=True).stdout
    kept = Path(__file__).resolve().parents[1] / "golden" / "threads.txt"
    assert [line for line in shown.splitlines() if "made.kei" not in line] == [
        line for line in kept.read_text().splitlines() if "made.kei" not in line
    ], shown
    assert len(shown.splitlines()) < 25
    assert max(map(len, shown.splitlines())) <= 80
