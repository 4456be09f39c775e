"""The kernel sampler against the truth programs and against the reader from the thread's own core."""

from __future__ import annotations

import ctypes
import json
import math
import os
import sqlite3
import subprocess
from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from chunks import decode_samples
from interpreters import Interpreter
from measured import Measured, check_dropped, measured
from oracle import PROGRAMS, Oracle, bare
from support import Run, busy, never
from test_shares import SHARES_S, check_shares
from test_states import check_gil_fight, check_one_state
from test_tasks import samples_of

pytestmark = pytest.mark.sparse
Report = Callable[[Path], dict[str, Any]]
KERNEL = ("--reader", "kernel")
ON_CPU = {"python", "native", "native+gil", "on-cpu", "kernel", "gc", "import"}
SINCE = {"generators": (3, 3), "awaits": (3, 5)}
PROGRAMS_OF_STACKS = ("alternate", "recursion", "generators", "awaits", "deep", "many_threads", "reuse", "short")
RATES = ("", "1000", "10000", "max")  # "": the default, which keeps to the budget
# Ordered so that an interpreter has more than one rate of what a plain run takes.
STACKS = [(name, RATES[(i + turn) % 4]) for i, name in enumerate(PROGRAMS_OF_STACKS) for turn in range(4)]


@pytest.fixture(autouse=True)
def permitted(run_keisoku: Run, request: pytest.FixtureRequest) -> None:
    if "refused" in request.node.name:
        return
    row = next(line for line in run_keisoku("doctor").out.splitlines() if line.startswith("kernel sampler"))
    if "yes" not in row.split():
        pytest.skip(row)


def by_kernel(
    run_keisoku: Run,
    report: Report,
    python: Interpreter,
    program: Path | str,
    *arguments: str,
    options: tuple[str, ...] = (),
) -> Measured:
    done = measured(run_keisoku, python, program, *arguments, options=(*KERNEL, *options))
    proved = report(done.path)["trust"]["proved_by"]
    # Where an interrupt finds no whole stack, the thread is read from its own core a moment later.
    shown = sum(proved.get(name, 0) for name in ("kernel", "core"))
    assert proved.get("kernel") and proved.get("core", 0) <= 0.06 * shown and not proved.get("free"), proved
    return done


def arguments_of(name: str, seconds: str) -> list[str]:
    return {"deep": [seconds, "200"], "many_threads": [seconds, "16"]}.get(name, [seconds])


@pytest.mark.sparse(8)
@pytest.mark.parametrize("name,rate", STACKS, ids=[f"{name}-{rate or 'default'}" for name, rate in STACKS])
def test_no_impossible_stack(run_keisoku: Run, report: Report, python: Interpreter, name: str, rate: str) -> None:
    python.since(*SINCE.get(name, (2, 7)), f"syntax of {name}.py")
    program = PROGRAMS / f"{name}.py"
    arguments = arguments_of(name, "0.5" if rate == "max" else "2" if name in SINCE else "1")
    done = by_kernel(run_keisoku, report, python, program, *arguments, options=("--rate", rate) if rate else ())
    wrong = done.recording.impossible(Oracle(program, depth=200 if name == "deep" else 0))
    never(wrong, f"impossible of {done.shown}")
    # 3.11 and 3.12 unlink a generator's frame for some instructions, in which its stack has no end.
    check_dropped(report(done.path)["trust"], 20)


@pytest.mark.sparse(8)
@pytest.mark.parametrize("name", PROGRAMS_OF_STACKS)
def test_dropped_by_default(run_keisoku: Run, report: Report, python: Interpreter, name: str) -> None:
    """With no option: the reader from the core begins and the kernel sampler takes over, at the rate of the budget."""
    python.since(*SINCE.get(name, (2, 7)), f"syntax of {name}.py")
    program = PROGRAMS / f"{name}.py"
    options = ("--reader", "auto")
    done = measured(run_keisoku, python, program, *arguments_of(name, "3"), options=options, least=500)
    never(done.recording.impossible(Oracle(program, depth=200 if name == "deep" else 0)), f"impossible of {done.shown}")
    trust = report(done.path)["trust"]
    assert trust["proved_by"].get("kernel") or busy(), trust
    check_dropped(trust)


