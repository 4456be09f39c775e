"""What README says of the program that is measured: nothing is written into it, no signal sent, no thread stopped. Seen
from outside, by every call that could, and from inside, by the program itself."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Set
from pathlib import Path

import pytest
from interpreters import Interpreter
from support import NeverError, sql

# Says "ready" and works in one thread and rests in another until its time is over or it reads a line; then tells which
# signals came and which tracers its threads had.
PROGRAM = """
import os, select, signal, sys, threading, time
came = []
for number in range(1, signal.NSIG):
    try:
        signal.signal(number, lambda number, frame: came.append(number))
    except (OSError, ValueError):
        pass
def rest():
    while True:
        time.sleep(0.001)
thread = threading.Thread(target=rest)
thread.daemon = True
thread.start()
tracers = set()
print("ready", flush=True)
end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end and not select.select([0], [], [], 0)[0]:
    for task in os.listdir("/proc/self/task"):
        with open("/proc/self/task/%s/status" % task) as status:
            tracers.update(line.split()[1] for line in status if line.startswith("TracerPid"))
    sum(range(20000))
print("signals", came, "tracers", sorted(tracers), flush=True)
os._exit(7)
"""
QUIET = "signals [] tracers ['0']\n"

WATCHED = (
    "ptrace,process_vm_writev,process_madvise,kill,tkill,tgkill,pidfd_send_signal,rt_sigqueueinfo,rt_tgsigqueueinfo,"
    "open,openat,openat2,creat,sched_setaffinity,sched_setscheduler,sched_setparam,sched_setattr,setpriority,ioprio_set,"
    "prlimit64,perf_event_open"
)
# Calls that have no harmless use on another process.
FORBIDDEN = re.compile(r"\b(ptrace|process_vm_writev|process_madvise)\(")
SIGNAL = re.compile(r"\b(kill|tkill|tgkill|pidfd_send_signal|rt_sigqueueinfo|rt_tgsigqueueinfo)\((.*)\)\s+=")
# Files by which the kernel writes to a process or stops it.
WRITING = re.compile(r"\b(open|openat|openat2|creat)\(.*(/proc/|/sys/fs/cgroup).*O_(WRONLY|RDWR)")
# Of another thread than the caller: what a thread may use, and for how long.
SETTING = re.compile(
    r"\b(?:sched_set\w+|setpriority|ioprio_set|prlimit64)\((?:\w*PRIO\w*_PROCESS, )?(\d+)\b(?!, RLIMIT_\w+, NULL)"
)
# A breakpoint in the program's code (uprobe) is an event of a kind that has no name of its own.
PROBE = re.compile(r"perf_event_open\(\{type=(?!PERF_TYPE_(SOFTWARE|HARDWARE|HW_CACHE|RAW)\b)")


def touches(line: str, threads: Set[str]) -> bool:
    sent = SIGNAL.search(line)
    if sent:
        return re.search(r"\bSIG[A-Z0-9_]+", sent[2]) is not None  # number 0 only asks whether it is there
    set_on = SETTING.search(line)
    if set_on:
        return set_on[1] in threads
    return any(pattern.search(line) for pattern in (FORBIDDEN, WRITING, PROBE))


Watch = Callable[..., tuple[int, list[str], str]]


@pytest.fixture
def watch(keisoku: str, tmp_path: Path) -> Watch:
    """watch('dump', pid, threads={...}) -> status, the calls that touch a process, what keisoku said."""
    strace = shutil.which("strace")
    if not strace:
        pytest.skip("strace is not installed")

    def run(*words: object, threads: Set[str] = frozenset()) -> tuple[int, list[str], str]:
        log = tmp_path / "calls"
        called = ",".join("?" + name for name in WATCHED.split(","))
        done = subprocess.run(
            [strace, "-f", "-qq", "-y", "-e", f"trace={called}", "-o", log, keisoku, *map(str, words)],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        if "PTRACE_TRACEME: Operation not permitted" in done.stderr:
            pytest.skip("this machine does not let strace trace")
        lines = log.read_text().splitlines()
        assert lines
        return done.returncode, [line for line in lines if touches(line, threads)], done.stderr

    return run


@pytest.fixture
def program(a_python: Interpreter) -> Iterator[subprocess.Popen[str]]:
    """The program, when it is ready."""
    words = [a_python.path, "-c", PROGRAM, "100"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def threads_of(pid: int) -> set[str]:
    return {path.name for path in Path(f"/proc/{pid}/task").iterdir()}


def samples(recording: Path) -> int:
    return int(sql(recording, "SELECT coalesce(sum(samples), 0) FROM sample_chunk")[0][0])


def end_of(program: subprocess.Popen[str]) -> str:
    out, _ = program.communicate("enough\n", timeout=60)
    assert program.returncode == 7
    return out


ATTACH = ("--duration", "700ms", "--no-html", "-o", "x.kei")


def test_the_watch_sees_a_stop(watch: Watch, program: subprocess.Popen[str]) -> None:
    """The reader that says it stops threads: both witnesses see it, so they would see it where it must not be."""
    status, found, said = watch("attach", program.pid, *ATTACH, "--reader", "stop", threads=threads_of(program.pid))
    assert status == 0, said
    assert any("ptrace(PTRACE_SEIZE" in line for line in found)
    assert "tracers ['0']" not in end_of(program)


@pytest.mark.parametrize(
    "line",
    [
        'openat(AT_FDCWD, "/proc/77/mem", O_RDWR|O_CLOEXEC) = 5',
        'openat(6</proc/77>, "mem", O_WRONLY) = 5',
        "tgkill(77, 78, SIGSTOP) = 0",
        "pidfd_send_signal(9<anon_inode:[pidfd]>, SIGUSR1, NULL, 0) = 0",
        "process_vm_writev(77, [{iov_base=0x1, iov_len=8}], 1, [], 1, 0) = 8",
        "sched_setaffinity(78, 128, [1]) = 0",
        "setpriority(PRIO_PROCESS, 78, 5) = 0",
        "perf_event_open({type=0x8 /* PERF_TYPE_??? */, size=0x88}, 78, -1, -1, PERF_FLAG_FD_CLOEXEC) = 5",
    ],
    ids=lambda line: line.partition("(")[0],
)
def test_the_watch_knows_a_touch(line: str) -> None:
    assert touches("123 " + line, {"77", "78"})


@pytest.mark.parametrize(
    "line",
    [
        'openat(AT_FDCWD, "/proc/77/mem", O_RDONLY|O_CLOEXEC) = 5',
        "kill(77, 0) = 0",
        "sched_setaffinity(0, 128, [1]) = 0",
        "prlimit64(77, RLIMIT_NOFILE, NULL, {rlim_cur=1024, rlim_max=4096}) = 0",
        "perf_event_open({type=PERF_TYPE_SOFTWARE, size=0x88}, 78, -1, -1, PERF_FLAG_FD_CLOEXEC) = 5",
    ],
    ids=lambda line: line.partition("(")[0],
)
def test_the_watch_knows_a_look(line: str) -> None:
    assert not touches("123 " + line, {"77", "78"})


def test_calls_of_run(watch: Watch, a_python: Interpreter, tmp_path: Path) -> None:
    code = "import time\nend = time.process_time() + 0.7\nwhile time.process_time() < end: sum(range(1000))"
    status, found, said = watch("run", "-o", "x.kei", a_python.path, "-c", code + "\nraise SystemExit(7)")
    assert status == 7, said
    assert found == []
    assert samples(tmp_path / "x.kei") > 0


def test_calls_of_attach(watch: Watch, program: subprocess.Popen[str], tmp_path: Path) -> None:
    status, found, said = watch("attach", program.pid, *ATTACH, threads=threads_of(program.pid))
    assert (status, found) == (0, []), said
    assert samples(tmp_path / "x.kei") > 0
    assert end_of(program) == QUIET


@pytest.mark.parametrize("words", [[], ["--native"]], ids=["dump", "dump --native"])
def test_calls_of_dump(watch: Watch, program: subprocess.Popen[str], words: list[str]) -> None:
    for _ in range(3):
        status, found, said = watch("dump", program.pid, "--json", *words, threads=threads_of(program.pid))
        assert (status, found) == (0, []), said
    assert end_of(program) == QUIET


def test_the_program_notices_nothing(keisoku: str, program: subprocess.Popen[str], tmp_path: Path) -> None:
    """Without another tool beside it, from its first look to the end of the recording."""
    attach = subprocess.Popen([keisoku, "attach", str(program.pid), "-q", *ATTACH], cwd=tmp_path)
    for _ in range(5):
        done = subprocess.run([keisoku, "dump", str(program.pid), "--json"], capture_output=True, timeout=60)
        assert done.returncode == 0 and len(json.loads(done.stdout)["threads"]) == 2
    assert attach.wait(60) == 0
    assert samples(tmp_path / "x.kei") > 0
    said = end_of(program)
    if said != QUIET:
        raise NeverError(said)


def test_a_program_that_is_started_notices_nothing(keisoku: str, a_python: Interpreter, tmp_path: Path) -> None:
    words = [keisoku, "run", "-q", "--no-html", "-o", "x.kei", a_python.path, "-c", PROGRAM, "1"]
    with subprocess.Popen(words, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        said = run.stdout.read()
    assert (run.returncode, said) == (7, "ready\n" + QUIET)
    assert samples(tmp_path / "x.kei") > 0
