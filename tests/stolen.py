"""How much of this machine's cores other machines of the same host took: what the kernel counts as stolen."""

from __future__ import annotations

from pathlib import Path


def cores_ticks() -> tuple[int, int]:
    """Of all cores: their time since the machine started, and how much of it others had."""
    try:
        ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    except (OSError, ValueError):
        return 0, 0
    return sum(ticks), ticks[7] if len(ticks) > 7 else 0


def share_since(before: tuple[int, int]) -> float:
    now = cores_ticks()
    return (now[1] - before[1]) / max(now[0] - before[0], 1)
