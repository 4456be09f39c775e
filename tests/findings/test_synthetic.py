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
function load /venv/lib/python3.13/site-packages/sqlalchemy/orm/strategies.py 900 as=LazyLoader._load_for_state
function emit /venv/lib/python3.13/site-packages/sqlalchemy/orm/strategies.py 1041 as=LazyLoader._emit_lazyload
function send /venv/lib/python3.13/site-packages/sqlalchemy/engine/default.py 940
stack q1 main:8 load:950 emit:1100 send:944
stack q2 main:8 load:950
function row /venv/lib/python3.13/site-packages/pandas/core/apply.py 1500 as=FrameColumnApply.series_generator
function each /venv/lib/python3.13/site-packages/pandas/core/apply.py 1340 as=FrameApply.apply_series_generator
function item /venv/lib/python3.13/site-packages/pandas/core/series.py 1050 as=Series.__getitem__
stack r1 main:9 each:1349 row:1565
stack r2 main:9 each:1350 fetch:72 item:1102
stack r3 main:9 each:1350 fetch:73 library:110
stack r4 main:20 work:30 item:1102
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
# A child every 40 ms, as samples saw it; its start takes one of them.
CHILDREN = "\n".join(
    [
        "function execute /usr/lib/python3.13/subprocess.py 1800 as=_execute_child",
        "function wait /usr/lib/python3.13/subprocess.py 1200",
        "stack c1 main:5 fetch:71 execute:1850\nstack c2 main:5 fetch:71 wait:1210",
        *["during t 0.001 kernel@c1\nsleep t 0.039 io@c2" for _ in range(100)],
    ]
)
# Three runs of make, which starts thousands of programs.
MAKE = "\n".join(
    [
        *CHILDREN.splitlines()[:4],
        *["during t 0.01 kernel@c1\nsleep t 1.32 io@c2" for _ in range(3)],
        *(f"process m{n} {200 + n} parent=p start={n} end={n + 1}" for n in range(3)),
        *(f"process c{n} {1000 + n} parent=m{n % 3} start=0.5 end=0.502" for n in range(4000)),
    ]
)
ASKED = "during t 4 20%python@r1 60%python@r2 20%python@w1\noperand fetch:72 [] 1 {} 40"
# Rows from a line with a body, items from another one.
BODY = """
function iterrows /venv/lib/python3.13/site-packages/pandas/core/frame.py 1400 as=DataFrame.iterrows
function top /home/u/search.py 1 as=<module>
stack b1 top:{head} iterrows:1450
stack b2 top:{item} item:1102
operand top:{item} [] 1 str 40
source /home/u/search.py 1 {file}
during t 4 20%python@b1 60%python@b2 20%python@w1
"""
REQUESTS = "\n".join(
    f"thread r{n} p {300 + n}\n" + f"during r{n} 0.005 python@q1\nsleep r{n} 0.095 io@f2\n" * 40 for n in range(16)
)
WAITS = "\n".join("during t 0.001 python@f1\nsleep t 0.039 io@f2" for _ in range(100))
THREADS = "\n".join(f"thread t{n} p {100 + n}" for n in range(1, 8))
LIST = PROGRAMS / "search.py"