BEHIND = """
import ctypes
library = ctypes.CDLL(None)
for _ in range(300000): library.__cxa_atexit(ctypes.cast(library.clock, ctypes.c_void_p), None, None)
"""


def test_behind_the_end(run_keisoku: Run, report: Report, python: Interpreter) -> None:
    """What a process does when its interpreter has ended has no stack, which is no loss."""
    done = by_kernel(run_keisoku, report, python, "-c", BEHIND, options=("--rate", "10000"))
    lost = report(done.path)["trust"]["lost"]
    assert lost.get("invalid-stack", 0) <= 2 and lost.get("unreadable", 0) <= 5, lost
    last = sum(sample.ticks for sample in done.recording if not sample.stack)
    assert last > 100, last


NAMED = """
import asyncio, time
def crunch(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end: sum(range(100))
async def works(seconds):
    for _ in range(120):
        crunch(seconds)
        await asyncio.sleep(0)
async def main():
    names = {"one": 0.001, "t\u00fcr\u4e2d": 0.002, "x" * 200: 0.003, "six": 0.006}
    await asyncio.gather(*[asyncio.create_task(works(s), name=name) for name, s in names.items()])
asyncio.run(main())
"""


def test_tasks(run_keisoku: Run, report: Report, python: Interpreter) -> None:
    """A sample has the task whose coroutine the interrupt found on the stack, with its name."""
    python.since(3, 8, "tasks that are read")
    done = by_kernel(run_keisoku, report, python, "-c", NAMED)
    ticks: Counter[str] = Counter()
    working = 0
    for task, functions, n in samples_of(done.path):
        if task:
            assert "works" in functions, (task, functions)
            ticks[task] += n
        working += n if "works" in functions and ticks else 0
    shares = {name[:5]: n / sum(ticks.values()) for name, n in ticks.items()}
    assert sum(ticks.values()) >= 0.98 * working, (ticks, working)
    truth = {"one": 1 / 12, "t\u00fcr\u4e2d": 2 / 12, "xxxxx": 3 / 12, "six": 6 / 12}
    assert set(shares) == set(truth), ticks
    for name, share in truth.items():  # they take turns: whatever was missed before asyncio was seen is all of theirs
        assert abs(shares[name] - share) < 0.03 + 4 * math.sqrt(share * (1 - share) / working), shares


def test_automatic(run_keisoku: Run, report: Report, python: Interpreter) -> None:
    """Where a rate was chosen, the kernel sampler takes over from the reader from the core while the program runs."""
    program = PROGRAMS / "alternate.py"
    for seconds in ("1", "3", "8"):  # on a busy machine its loading takes long
        done = measured(run_keisoku, python, program, seconds, options=("--reader", "auto", "--rate", "1000"))
        wrong = done.recording.impossible(Oracle(program))
        never(wrong, f"impossible of {done.shown}")
        trust = report(done.path)["trust"]
        if trust["proved_by"].get("kernel"):
            break
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if not trust["proved_by"].get("kernel") and load > 2 * cores:
        pytest.skip(f"a load of {load:.0f} on {cores} cores: it was not loaded in 8 s")
    assert trust["proved_by"].get("core") and trust["proved_by"].get("kernel") and not trust["proved_by"].get("free")
    assert trust["evidence"] == ["kernel sampler", "perf clock", "/proc"], trust
    check_dropped(trust)


def test_automatic_is_not_for_short_programs(run_keisoku: Run, report: Report, a_python: Interpreter) -> None:
    done = run_keisoku("run", "--no-html", "-o", "x.kei", a_python.path, "-c", "pass")
    assert done.status == 0 and not report(done.folder / "x.kei")["trust"]["proved_by"].get("kernel")


def test_same_shares(run_keisoku: Run, python: Interpreter) -> None:
    """Against what the program measured of itself, as test_shares.py does with the other reader."""
    done = measured(run_keisoku, python, PROGRAMS / "shares.py", SHARES_S, options=KERNEL)
    check_shares(json.loads(done.done.out)["shares"], done.recording)


