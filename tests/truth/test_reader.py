"""What the reader sees from outside equals what the program says of itself: functions, files and exact lines."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from interpreters import Interpreter
from recording import Recording
from support import Run

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
BUILD = Path(os.environ.get("KEISOKU_BINARY", TOP / "build" / "cli" / "keisoku")).resolve().parent.parent
CHECK = BUILD / "tests" / "truth" / "reader_check"
PROGRAMS = HERE / "programs"
Threads = dict[int, dict[str, object]]


@contextmanager
def running(
    command: list[str], ready: Path, limit: float = 60, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
    try:
        end = time.monotonic() + limit
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > end:
                process.kill()
                pytest.fail(f"the target did not get ready: {process.communicate()[1].decode(errors='replace')}")
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.communicate()


def stacks(python: Interpreter) -> Path:
    return PROGRAMS / ("stacks.py" if python.minor >= (3, 0) else "stacks_2.py")


def parked(python: Interpreter, truth: Path, *names: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """The program that parks threads, once it has written down their stacks."""
    environment = {**os.environ, **python.environment}
    return running([python.path, str(stacks(python)), str(truth), *names], truth, environment=environment)


def check(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(CHECK), *map(str, arguments)], capture_output=True, text=True, timeout=120)


def visible(text: str) -> str:
    """Control characters as the checker shows them."""
    return "".join(f"\\x{ord(c):02X}" if ord(c) < 32 or ord(c) == 127 else c for c in text)


def seen_threads(text: str) -> Threads:
    result: Threads = {}
    frames: list[object] = []
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "thread":
            tid, _gil, name = rest.split(" ", 2)
            frames = []
            result[int(tid)] = {"name": name, "frames": frames}
        elif word == "frame":
            number, *others = rest.split("\t")
            frames.append([others[0], int(number), others[2]] if len(others) == 3 else rest)
    return result


def true_threads(path: Path) -> Threads:
    truth = json.loads(path.read_text())
    for thread in truth.values():
        thread["frames"] = [[visible(name), line or 0, visible(file)] for name, line, file in thread["frames"]]
    return {int(tid): thread for tid, thread in truth.items()}


def compare(pid: int, truth: Threads) -> str:
    done = check(pid)
    assert done.returncode == 0, done.stderr
    seen = seen_threads(done.stdout)
    assert truth, "no thread to compare"
    for tid, true in truth.items():
        assert seen.get(tid) == true, f"thread {true['name']!r}"
    return done.stdout


def test_stacks_of_all_kinds(python: Interpreter, tmp_path: Path) -> None:
    with parked(python, tmp_path / "truth.json") as process:
        truth = true_threads(tmp_path / "truth.json")
        assert len(truth) > (30 if python.minor >= (3, 0) else 25)
        out = compare(process.pid, truth)
    assert out.startswith(f"python {python.version}"), out[:60]


def test_sixty_four_threads(python: Interpreter, tmp_path: Path) -> None:
    names = [f"pool {i}" for i in range(64)]
    with parked(python, tmp_path / "truth.json", *names) as process:
        truth = true_threads(tmp_path / "truth.json")
        compare(process.pid, truth)
    assert sorted(str(thread["name"]) for thread in truth.values()) == sorted([*names, "MainThread"])


BUSY = """
import sys, threading
def leaf(n):
    return n + 1
def middle(n):
    for value in (leaf(m) for m in range(3)):
        n += value
    return sorted([n, 1], key=lambda v: leaf(v))[0]
class Thing:
    def __init__(self, n):
        self.n = middle(n)
def down(n):
    return Thing(n).n if n == 0 else down(n - 1)
open(sys.argv[1], "w").close()
while True:
    down(30)