# name → (description, cores' worth of other programs and this one, cores, findings in their order)
CASES: dict[str, tuple[str, float, str, list[str]]] = {
    "hot-loop": ("during t 4 60%python@w1 40%python@w2", 4, "4", ["hot-loop"]),
    "hot-loop, not in a tenth of it": (f"{PHASES}", 1, "4", ["flat"]),
    "hot-loop, kinds not told apart": ("during t 4 60%on-cpu@w1 40%on-cpu@w2", 4, "4", ["hot-loop"]),
    "one line, kinds not told apart": ("during t 4 on-cpu@w1", 4, "4", ["flat"]),
    # What surely was not the interpreter is not like the rest (place=3: outside of it, in what is not known).
    "hot-loop, half of it not told apart": (
        "during t 2.2 60%python@w1 40%python@w2\nduring t 1.8 on-cpu@w1",
        4,
        "4",
        ["hot-loop"],
    ),
    "hot-loop, not with half of it outside of the interpreter": (
        "during t 2.2 60%python@w1 40%python@w2\nduring t 1.8 on-cpu@w1 place=3",
        4,
        "4",
        ["flat"],
    ),
    "subprocess-per-item, more children than samples saw": (
        "\n".join([CHILDREN, *(f"process c{n} {1000 + n} parent=p start=0.5 end=0.502" for n in range(2000))]),
        0.1,
        "4",
        ["subprocess-per-item", "io-wait"],
    ),
    "subprocess-per-item, not of children with work of their own": (
        "\n".join([CHILDREN, *(f"process c{n} {1000 + n} parent=p start=0.5 end=0.54" for n in range(100))]),
        0.1,
        "4",
        ["io-wait"],
    ),
    "subprocess-per-item, not of what a child starts": (MAKE, 0.1, "4", ["flat"]),
    "io-wait": (WAITS, 0.1, "4", ["io-wait"]),
    "io-wait, not of one long wait": ("during t 0.2 python@f1\nsleep t 3.8 io@f2", 0.1, "4", ["flat"]),
    "io-wait, not of an event loop": (WAITS.replace("@f2", "@e1"), 0.1, "4", ["paced"]),
    "io-wait, not when waits overlap": (
        "\n".join([WAITS, THREADS, *(WAITS.replace(" t ", f" t{n} ") for n in range(1, 8))]),
        0.5,
        "4",
        ["flat"],
    ),
    "n-plus-one, by a mapper": (
        "\n".join("during t 0.008 python@q1\nduring t 0.002 python@w1" for _ in range(400)),
        1,
        "4",
        ["n-plus-one"],
    ),
    "n-plus-one, not of a single load": (
        "during t 3.2 native@q1\nduring t 0.8 python@w1",
        1,
        "4",
        ["already-native"],
    ),
    "n-plus-one, not of a load that finds its object": (
        "\n".join("during t 0.008 python@q2\nduring t 0.002 python@w1" for _ in range(400)),
        1,
        "4",
        ["hot-loop"],
    ),
    "n-plus-one, not of a little in each of many threads": (REQUESTS, 1, "4", ["flat"]),
    "n-plus-one, not of a few long loads": (
        "\n".join("during t 0.25 native@q1\nduring t 0.08 python@w1" for _ in range(12)),
        1,
        "4",
        ["already-native"],
    ),
    "vectorise, rows that pandas makes": (ASKED.format("str"), 1, "4", ["vectorise"]),
    "vectorise, not with masks of what goes over rows": (ASKED.format("Series"), 1, "4", ["hot-loop"]),
    "vectorise, not with items that are taken elsewhere": (
        ASKED.format("str").replace("@r2", "@r4").replace("fetch:72", "work:30"),
        1,
        "4",
        ["hot-loop"],
    ),
    "vectorise, not where making them is little": (
        "during t 4 5%python@r1 40%native@r3 55%native@l1",
        1,
        "4",
        ["already-native"],
    ),
    "vectorise, rows and what a loop's body asks of them": (
        BODY.format(head=line_of('if "set" in sys.argv:'), item=line_of("seen = set()"), file=LIST),
        1,
        "4",
        ["vectorise"],
    ),
    "vectorise, not with what is asked past the loop": (
        BODY.format(head=line_of('if "set" in sys.argv:'), item=line_of("seen = []"), file=LIST),
        1,
        "4",
        ["hot-loop"],
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
        "during t 4 native@l1 delay=0.2\ncounter throttled p 4 800000000",
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


ANSWERS = "task one t fetch\n" + "\n".join(
    "during t 0.002 python@w1 task=one\nsleep t 0.038 idle@e1" for _ in range(100)
)


BESIDE = "thread b p 101\n" + ANSWERS.replace("task one t", "task one b").replace(" t 0.", " b 0.")
PAUSE = "function pause /usr/lib/python3.13/asyncio/tasks.py 650 as=sleep\nstack z1 fetch:71 pause:665"
RESTS = {  # does an event loop wait to be woken?
    "answers": (ANSWERS, True),
    "answers, as its tasks tell": (f"{ANSWERS}\nwait one f1 3.8 on=Future", True),
    "answers, beside a thread that sleeps": (f"thread c p 102\n{ANSWERS}\nsleep c 4 sleep@w1", True),
    "no loop": (CASES["paced"][0], False),
    "a loop whose task sleeps": (f"{ANSWERS}\n{PAUSE}\nwait one z1 3.8 on=Future", False),
    "and one waits for it": (
        f"{ANSWERS}\n{PAUSE}\nwait one z1 3.8 on=Future\ntask two t fetch\nwait two f1 4 on=Task",
        False,
    ),
    "a loop beside, while the main thread sleeps": (f"{BESIDE}\nsleep t 4 sleep@w1", False),
}


@pytest.mark.parametrize("name", RESTS)
def test_a_loops_rest_is_no_pace(name: str, keisoku: str, tmp_path: Path) -> None:
    """A task that awaits one answer after the other keeps no pace; what sleeps does, and the main thread sets it."""
    description, loop = RESTS[name]
    first = json.loads(ask(keisoku, make(keisoku, tmp_path, description, 0.1, "4"), "--json"))["findings"][0]
    assert first["tag"] == "paced"
    assert ("event loop waits" if loop else "sets its own pace") in first["sentence"]
    assert ("asyncio.gather" in first["action"]) == loop


# A forked worker, whose stack begins with what made it.
POOL = """
process k 200 parent=p python=3.13.0
thread k1 k 200
process i 201 parent=p python=3.13.0
thread i1 i 201
function repopulate /usr/lib/python3.13/multiprocessing/pool.py 310 as=Pool._repopulate_pool
function next /usr/lib/python3.13/multiprocessing/pool.py 860 as=IMapIterator.next
function worker /usr/lib/python3.13/multiprocessing/pool.py 97
function mapstar /usr/lib/python3.13/multiprocessing/pool.py 48
function get /usr/lib/python3.13/multiprocessing/queues.py 360 as=SimpleQueue.get
stack n1 main:5 next:870
stack k0 main:4 repopulate:330
stack g1 +k0 worker:114 get:367
stack z1 +k0 worker:125
stack z2 +k0 worker:125 library:110
stack z3 +k0 worker:125 mapstar:48
function futures /usr/lib/python3.10/concurrent/futures/process.py 225 as=_process_worker
function chunk /usr/lib/python3.10/concurrent/futures/process.py 190 as=_process_chunk
function each_one /usr/lib/python3.10/concurrent/futures/process.py 205 as=<listcomp>
stack z5 +k0 futures:246 chunk:205 each_one:205
stack z4 +k0 worker:125 fetch:71
stack i1 +k0 worker:109 part:41
stack i2 +k0 worker:109 part:42 get:367
sleep t 4 lock@n1
during k1 4 {}
"""


@pytest.mark.parametrize(
    ("spent", "share"),
    [
        ("60%python@g1 40%native@z1", 0),  # the task is a function in C
        ("60%python@g1 40%python@z2", 0),  # of a library
        ("60%python@g1 40%python@z3", 0),  # a chunk of them
        ("60%python@g1 40%python@z5", 0),
        ("60%python@g1 40%python@z4", 0),
        ("60%python@g1 20%python@n1 20%python@z4", 0.8),
        ("60%python@g1 40%python@z4\nduring i1 1 50%python@i1 50%python@i2", 0.68),  # what makes it ready, once
    ],
)
def test_a_pools_own_work(spent: str, share: float, keisoku: str, tmp_path: Path) -> None:
    """What a plain loop would not do: the pool's part, and no task, whatever it is."""
    report = json.loads(ask(keisoku, make(keisoku, tmp_path, POOL.format(spent), 1, "4"), "--json"))
    finding = next(finding for finding in report["findings"] if finding["tag"] == "small-tasks")
    found = [row for row in finding["evidence"] if row["measure"] == "CPU time in all that the pool does"]
    assert len(found) == (share > 0), finding
    assert all(abs(row["value"] - share) < 0.04 for row in found), found


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