@pytest.mark.alone
def test_places(run_keisoku: Run, report: Report, a_python: Interpreter) -> None:
    """A loop of pure Python is in the interpreter, not in the kernel, by the pointers that come with the stacks."""
    done = by_kernel(run_keisoku, report, a_python, PROGRAMS / "alternate.py", "1.5")
    cpu = {name: row["share"] for name, row in report(done.path)["states"]["cpu"].items()}
    assert cpu.get("python", 0) > 0.85 and cpu.get("on-cpu", 0) < 0.02, cpu


def test_waits(run_keisoku: Run, report: Report, python: Interpreter) -> None:
    """Each wait counts for its length, the shortest and the rare ones too: looks at sleepers could not tell them."""
    python.since(3, 3, "clock_gettime")
    if tuple(int(part) for part in os.uname().release.split(".")[:2]) < (5, 18):
        pytest.skip("switches are told with their reason since Linux 5.18")
    done = by_kernel(run_keisoku, report, python, PROGRAMS / "waits.py", "2")
    truth = json.loads(done.done.out)
    found: Counter[str] = Counter()
    unknown: Counter[str] = Counter()  # where it is waked as it is looked at: a long one on a machine that stood still
    states: defaultdict[str, set[str]] = defaultdict(set)
    for sample in done.recording:
        for name, _, _ in sample.stack[-1:]:
            if name in truth and sample.state not in ON_CPU:
                found[name] += sample.ticks
                states[name].add(sample.state)
                unknown[name] += sample.ticks if sample.state == "unknown" else 0
    for name, (count, seconds) in truth.items():
        # An instant is a millisecond; each wait is rounded by chance. Until it was first seen a thread is not timed.
        noise = 4 * 0.5 * count**0.5 + 2 + (20 if count > 100 else 0)
        assert abs(found[name] - 1000 * seconds) < noise, (name, found[name], count, seconds, truth, found)
        assert states[name] - {"unknown"} == {"io" if name == "polls" else "sleep"}, states
        assert unknown[name] < 0.5 * found[name], (unknown, found)


@pytest.mark.parametrize("phase", ["sleep", "lock", "io", "hash"])
def test_one_state(run_keisoku: Run, a_python: Interpreter, phase: str) -> None:
    """As test_states.py does with the other reader."""
    check_one_state(measured(run_keisoku, a_python, PROGRAMS / "states.py", phase, "0.8", options=KERNEL), phase)


def test_gil_fight(run_keisoku: Run, report: Report, a_python: Interpreter) -> None:
    done = measured(run_keisoku, a_python, PROGRAMS / "states.py", "gil", "1.2", options=KERNEL)
    check_gil_fight(done, report, a_python)


IN_AND_OUT = """
import mmap, os, time
device = os.open("/dev/urandom", os.O_RDONLY)
def spins(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end: sum(range(20000))
def draws(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end: os.read(device, 1 << 18)
def faults(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pages = mmap.mmap(-1, 1 << 22)
        for at in range(0, 1 << 22, 4096): pages[at] = 1
for _ in range(20): spins(0.05); draws(0.03); faults(0.02)
"""


@pytest.mark.company
def test_in_and_out(run_keisoku: Run, report: Report, python: Interpreter) -> None:
    """What was interrupted in the kernel is told from Python."""
    python.since(3, 7, "thread_time")
    done = by_kernel(run_keisoku, report, python, "-c", IN_AND_OUT)
    ticks: Counter[tuple[str, bool]] = Counter()
    for sample in done.recording:
        for name in {name for name, _, _ in sample.stack} & {"spins", "draws", "faults"}:
            ticks[name, sample.state == "kernel"] += sample.ticks
    for name, kernel, share in (("spins", False, 0.97), ("draws", True, 0.97), ("faults", True, 0.3)):
        of = ticks[name, True] + ticks[name, False]
        assert of > 200 and ticks[name, kernel] > share * of, (name, ticks)


SPINS = """
import os, sys, time
for _ in range(os.sysconf("SC_NPROCESSORS_ONLN") - 1):
    if os.fork() == 0: break
end = time.time() + 2.5
while time.time() < end: sum(range(2000))
"""


