"""Foreign formats: golden files of one recording that has everything, and readers that we did not write.

KEISOKU_GOLDEN=write makes the golden files anew; look at the difference before keeping it.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from made import check_golden, export, npm_reader, page_in_browser, served_folder
from support import Run, make_recording

SPEEDSCOPE = "speedscope@1.25.0"
# Wall seconds of each thread of tests/recordings/exports.txt, idle workers left out.
WALL = {"300/MainThread": 4.0, "300/thread 310": 4.0, "301/a;b-ü": 4.0}


@pytest.fixture(scope="module")
def recording(keisoku: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_recording(keisoku, "exports", tmp_path_factory.mktemp("exports") / "exports.kei")


@pytest.fixture(scope="module")
def exported(keisoku: str, recording: Path) -> dict[str, Path]:
    """Format → file."""
    endings = {"collapsed": "txt", "speedscope": "json", "pprof": "pb.gz"}
    return {name: export(keisoku, recording, name, ending=ending) for name, ending in endings.items()}


# ---- collapsed -------------------------------------------------------------------------------------------------------


def test_collapsed_golden(exported: dict[str, Path], run_keisoku: Run, recording: Path) -> None:
    check_golden("exports.collapsed.txt", exported["collapsed"].read_text())
    done = run_keisoku("export", recording, "--format", "collapsed", "--clock", "cpu")
    check_golden("exports-cpu.collapsed.txt", done.out)


def test_collapsed_grammar(exported: dict[str, Path]) -> None:
    """Frames parted by semicolons, one blank, a whole weight; the sums are the threads' times."""
    sums: dict[str, float] = defaultdict(float)
    for line in exported["collapsed"].read_text().splitlines():
        assert re.fullmatch(r"[^;]+(;[^;]+)+ [1-9][0-9]*", line), line
        stack, weight = line.rsplit(" ", 1)
        sums[stack.split(";")[0]] += int(weight) / 1e6
    assert {name.replace(";", ":"): wall for name, wall in WALL.items()} == pytest.approx(sums, abs=1e-5)


def test_filters(run_keisoku: Run, recording: Path) -> None:
    def heads(*words: object) -> set[str]:
        done = run_keisoku("export", recording, "--format", "collapsed", *words)
        assert done.status == 0, done.err
        return {line.split(";")[0] for line in done.out.splitlines()}

    assert heads("--process", 301) == {"a:b-ü"}
    assert heads("--thread", 310) == {"thread 310"}
    # The worker idles all through that stretch, so one process is left.
    assert heads("--from", "3.6s", "--to", "3.9s") == {"MainThread", "thread 310"}
    for words in (("--process", 999), ("--thread", 999)):
        done = run_keisoku("export", recording, "--format", "collapsed", *words)
        assert done.status == 2
        assert "999" in done.err and "30" in done.err


# ---- speedscope ------------------------------------------------------------------------------------------------------


def test_speedscope_golden(exported: dict[str, Path]) -> None:
    check_golden("exports.speedscope.json", exported["speedscope"].read_text())


def test_speedscope_sums(exported: dict[str, Path]) -> None:
    file = json.loads(exported["speedscope"].read_text())
    count = len(file["shared"]["frames"])
    for profile in file["profiles"]:
        assert len(profile["samples"]) == len(profile["weights"])
        assert sum(profile["weights"]) == profile["endValue"] - profile["startValue"]
        assert profile["endValue"] / 1e9 == pytest.approx(WALL[profile["name"]], abs=1e-5)
        assert all(0 <= frame < count for sample in profile["samples"] for frame in sample)
    assert {profile["name"] for profile in file["profiles"]} == set(WALL)


