"""A measured program is the program: its streams, arguments, directory, names and end are its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import zipapp
from pathlib import Path

import pytest
from interpreters import Interpreter
from support import Run

ENDS = [
    ("pass", 0),
    ("raise SystemExit(3)", 3),
    ("raise SystemExit('text')", 1),
    ("raise ValueError(1)", 1),
    ("import os; os._exit(77)", 77),
    ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", 139),
    ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 137),
    ("import os; os.abort()", 134),
]


@pytest.mark.parametrize(("code", "status"), ENDS, ids=[code[:30] for code, _ in ENDS])
def test_exit_status(run_keisoku: Run, a_python: Interpreter, code: str, status: int) -> None:
    program = "import time, resource\nresource.setrlimit(resource.RLIMIT_CORE, (0, 0))\ntime.sleep(0.2)\n" + code
    assert run_keisoku("run", "-q", a_python.path, "-c", program).status == status


def test_every_interpreter_keeps_its_status(run_keisoku: Run, python: Interpreter) -> None:
    done = run_keisoku("run", python.path, "-c", "import time; time.sleep(0.3); raise SystemExit(21)")
    assert done.status == 21
    assert done.recording.exists(), done.err


TELL = """
import json, os, sys
data = sys.stdin.buffer.read()
sys.stdout.buffer.write(b"\\x00\\xff" + data + b"no newline at the end")
sys.stdout.flush()
sys.stderr.write("to standard error\\n")
facts = {"argv": sys.argv, "cwd": os.getcwd(), "name": __name__, "path0": sys.path[0], "file": globals().get("__file__"),
         "executable": sys.executable, "environment": sorted(os.environ), "flags": str(sys.flags),
         "fds": sorted(os.listdir("/proc/self/fd"))[:-1], "main": sorted(vars(sys.modules["__main__"])),
         "mask": [line for line in open("/proc/self/status") if line.startswith(("SigBlk", "SigIgn"))],
         "affinity": sorted(os.sched_getaffinity(0)), "nice": os.nice(0), "group": os.getpgrp() == os.getpgid(os.getppid())}
json.dump(facts, open(os.environ["FACTS"], "w"))
"""


def facts_of(words: list[str], folder: Path, name: str) -> tuple[dict[str, object], bytes, int]:
    env = {**os.environ, "FACTS": str(folder / name)}
    done = subprocess.run(words, cwd=folder, env=env, input=b"\x01\x02in\n", capture_output=True, timeout=60)
    return json.loads((folder / name).read_text()), done.stdout, done.returncode


@pytest.fixture
def program(tmp_path: Path, a_python: Interpreter) -> Path:
    (tmp_path / "tell.py").write_text(TELL)
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__main__.py").write_text(TELL)
    source = tmp_path / "zipped"
    source.mkdir()
    (source / "__main__.py").write_text(TELL)
    zipapp.create_archive(source, tmp_path / "app.pyz", interpreter=a_python.path)
    return tmp_path


FORMS = {
    "script": ["tell.py", "a", "", "b c", "--rate", "-x"],
    "module": ["-m", "tell", "--rate", "0"],
    "package": ["-m", "package", "x"],
    "code": ["-c", TELL, "-o", "y"],
    "folder": ["package", "1"],
    "zipapp": ["app.pyz", "2"],
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("named", [True, False], ids=["interpreter named", "found"])
def test_nothing_differs(
    keisoku: str, a_python: Interpreter, program: Path, monkeypatch: pytest.MonkeyPatch, form: str, named: bool
) -> None:
    words = FORMS[form]
    if not named:
        tools = program / "tools"
        tools.mkdir()
        (tools / "python3").symlink_to(a_python.path)
        monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
        monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    interpreter = [a_python.path] if named else []
    plain = [a_python.path] if named else [str(program / "tools" / "python3")]
    expected, expected_out, expected_status = facts_of([*plain, *words], program, "plain")
    got, out, status = facts_of([keisoku, "run", "-q", "--no-html", *interpreter, *words], program, "measured")
    expected["group"] = got["group"]  # the shell's child is in our group there
    assert got == expected
    assert out == expected_out
    assert status == expected_status


def test_standard_input_as_the_program(run_keisoku: Run, a_python: Interpreter, tmp_path: Path) -> None:
    (tmp_path / "python3").symlink_to(a_python.path)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "VIRTUAL_ENV": ""}
    code = "import sys, time\ntime.sleep(0.3)\nprint(__name__, sys.argv)\n"
    done = run_keisoku("run", "-", "x", env=env, input=code)
    assert done.out == "__main__ ['-', 'x']\n"
    assert done.status == 0
    assert done.recording.name.startswith("stdin.")


NAMES = {
    "app.py": "app",
    "-m timeit -n1 -r1 -s import&time time.sleep(.2)": "timeit",
    "-c import&time;time.sleep(.2)": "c",
}


@pytest.mark.parametrize("words", NAMES)
def test_names_of_the_files(run_keisoku: Run, tmp_path: Path, words: str) -> None:
    (tmp_path / "app.py").write_text("import time; time.sleep(0.2)\n")
    done = run_keisoku("run", *(word.replace("&", " ") for word in words.split(" ")))
    assert done.status == 0, done.err
    stem, pid, ending = done.recording.name.split(".")
    assert (stem, ending) == (NAMES[words], "kei")
    assert int(pid) > 1
    assert done.page.name == f"{stem}.{pid}.html"


def test_streams_are_untouched(keisoku: str, a_python: Interpreter, tmp_path: Path) -> None:
    """Byte for byte: 3 MB through a pipe while being measured, standard error too."""
    program = (
        "import os\nfor i in range(3000):\n    os.write(1, bytes([i % 256]) * 1024)\n    os.write(2, b'e%d\\n' % i)\n"
    )
    words = [keisoku, "run", "-q", "--no-html", a_python.path, "-c", program]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, timeout=120)
    assert done.stdout == b"".join(bytes([i % 256]) * 1024 for i in range(3000))
    assert done.stderr == b"".join(b"e%d\n" % i for i in range(3000))


def test_the_screen_comes_after_the_program(run_keisoku: Run, a_python: Interpreter) -> None:
    code = "import sys, time; time.sleep(0.4); sys.stderr.write('last words\\n')"
    done = run_keisoku("run", a_python.path, "-c", code)
    assert done.err.startswith("last words\n")
    assert "keisoku" in done.err.split("last words\n")[1]
    assert done.out == ""


def test_verbose_and_quiet(run_keisoku: Run, a_python: Interpreter) -> None:
    code = "import time; time.sleep(0.3)"
    assert run_keisoku("run", "-q", a_python.path, "-c", code).err == ""
    loud = run_keisoku("run", "-v", "--json", "out.json", a_python.path, "-c", code)
    assert "out.json" in loud.err


def test_default_signals_of_the_program(keisoku: str, a_python: Interpreter, tmp_path: Path) -> None:
    """A shell under us dies of a broken pipe as it does without us."""
    script = "trap '' TERM; yes | head -1 >/dev/null; kill -PIPE $$; echo survived"
    plain = subprocess.run(["sh", "-c", script], capture_output=True, timeout=30)
    done = subprocess.run([keisoku, "run", "-q", "sh", "-c", script], cwd=tmp_path, capture_output=True, timeout=30)
    assert plain.returncode == -signal.SIGPIPE
    assert done.returncode == 128 + signal.SIGPIPE
    assert done.stdout == plain.stdout