"""


def test_a_running_thread_is_survived(python: Interpreter, tmp_path: Path) -> None:
    """Whatever is read of a running thread, reading ends, and most of it is a stack."""
    with running([python.path, "-c", BUSY, str(tmp_path / "ready")], tmp_path / "ready") as process:
        done = check(process.pid, "bench", 20000, process.pid)
    assert done.returncode == 0, done.stderr
    words = done.stdout.splitlines()[0].split()
    numbers = dict(zip(words[1::2], map(float, words[2::2])))
    assert numbers["ok"] + numbers["unreadable"] + numbers["invalid"] == 20000
    assert numbers["ok"] > 10000


STATES = """
import gc, sys, threading, time
keep = [[i] for i in range(1000000)] if sys.argv[1] == "gc" else None
def spin():
    while True:
        if sys.argv[1] == "sleep":
            time.sleep(100)
        if keep:
            gc.collect()
if sys.argv[1] == "fight":
    for _ in range(3):
        thread = threading.Thread(target=spin)
        thread.daemon = True
        thread.start()
open(sys.argv[2], "w").close()
spin()
"""


def shares(
    python: Interpreter, mode: str, ready: Path, program: str = STATES, environment: dict[str, str] | None = None
) -> dict[str, float]:
    """Shares of readings of the main thread that found it holding the GIL, collecting, waiting for the GIL and so on."""
    environment = {**os.environ, **(environment or {})}
    with running([python.path, "-c", program, mode, str(ready)], ready, environment=environment) as process:
        time.sleep(0.1)
        done = check(process.pid, "bench", 40000, process.pid)
    assert done.returncode == 0, done.stderr
    words = done.stdout.splitlines()[-1].split()
    return dict(zip(words[1::2], map(float, words[2::2]), strict=True))


def test_holding_and_waiting_for_the_gil(python: Interpreter, tmp_path: Path) -> None:
    environment = {"PYTHON_GIL": "1"}  # for a free-threaded build, which has one where it is asked for
    nothing = {"gil": 0, "gc": 0, "waits": 0, "attached": 0, "exception": 0}
    assert shares(python, "sleep", tmp_path / "sleep", environment=environment) == nothing
    assert shares(python, "alone", tmp_path / "alone", environment=environment) == {**nothing, "gil": 1}
    for attempt in range(3):  # on a busy machine it may stand still all the while
        fight = shares(python, "fight", tmp_path / f"fight{attempt}", environment=environment)
        if fight["waits"] > 0:
            break
    assert fight["gil"] < 1 and fight["gc"] == 0 and fight["waits"] > 0 and fight["attached"] == 0


def test_threads_without_a_gil(python: Interpreter, tmp_path: Path) -> None:
    if not python.free_threaded:
        pytest.skip(f"Python {python.name} has a GIL")
    nothing = {"gil": 0, "gc": 0, "waits": 0, "attached": 0, "exception": 0}
    assert shares(python, "sleep", tmp_path / "sleep") == nothing
    for mode in ("alone", "fight"):
        assert shares(python, mode, tmp_path / mode) == {**nothing, "attached": 1}


def test_a_collection_is_seen(python: Interpreter, tmp_path: Path) -> None:
    seen = shares(python, "gc", tmp_path / "gc")
    assert seen["gil"] + seen["attached"] == 1 and seen["gc"] > 0.1 and seen["waits"] == 0


EXCEPTIONS = """
import sys
mode = sys.argv[1]
def spin():
    open(sys.argv[2], "w").close()
    while True:
        pass
def fail():
    raise ValueError
def generator():
    try:
        fail()
    except ValueError:
        yield 1
        if mode == "in a generator":
            spin()
        yield 2
def handle():
    try:
        fail()
    except ValueError:
        if mode == "handling":
            spin()
    if mode == "after":
        spin()
if mode.endswith("a generator"):
    values = generator()
    next(values)
    if mode == "in a generator":
        next(values)
elif mode != "never":
    handle()
spin()
"""


@pytest.mark.parametrize("mode", ["handling", "in a generator", "outside of a generator", "after", "never"])
def test_exceptions_are_marked(python: Interpreter, tmp_path: Path, mode: str) -> None:
    """While one is handled, and not before or after; one that a suspended generator handles is nobody's."""
    python.since(3, 6, "end of what it handles before the function's")
    seen = shares(python, mode, tmp_path / "ready", EXCEPTIONS)
    assert seen["exception"] == (mode in ("handling", "in a generator")), seen


