"""The state ledger beside the truth: each phase of tests/truth/programs/ledger.py on every interpreter, state by state."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ledgers
from interpreters import Interpreter
from peers import KEISOKU

TRIES = 3  # where the machine had no core for it


def once(python: Interpreter, phase: str, folder: Path, seconds: str, reader: str) -> list[ledgers.Compared]:
    with ledgers.quota_group() as group:
        if phase in ledgers.QUOTAS and group is None:
            raise ledgers.DisturbedError("no quota that we may set")
        done = subprocess.run(
            [KEISOKU, *ledgers.words(python, phase, reader, seconds, group)],
            cwd=folder,
            env={**os.environ, **python.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
    if done.returncode != 0:
        raise ledgers.DisturbedError((done.stderr.strip().splitlines() or ["no reason given"])[-1])
    path = folder / "report.json"
    row = ledgers.subject(json.loads(path.read_text()))
    path.unlink()
    truth = ledgers.said(done.stdout)
    ledgers.undisturbed(phase, truth, row)
    return ledgers.compare(phase, truth, row)


def phase_on(python: Interpreter, phase: str, folder: Path, seconds: str, reader: str) -> dict[str, Any]:
    row: dict[str, Any] = {"python": python.version, "phase": phase, "states": [], "reason": ""}
    row["reason"] = ledgers.not_told(python, phase)
    for _ in range(0 if row["reason"] else TRIES):
        try:
            for one in once(python, phase, folder, seconds, reader):
                row["states"].append([one.state, one.truth, one.share, one.half_width])
            row["reason"] = ""
            break
        except ledgers.DisturbedError as why:
            row["reason"] = str(why)
    return row


def measure(
    pythons: list[Interpreter], folder: Path, seconds: float, say: Callable[[str], None], reader: str = "core"
) -> list[dict[str, Any]]:
    rows = []
    for python in pythons:
        for phase in [*ledgers.WALL, *ledgers.CPU]:
            length = ledgers.SECONDS[phase] if phase == "capped" else str(seconds)
            rows.append(phase_on(python, phase, folder, length, reader))
        say(f"ledger on {python.version}")
    return rows
