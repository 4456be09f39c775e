"""What the tables of the bench are made of: cells, and whether a bar was met."""

from __future__ import annotations

import math
from typing import Any

Row = list[str]
NOTHING = "a process that does nothing"  # the name of its rows among those of tools


def markdown(head: Row, rows: list[Row]) -> str:
    """A table whose columns line up in the source too."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]

    def line(row: Row) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"

    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([line(head), rule, *map(line, rows)]) + "\n"


def interval(value: list[float] | tuple[float, ...]) -> str:
    middle, low, high = value
    return f"{middle:.3f} ({low:.3f}–{high:.3f})"


def met(value: float | None, bar: float) -> str:
    return "not measured" if value is None else ("met" if value <= bar else "**not met**")


def met_ratio(value: list[float] | tuple[float, ...], bar: float) -> str:
    """Nobody makes a program faster by measuring it: an interval below 1 says that the machine was not the same."""
    if math.isinf(value[2]):
        return "too few"
    return "**no result**" if value[2] < 1 else met(value[2], bar)


def dropped_share(row: dict[str, Any]) -> float:
    """Of the samples that one run of a truth program tried for."""
    return float(row.get("dropped", 0) / max(1, row.get("tried", 1)))


def points(value: list[float] | tuple[float, ...]) -> str:
    middle, low, high = (100 * one for one in value)
    return f"{middle:+.2f} ({low:+.2f} to {high:+.2f}) %"


def same_cell(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(one[key] == other[key] for key in ("python", "threads", "depth"))