INTERPRETERS = """
import sys, threading, time
try:
    import _xxsubinterpreters as interpreters
except ImportError:
    import _interpreters as interpreters
CODE = '''
import time
def inside():
    open({path!r}, "w").close()
    time.sleep(1000)
inside()
'''
def outside(path):
    made = interpreters.create()
    (getattr(interpreters, "run_string", None) or interpreters.exec)(made, CODE.format(path=path))
for i in range(3):
    threading.Thread(target=outside, args=(sys.argv[1] + str(i),), name="outside " + str(i), daemon=True).start()
time.sleep(1000)
"""


def test_several_interpreters(python: Interpreter, tmp_path: Path) -> None:
    """A thread with a state in two interpreters shows both, under one name."""
    python.since(3, 8, "module for interpreters")
    with running([python.path, "-c", INTERPRETERS, str(tmp_path / "ready")], tmp_path / "ready2") as process:
        while not all((tmp_path / f"ready{i}").exists() for i in range(3)):
            time.sleep(0.02)
        time.sleep(0.1)
        done = check(process.pid)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert sum("\tinside\t" in line for line in lines) == 3
    assert sum("\toutside\t" in line for line in lines) == 3
    for i in range(3):
        assert sum(line.startswith("thread ") and line.endswith(f" outside {i}") for line in lines) == 2


LIBRARY = """
from __future__ import print_function
import binascii, dis, glob, os, sys, types
version = sys.version_info[:2]
def codes(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            for inner in codes(constant):
                yield inner
def truth(code):
    size = len(code.co_code)
    result = [0] * ((size + 1) // 2)
    if version >= (3, 10):
        for start, end, line in code.co_lines():
            result[start // 2:(end + 1) // 2] = [line or 0] * ((end + 1) // 2 - start // 2)
        if version >= (3, 11):
            for i, (line, end_line, column, end_column) in enumerate(code.co_positions()):
                if line and None not in (end_line, column, end_column):
                    result[i] = "%d:%d:%d:%d" % (line, end_line, column, end_column)
    else:
        starts = dict(dis.findlinestarts(code))
        line = code.co_firstlineno
        for offset in range(size):
            line = starts.get(offset, line)
            if offset % 2 == 0:
                result[offset // 2] = line
    return result
tables, lines = open(sys.argv[1], "w"), open(sys.argv[2], "w")
for path in sorted(glob.glob(os.path.join(os.path.dirname(os.__file__), "*.py"))):
    if not os.path.exists(path):
        continue  # a link that leads nowhere
    with open(path, "rb") as file:
        for code in codes(compile(file.read(), path, "exec", 0, True)):
            table = code.co_lnotab if version < (3, 10) else code.co_linetable
            kind = sum(version >= since for since in ((3, 6), (3, 10), (3, 11)))
            print(kind, code.co_firstlineno, len(code.co_code), binascii.hexlify(table).decode(), file=tables)
            print(*truth(code), file=lines)
"""


def test_lines_of_the_standard_library(python: Interpreter, tmp_path: Path) -> None:
    """The line of every instruction of every function of the library's top folder."""
    tables, lines = tmp_path / "tables", tmp_path / "lines"
    subprocess.run([python.path, "-c", LIBRARY, tables, lines], check=True, stderr=subprocess.DEVNULL)
    with tables.open() as file:
        done = subprocess.run([str(CHECK), "lines"], stdin=file, capture_output=True, text=True, timeout=120)
    seen, true = done.stdout.splitlines(), lines.read_text().splitlines()
    assert len(seen) == len(true) > 3000
    wrong = [(a, b) for a, b in zip(seen, true) if a.split() != b.split()]
    assert not wrong, f"{len(wrong)} of {len(true)} functions, for example {wrong[0]}"


