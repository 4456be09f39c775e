"""An interpreter inside a server of another name: uWSGI, its master and workers, by attaching to the master."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import interpreters
import pytest
from support import Run, sql

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "truth"))
from recording import Recording  # noqa: E402

pytestmark = [pytest.mark.network]
TOP = Path(__file__).resolve().parent.parent.parent
PROGRAM = Path(__file__).resolve().parent / "programs" / "wsgi_app.py"
PINNED = "uwsgi==2.0.31"


@pytest.fixture(scope="module")
def uwsgi() -> tuple[str, str]:
    """The server, compiled for 3.11 into .cache, and the version inside it; half a minute of a core, once."""
    one = interpreters.interpreter("3.11")
    if one is None or not shutil.which("cc"):
        pytest.skip("needs Python 3.11 and a C compiler")
    key = hashlib.sha256((PINNED + one.version + one.path).encode()).hexdigest()[:10]
    folder = TOP / ".cache" / f"uwsgi-{key}"
    if not (folder / "complete").exists():
        if os.environ.get("KEISOKU_NO_INSTALL"):
            pytest.skip("KEISOKU_NO_INSTALL is set and uWSGI is not there yet")
        shutil.rmtree(folder, ignore_errors=True)
        for words in ([one.path, "-m", "venv", str(folder)], [f"{folder}/bin/pip", "install", "-q", PINNED]):
            done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=560)
            if done.returncode != 0:
                pytest.skip(f"uWSGI cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
        (folder / "complete").touch()
    return str(folder / "bin" / "uwsgi"), one.version


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def test_master_and_workers(run_keisoku: Run, uwsgi: tuple[str, str], tmp_path: Path) -> None:
    binary, version = uwsgi
    place = f"127.0.0.1:{free_port()}"
    words = [binary, "--master", "--processes", "2", "--http-socket", place, "--wsgi-file", str(PROGRAM), "--need-app"]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen([*words, "--die-on-term"], stdout=log, stderr=log)
    ask = f"http://{place}/"
    clients = []
    try:
        end = time.monotonic() + 30
        while True:
            try:
                assert urllib.request.urlopen(ask, timeout=10).read() == b"done"
                break
            except OSError:
                assert server.poll() is None and time.monotonic() < end, (tmp_path / "log").read_text()
                time.sleep(0.05)
        code = f"import urllib.request\nwhile True: urllib.request.urlopen({ask!r}, timeout=10).read()"
        clients = [subprocess.Popen(["python3", "-c", code], stderr=subprocess.DEVNULL) for _ in range(2)]
        done = run_keisoku("attach", server.pid, "--duration", "2s", "--no-html", "-o", "uwsgi.kei")
        assert done.status == 0, done.err
        assert server.poll() is None
    finally:
        for process in [*clients, server]:
            process.terminate()
            process.wait(20)
    found = sql(done.recording, "SELECT pid, python FROM processes WHERE python IS NOT NULL AND python != ''")
    assert {python for _, python in found} == {version}, found
    assert server.pid in {pid for pid, _ in found} and len(found) == 3, found
    where: dict[int, int] = {}
    for sample in Recording(done.recording):
        if [name for name, *_ in sample.stack][:2] == ["application", "crunch"]:
            where[sample.pid] = where.get(sample.pid, 0) + sample.ticks
    workers = {pid for pid, _ in found} - {server.pid}
    assert {pid for pid, ticks in where.items() if ticks > 5} == workers, (where, found)
