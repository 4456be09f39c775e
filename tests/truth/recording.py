"""Reads a recording with Python's own SQLite (docs/recording.md): every thread, stack and state with its ticks."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from oracle import Frame, Oracle, Stack, bare

PYTHON = 0  # function.kind


@dataclass(frozen=True)
class Sampled:
    """All samples of one thread with one stack in one state."""

    pid: int
    tid: int
    thread: str
    stack: Stack  # Python frames, outermost first; empty: none was read
    state: str
    ticks: int
    run_s: float

    def innermost(self) -> str:
        return bare(self.stack[-1][0]) if self.stack else ""


@dataclass(frozen=True)
class Process:
    pid: int
    parent: int  # pid of the parent, 0 when it is not in the recording
    command: str
    python: str
    exit_status: int


class Recording:
    def __init__(self, path: Path) -> None:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            self.frames: dict[int, Frame | None] = {
                row[0]: (row[1] or "", row[2] or "", row[3] or 0) if row[4] == PYTHON else None
                for row in connection.execute(
                    "SELECT frame.id, n.text, f.text, line, kind FROM frame JOIN function ON function.id = function"
                    " LEFT JOIN string n ON n.id = function.name LEFT JOIN string f ON f.id = function.file"
                )
            }
            self.parents: dict[int, tuple[int, int]] = {
                row[0]: (row[1] or 0, row[2]) for row in connection.execute("SELECT id, parent, frame FROM stack")
            }
            self.rows = connection.execute(
                "SELECT pid, tid, coalesce(name.text, ''), stack, state.name, ticks, stack_sum.run_ns / 1e9"
                " FROM stack_sum JOIN thread ON thread.id = stack_sum.thread"
                " JOIN process ON process.id = thread.process JOIN state ON state.id = stack_sum.state"
                " LEFT JOIN string name ON name.id = thread.name"
            ).fetchall()
            found = connection.execute(
                "SELECT id, pid, parent, command, coalesce(python, ''), exit_status FROM processes"
            ).fetchall()
            pids = {row[0]: row[1] for row in found}
            self.processes = [Process(row[1], pids.get(row[2], 0), row[3] or "", row[4], row[5]) for row in found]
        finally:
            connection.close()

    def stack(self, number: int) -> Stack:
        frames: list[Frame] = []
        while number:
            number, frame = self.parents[number]
            shown = self.frames[frame]
            if shown is not None:
                frames.append(shown)
        return tuple(reversed(frames))

    def __iter__(self) -> Iterator[Sampled]:
        for pid, tid, thread, stack, state, ticks, run_s in self.rows:
            yield Sampled(pid, tid, thread, self.stack(stack), state, ticks, run_s)

    def ticks_by_function(self, without: str = "") -> Counter[str]:
        """Ticks with the function innermost, but those in that state."""
        found: Counter[str] = Counter()
        for sample in self:
            if sample.stack and sample.state != without:
                found[sample.innermost()] += sample.ticks
        return found

    def impossible(self, truth: Oracle) -> list[tuple[str, Sampled]]:
        """Every stack that the program cannot have, with the reason."""
        wrong = []
        for sample in self:
            reason = truth.impossible(sample.stack, sample.thread)
            if reason:
                wrong.append((reason, sample))
        return wrong


FRAME = re.compile(r"(.*) \((.*):(\d+)\)$")


def read_collapsed(text: str) -> Iterator[tuple[str, Stack, float]]:
    """(thread, stack, weight) of every line of `export --format collapsed`; what is no Python frame is left out."""
    for line in text.splitlines():
        path, _, weight = line.rpartition(" ")
        thread, *frames = path.split(";")
        parsed = [FRAME.match(frame) for frame in frames]
        yield thread, tuple((found[1], found[2], int(found[3])) for found in parsed if found), float(weight)