EMBED = r"""
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv)
{
    void *library = argc > 2 ? dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL) : NULL;
    if (!library)
        return fprintf(stderr, "%s\n", dlerror()), 1;
    remove(argv[1]);
    void (*start)(int) = (void (*)(int))dlsym(library, "Py_InitializeEx");
    int (*execute)(const char *) = (int (*)(const char *))dlsym(library, "PyRun_SimpleString");
    start(0);
    return execute(argv[2]);
}
"""


@pytest.mark.parametrize("symbols", ["all", "exported"])
def test_embedded_in_a_program_with_a_deleted_library(python: Interpreter, tmp_path: Path, symbols: str) -> None:
    """An interpreter inside a program of another name, whose library file is gone from the disk, also without the
    symbols that it does not export."""
    compiler = shutil.which("cc")
    strip = shutil.which("strip")
    library, prefix = library_of(python)
    if not compiler or not library:
        pytest.skip("needs a C compiler and a shared libpython")
    (tmp_path / "embed.c").write_text(EMBED)
    subprocess.run([compiler, "-o", tmp_path / "embed", tmp_path / "embed.c", "-ldl"], check=True)
    copied = tmp_path / "renamed.so"
    shutil.copy(library, copied)
    if symbols == "exported":
        if not strip:
            pytest.skip("needs strip")
        subprocess.run([strip, copied], check=True)
    program = (
        f"import sys; sys.argv = ['x', {str(tmp_path / 'truth.json')!r}, 'deep 20', 'generators', 'constructor']\n"
    )
    program += f"exec(compile(open({str(stacks(python))!r}).read(), {str(stacks(python))!r}, 'exec'))"
    path = f"{PROGRAMS}:{python.environment.get('PYTHONPATH', '')}"
    environment = {**os.environ, "PYTHONHOME": prefix, "PYTHONPATH": path}
    command = [str(tmp_path / "embed"), str(copied), program]
    with running(command, tmp_path / "truth.json", environment=environment) as process:
        assert not copied.exists()
        compare(process.pid, true_threads(tmp_path / "truth.json"))


def library_of(python: Interpreter) -> tuple[Path | None, str]:
    """The shared libpython, if there is one, and the interpreter's home."""
    code = "import sysconfig, sys; v = sysconfig.get_config_vars(); "
    code += "print('%s\\n%s\\n%s' % (v.get('LIBDIR'), v.get('INSTSONAME'), getattr(sys, 'base_prefix', sys.prefix)))"
    done = subprocess.run([python.path, "-c", code], capture_output=True, text=True)
    if done.returncode != 0:  # a debug build without its own sysconfig
        return None, ""
    folder, name, prefix = done.stdout.split("\n")[:3]
    library = Path(folder) / name
    return (library if ".so" in name and library.exists() else None), prefix


def table_in(data: bytes | bytearray, python: Interpreter) -> int:
    """Where the table of offsets is in a file: its mark may be a text elsewhere, too."""
    code = "import sys; print(sys.hexversion)"
    version = int(subprocess.run([python.path, "-c", code], capture_output=True, check=True).stdout)
    return data.index(b"xdebugpy" + version.to_bytes(8, "little"))


def patched_runtime(python: Interpreter, folder: Path, word: int, value: int) -> tuple[str, dict[str, str]]:
    """A copy of the interpreter in whose table of offsets one 64-bit word is another; how to start it."""
    library, prefix = library_of(python)
    source = Path(python.path)
    data = bytearray(source.read_bytes())
    if b"xdebugpy" not in data:
        assert library
        source = library
        data = bytearray(source.read_bytes())
    at = table_in(data, python) + 8 * word
    data[at : at + 8] = value.to_bytes(8, "little")
    copied = folder / source.name
    copied.write_bytes(data)
    copied.chmod(0o755)
    environment = {**os.environ, "PYTHONHOME": prefix}
    if source == Path(python.path):
        return str(copied), environment
    return python.path, {**environment, "LD_PRELOAD": str(copied)}