@pytest.fixture(scope="session")
def speedscope(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """speedscope's released page with its published schema, from the npm registry."""
    page = npm_reader(SPEEDSCOPE, "speedscope/dist/release")
    copy = tmp_path_factory.mktemp("speedscope") / "page"
    shutil.copytree(page, copy)
    return copy


@pytest.mark.network
def test_speedscope_schema(speedscope: Path, exported: dict[str, Path]) -> None:
    schema = json.loads((speedscope / "file-format-schema.json").read_text())
    file = json.loads(exported["speedscope"].read_text())
    jsonschema.validate(file, schema)
    file["profiles"][0]["unit"] = "fortnights"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(file, schema)


@pytest.fixture
def served(speedscope: Path) -> Iterator[str]:
    with served_folder(speedscope) as address:
        yield address


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.parametrize("name", ["speedscope", "collapsed", "pprof"])
def test_speedscope_reads_it(
    served: str, speedscope: Path, exported: dict[str, Path], tmp_path: Path, name: str
) -> None:
    """Its importer takes all three formats; the sandwich table then lists our functions."""

    def table(file: Path, wanted: str) -> str:
        shutil.copy(file, speedscope / file.name)
        address = f"{served}/index.html#profileURL={served}/{file.name}&view=sandwich"
        return page_in_browser(address, wanted, tmp_path)

    dom = table(exported[name], "parse")
    assert "Server.serve" in dom and "parse" in dom, dom[-3000:]
    # The control: what we look for comes from our file.
    other = tmp_path / "other.txt"
    other.write_text("MainThread;something else (x.py:1) 10\n")
    dom = table(other, "something else")
    assert "something else" in dom and "Server.serve" not in dom


# ---- pprof -----------------------------------------------------------------------------------------------------------


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at


def fields(data: bytes) -> list[tuple[int, Any]]:
    """The fields of one protobuf message: (number, integer or bytes)."""
    found: list[tuple[int, Any]] = []
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        value: Any
        if key & 7 == 0:
            value, at = varint(data, at)
        else:
            assert key & 7 == 2, key
            size, at = varint(data, at)
            value, at = data[at : at + size], at + size
            assert len(value) == size
        found.append((key >> 3, value))
    return found


def packed(data: bytes) -> list[int]:
    values, at = [], 0
    while at < len(data):
        value, at = varint(data, at)
        values.append(value)
    return values


def pprof_text(path: Path) -> str:
    """The message as text, names in place of their numbers."""
    message = fields(gzip.decompress(path.read_bytes()))
    strings = [value.decode() for number, value in message if number == 6]
    assert strings[0] == ""
    lines = []

    def named(data: bytes, names: set[int]) -> str:
        return " ".join(f"{n}={strings[v]!r}" if n in names else f"{n}={v}" for n, v in fields(data))

    for number, value in message:
        if number in (1, 11):
            lines.append(f"type {named(value, {1, 2})}")
        elif number == 2:
            parts = fields(value)
            labels = ", ".join(named(v, {1, 2}) for n, v in parts if n == 3)
            numbers = [packed(v) for n, v in parts if n in (1, 2)]
            lines.append(f"sample {numbers} {labels}")
        elif number == 3:
            lines.append(f"mapping {named(value, {5})}")
        elif number == 4:
            line = next(v for n, v in fields(value) if n == 4)
            lines.append(f"location {[(n, v) for n, v in fields(value) if n != 4]} {fields(line)}")
        elif number == 5:
            lines.append(f"function {named(value, {2, 3, 4})}")
        elif number in (13, 14):
            ids = packed(value) if isinstance(value, bytes) else [value]
            lines.append(f"{number} {[strings[i] for i in ids]}")
        elif number != 6:
            lines.append(f"{number} {value}")
    return "\n".join(lines) + "\n"


def test_pprof_golden(exported: dict[str, Path]) -> None:
    check_golden("exports.pprof.txt", pprof_text(exported["pprof"]))


def test_go_reads_it(exported: dict[str, Path], recording: Path) -> None:
    if shutil.which("go") is None:
        pytest.skip("go is not installed: its pprof is the reader here")
    env = {**os.environ, "PPROF_TMPDIR": str(recording.parent), "GOTOOLCHAIN": "local"}

    def pprof(*words: str) -> str:
        done = subprocess.run(
            ["go", "tool", "pprof", *words, str(exported["pprof"])],
            capture_output=True,
            text=True,
            timeout=400,  # the first call may build the tool
            env=env,
            cwd=recording.parent,
        )
        if "no such tool" in done.stderr or "not found" in done.stderr:
            pytest.skip("this go has no pprof")
        assert done.returncode == 0, done.stderr
        return done.stdout

    raw = pprof("-raw")
    assert "wall/nanoseconds[dflt] cpu/nanoseconds samples/count" in raw
    assert "thread:[a;b-ü]" in raw and "process:[301]" in raw
    assert re.search(r"\d+: 0x0 M=1 Server.serve /srv/app/server.py:44:0 s=40", raw)
    top = pprof("-top", "-unit=ms", "-sample_index=wall")
    rows = {line.split(maxsplit=5)[5]: line.split() for line in top.splitlines() if re.match(r"\s*[0-9.]+ms", line)}
    assert float(rows["parse;tree"][0].removesuffix("ms")) == pytest.approx(3000, abs=1)
    assert float(rows["sort"][0].removesuffix("ms")) == pytest.approx(4000, abs=1)
    cpu = pprof("-top", "-unit=ms", "-sample_index=cpu")
    assert re.search(r"^\s*3000(\.\d+)?ms .* numpy$", cpu, re.MULTILINE)
    assert not re.search(r"^\s*[1-9][0-9.]*ms .* sort$", cpu, re.MULTILINE)


# ---- all -------------------------------------------------------------------------------------------------------------


def test_help_lists_every_foreign_format(run_keisoku: Run) -> None:
    done = run_keisoku("export", "--format", "help")
    assert done.status == 0
    listed = [line.split(maxsplit=1) for line in done.out.splitlines()]
    assert {name for name, _ in listed} >= {"collapsed", "speedscope", "pprof"}
    assert all(len(row) == 2 for row in listed)
    assert "text" not in {name for name, _ in listed}


def test_standard_output_is_the_file(run_keisoku: Run, recording: Path, exported: dict[str, Path]) -> None:
    for words in ((), ("-o", "-")):
        done = run_keisoku("export", recording, "--format", "collapsed", *words)
        assert done.out == exported["collapsed"].read_text()
        assert done.err == ""


def test_odd_recordings_export(run_keisoku: Run, keisoku: str, tmp_path: Path) -> None:
    """Markup in names, a stack 3000 deep, a recorder that was killed: still well formed."""
    make_recording(keisoku, "odd", tmp_path / "odd.kei")
    done = run_keisoku("export", "odd.kei", "--format", "collapsed")
    assert done.status == 0, done.err
    assert any(line.count(";") > 3000 for line in done.out.splitlines())
    assert all(re.fullmatch(r".* [1-9][0-9]*", line) for line in done.out.splitlines())
    run_keisoku("export", "odd.kei", "--format", "speedscope", "-o", "odd.json")
    json.loads((tmp_path / "odd.json").read_text())
    run_keisoku("export", "odd.kei", "--format", "pprof", "-o", "odd.pb.gz")
    assert "récursion" in pprof_text(tmp_path / "odd.pb.gz")