def test_a_slow_clock_is_not_set_back(run_keisoku: Run, a_python: Interpreter) -> None:
    """Where no core is free the clocks take the samples; a low rate has as many as it should for its CPU time."""
    done = measured(run_keisoku, a_python, "-c", SPINS, options=(*KERNEL, "--rate", "40"), least=10)
    with sqlite3.connect(done.path) as database:
        (run_s,) = database.execute("SELECT sum(run_s) FROM threads").fetchone()
    due = 40 * run_s
    samples = sum(sample.ticks for sample in done.recording if sample.state in ON_CPU)
    assert samples > 0.75 * due - 3 * due**0.5, (samples, due)


def test_moves(run_keisoku: Run, a_python: Interpreter) -> None:
    """Only cores where the program runs are interrupted; one that it comes to later is, from that moment on."""
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one core")
    a_python.since(3, 3, "sched_setaffinity")
    done = measured(run_keisoku, a_python, PROGRAMS / "moves.py", "1.5", options=(*KERNEL, "--rate", "1000"))
    ticks: Counter[str] = Counter()
    ran: Counter[str] = Counter()
    for sample in done.recording:
        for name in {name for name, _, _ in sample.stack} & {"first", "second"}:
            ticks[name] += sample.ticks
            ran[name] += round(1e6 * sample.run_s)
    # Each sample stands for as much time as the others, whatever others did on the two cores meanwhile.
    each = {name: ran[name] / ticks[name] for name in ran}
    assert ticks["second"] > 50 and 0.6 < each["first"] / each["second"] < 1.6, (ticks, ran)


def test_refused(keisoku: str, a_python: Interpreter, tmp_path: Path) -> None:
    """Without the capabilities it says so and starts nothing."""

    def give_up_capabilities() -> None:
        for capability in (21, 38, 39):  # SYS_ADMIN, PERFMON, BPF
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP

    words = [keisoku, "run", *KERNEL, "--no-html", "-o", "x.kei", a_python.path, "-c", "print('started')"]
    done = subprocess.run(
        words, cwd=tmp_path, capture_output=True, text=True, timeout=30, preexec_fn=give_up_capabilities
    )
    assert done.returncode == 125 and done.stdout == "", done
    assert "--reader kernel cannot be used: " in done.stderr and not list(tmp_path.iterdir())


MARGIN_NS = 1_000_000  # of the real-time clock, and for the way from a clock's reading into a function


def test_stacks_of_waits_for_the_gil(run_keisoku: Run, report: Report, python: Interpreter) -> None:
    """Of a thread that did not have the GIL since its last wait, the stack is not read again: it must still be that
    one."""
    python.since(3, 8, "threading.get_native_id")
    if python.free_threaded:
        pytest.skip("no GIL to wait for")
    done = by_kernel(run_keisoku, report, python, PROGRAMS / "gil_turns.py", "2.5", "6", options=("--rate", "1000"))
    logs = {int(tid): [(int(ns), str(name)) for ns, name in log] for tid, log in json.loads(done.done.out).items()}
    with closing(sqlite3.connect(f"file:{done.path}?mode=ro", uri=True)) as connection:
        start_ns = connection.execute("SELECT value FROM meta WHERE key = 'start_unix_ns'").fetchone()[0]
        states = dict(connection.execute("SELECT id, name FROM state").fetchall())
        tids = dict(connection.execute("SELECT id, tid FROM thread").fetchall())
        chunks = connection.execute("SELECT data FROM sample_chunk ORDER BY id").fetchall()
    waits, wrong = 0, []
    for (data,) in chunks:
        for thread, time, stack, ticks, _, _, state, _ in decode_samples(data, set()):
            log = logs.get(tids[thread], [])
            at_ns = start_ns + time * 10_000
            number = bisect(log, (at_ns, "")) - 1
            if states[state] != "gil-wait" or stack == 0 or number < 0 or number + 1 >= len(log):
                continue
            if at_ns - log[number][0] < MARGIN_NS or log[number + 1][0] - at_ns < MARGIN_NS:
                continue
            waits += ticks
            innermost = bare(done.recording.stack(stack)[-1][0])
            if innermost not in (log[number][1], "turns"):
                wrong.append((innermost, log[number][1], at_ns - log[number][0]))
    assert waits > 1000
    never(wrong, f"of {waits} ticks of waits")