def has_table(python: Interpreter) -> bool:
    return python.minor >= (3, 13)


def test_an_unknown_newer_version_is_read_when_it_makes_sense(python: Interpreter, tmp_path: Path) -> None:
    if python.minor < (3, 15):
        pytest.skip("the newest row is 3.15: only its table can be taken for a newer version's")
    start, environment = patched_runtime(python, tmp_path, 1, 3 << 24 | 16 << 16 | 0xF0)
    command = [start, str(stacks(python)), str(tmp_path / "truth.json"), "deep 20", "generators", "through C"]
    with running(command, tmp_path / "truth.json", environment=environment) as process:
        out = compare(process.pid, true_threads(tmp_path / "truth.json"))
    assert out.startswith("python 3.16.0 (unknown)"), out[:60]


def test_an_unknown_newer_version_is_measured_with_a_note(
    python: Interpreter, run_keisoku: Run, tmp_path: Path
) -> None:
    """As one runs it: from its first instruction, and joined later."""
    if python.minor < (3, 15):
        pytest.skip("the newest row is 3.15: only its table can be taken for a newer version's")
    start, environment = patched_runtime(python, tmp_path, 1, 3 << 24 | 16 << 16 | 0xF0)
    settings = [f"{name}={environment[name]}" for name in ("PYTHONHOME", "LD_PRELOAD") if name in environment]
    code = (
        "import time\ndef work():\n    end = time.process_time() + 1\n    while time.process_time() < end: pass\nwork()"
    )
    done = run_keisoku("run", "--no-html", "-o", "x.kei", "env", *settings, start, "-c", code)
    assert done.status == 0, done.err
    assert "Python 3.16.0 is newer than this keisoku knows" in run_keisoku("report", "x.kei").out
    seen = Recording(tmp_path / "x.kei").ticks_by_function()
    assert seen["work"] > 100, seen


def test_an_unknown_version_that_makes_no_sense_is_refused(
    python: Interpreter, run_keisoku: Run, tmp_path: Path
) -> None:
    if not has_table(python):
        pytest.skip("has no table of offsets")
    newer = 3 << 24 | 16 << 16 | 0xF0
    if python.minor >= (3, 15):
        start, environment = patched_runtime(python, tmp_path, 1, newer)
        data = bytearray(Path(environment.get("LD_PRELOAD", start)).read_bytes())
        at = data.index(b"xdebugpy" + newer.to_bytes(8, "little")) + 8 * 3
        data[at + 16 : at + 24] = (48).to_bytes(8, "little")  # the list of interpreters, elsewhere
        Path(environment.get("LD_PRELOAD", start)).write_bytes(data)
    else:
        start, environment = patched_runtime(python, tmp_path, 1, newer)  # another order than 3.15's
    ready = tmp_path / "ready"
    program = "import sys, time; open(sys.argv[1], 'w').close(); time.sleep(100)"
    with running([start, "-c", program, str(ready)], ready, environment=environment) as process:
        done = check(process.pid)
        refused = run_keisoku("attach", process.pid, "--duration", "1s", "-o", "x.kei")
    assert done.returncode == 1
    assert "3.16.0" in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert refused.status == 2, refused
    assert "Python 3.16.0" in refused.err and refused.err.count("\n") == 1, refused.err
    assert not (tmp_path / "x.kei").exists()


def test_no_python(tmp_path: Path) -> None:
    process = subprocess.Popen(["sleep", "100"])
    try:
        time.sleep(0.1)
        done = check(process.pid)
    finally:
        process.kill()
        process.wait()
    assert done.returncode == 1
    assert f"no Python interpreter found in process {process.pid}" in done.stderr


def test_a_process_that_is_gone() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    done = check(process.pid)
    assert done.returncode == 1
    assert str(process.pid) in done.stderr


def test_a_process_that_has_ended_but_is_not_collected() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    done = check(process.pid)
    process.wait()
    assert done.returncode == 1
    assert f"process {process.pid} has ended" in done.stderr
    assert "perhaps later" not in done.stderr
