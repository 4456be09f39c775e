"""The page in a real browser: browser.mjs drives Chromium once over pages with known numbers; each of its checks is a
test here. Screenshots are left in build/web-test/shots."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
BUILD = TOP / "build"
MAKE_PAGE = BUILD / "tests" / "web" / "make_page"
KINDS = ("orders", "threads", "phases", "hostile", "empty", "weak", "big")
RECORDINGS = ("hot-loop", "waits", "tasks", "work")
# Page → descriptions of the recordings of each side.
DIFFS = {
    "diff": (["diff-before"], ["diff-after"]),
    "diff-hostile": (["odd"], ["hot-loop"]),
    "diff-runs": (["diff-before"] * 3, ["diff-after"] * 2),
}
MAKE_RECORDING = BUILD / "tests" / "tools" / "make-recording"
NOT_BUILT = 77

# One browser for all of them.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]


def checks() -> list[str]:
    """The names in browser.mjs, those made in loops included."""
    text = (HERE / "browser.mjs").read_text()
    names = re.findall(r'^check\("([^"]+)"', text, re.MULTILINE)
    names += [
        f"{kind}: opens without an error, a policy violation or a request" for kind in (*KINDS, "tasks", "work", *DIFFS)
    ]
    names += [f"{kind}: the page's numbers are those of the JSON report" for kind in RECORDINGS]
    names += [
        f"damaged data ({what}) is one clear line" for what in ("cut short", "no base64", "no block", "another block")
    ]
    for scheme in ("light", "dark", "phone"):
        names += [
            f"{kind}, {scheme}: axe finds no violation"
            for kind in ("orders", "threads", "phases", "empty", "tasks", "work", "diff")
        ]
    return names


def make_pages(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        made = subprocess.run([MAKE_PAGE, kind], capture_output=True, timeout=120, check=False)
        if made.returncode == NOT_BUILT:
            pytest.skip(f"the page was not built: {made.stderr.decode().strip()}")
        assert made.returncode == 0, made.stderr.decode()
        (folder / f"{kind}.html").write_bytes(made.stdout)


def make_reports(keisoku: str, folder: Path) -> None:
    """The page and the JSON report of the same recording."""
    for name in RECORDINGS:
        paths = {ending: folder / f"{name}.{ending}" for ending in ("kei", "html", "json")}
        for path in paths.values():
            path.unlink(missing_ok=True)
        description = TOP / "tests" / "recordings" / f"{name}.txt"
        subprocess.run([MAKE_RECORDING, description, paths["kei"]], check=True, capture_output=True, timeout=60)
        report: list[str | Path] = [keisoku, "report", paths["kei"]]
        subprocess.run([*report, "--html", paths["html"]], check=True, capture_output=True, timeout=60)
        paths["json"].write_bytes(
            subprocess.run([*report, "--json"], check=True, capture_output=True, timeout=60).stdout
        )


def make_diffs(keisoku: str, folder: Path) -> None:
    for name, sides in DIFFS.items():
        paths = [[folder / f"{name}.{side}{i}.kei" for i in range(len(sides[side]))] for side in (0, 1)]
        outputs = [folder / f"{name}.{ending}" for ending in ("html", "json")]
        for path in (*paths[0], *paths[1], *outputs):
            path.unlink(missing_ok=True)
        for path, description in zip([*paths[0], *paths[1]], [*sides[0], *sides[1]], strict=True):
            source = TOP / "tests" / "recordings" / f"{description}.txt"
            subprocess.run([MAKE_RECORDING, source, path], check=True, capture_output=True, timeout=60)
        words: list[str | Path] = [
            keisoku,
            "diff",
            *paths[0],
            "--",
            *paths[1],
            "--html",
            outputs[0],
            f"--json={outputs[1]}",
        ]
        subprocess.run(words, check=True, capture_output=True, timeout=60)


def chromium() -> str:
    path = os.environ.get("KEISOKU_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    return path or pytest.skip("no Chromium (apt-get install chromium)")


def node() -> str:
    return shutil.which("node") or pytest.skip("no node (apt-get install nodejs npm)")


@pytest.fixture(scope="session")
def results(keisoku: str) -> dict[str, str]:
    if not MAKE_PAGE.exists():
        pytest.skip(f"{MAKE_PAGE} is not built")
    browser, script = chromium(), node()
    installed = subprocess.run(
        [script, "web/install.mjs", "--all"], cwd=TOP, capture_output=True, text=True, check=False
    )
    if installed.returncode != 0:
        pytest.skip(f"the browser driver cannot be installed: {installed.stderr.strip()}")
    pages, shots = BUILD / "web-test" / "pages", BUILD / "web-test" / "shots"
    make_pages(pages)
    make_reports(keisoku, pages)
    make_diffs(keisoku, pages)
    shots.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [script, str(HERE / "browser.mjs"), str(pages), str(shots), browser],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert isinstance(outcome, dict)
    return outcome


@pytest.mark.parametrize("name", checks())
def test_page(results: dict[str, str], name: str) -> None:
    assert name in results, f"browser.mjs has no check {name!r}"
    assert results[name] == "", results[name]


def test_every_check_is_a_test(results: dict[str, str]) -> None:
    assert set(results) == set(checks())
