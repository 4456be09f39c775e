"""Exports, golden files, and the readers that come from a registry or are a browser."""

from __future__ import annotations

import fcntl
import functools
import http.server
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support import TOP

GOLDEN = TOP / "tests" / "golden"
FIREFOX = "@firefox-devtools/profiler-cli@0.10.0"


def export(keisoku: str, recording: Path, name: str, *words: str, ending: str = "") -> Path:
    output = recording.parent / f"{recording.stem}{''.join(words)}.{ending or name}"
    command = [keisoku, "export", str(recording), "--format", name, *words, "-o", str(output)]
    subprocess.run(command, check=True, timeout=120, capture_output=True)
    return output


def check_golden(name: str, text: str) -> None:
    text = re.sub(r"keisoku [0-9]+\.[0-9]+\.[0-9]+", "keisoku VERSION", text)
    path = GOLDEN / name
    if os.environ.get("KEISOKU_GOLDEN") == "write":
        path.write_text(text)
    assert text == path.read_text()


def npm_reader(package: str, probe: str) -> Path:
    """A folder of an npm package's, installed under .cache/readers."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    folder = TOP / ".cache" / "readers" / package.replace("/", "+")
    wanted = folder / "node_modules" / probe
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:  # what another worker has begun is not complete
        fcntl.flock(lock, fcntl.LOCK_EX)
        if wanted.exists():
            return wanted
        words = ["npm", "install", "--no-save", "--ignore-scripts", "--prefix", str(folder), package]
        done = subprocess.run(words, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            pytest.skip(f"the registry did not give {package}: {done.stderr.strip()[-200:]}")
    return wanted


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def served_folder(folder: Path) -> Iterator[str]:
    """The address of a server of that folder."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


def page_in_browser(address: str, wanted: str, folder: Path) -> str:
    """The page's document when `wanted` stands in it, or the last one seen."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no chromium on this machine")
    words = [browser, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/browser"]
    words += ["--virtual-time-budget=10000", "--dump-dom", address]
    dom = ""
    for _ in range(4):  # the page loads in real time, the budget is of virtual time: a busy machine is too slow
        dom = subprocess.run(words, capture_output=True, text=True, timeout=120).stdout
        if wanted in dom:
            break
    return dom


@contextmanager
def firefox_profiler(path: Path, folder: Path) -> Iterator[Callable[..., str]]:
    """Asks the viewer's own command line, which has loaded the file."""
    program = npm_reader(FIREFOX, "@firefox-devtools/profiler-cli/dist/profiler-cli.js")
    env = {
        **os.environ,
        "PROFILER_CLI_SESSION_DIR": str(folder / "sessions"),
        "PROFILER_CLI_LOAD_TIMEOUT_MS": "60000",
        "PROFILER_CLI_NO_SYMBOLICATE": "1",
    }

    def ask(*words: str) -> str:
        command = ["node", str(program), *words]
        for _ in range(8):  # its server is given half a second to start, which a busy machine passes
            done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=120)
            if "did not become ready" not in done.stderr:
                break
            time.sleep(1)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    profile = folder / "exports.json"
    shutil.copy(path, profile)
    try:
        ask("load", str(profile))
        yield ask
    finally:
        ask("stop", "--all")
