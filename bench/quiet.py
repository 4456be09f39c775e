"""Which runs count where other machines of the host take the cores now and then."""

from __future__ import annotations

from collections.abc import Callable

QUIET = 0.01  # share of the cores that other machines of the host may take
LEAST, MORE = 4, 12  # so many quiet runs are wanted, and so many more are made for them


def with_more(cells: list[dict[str, float]], run: Callable[[], dict[str, float]]) -> list[dict[str, float]]:
    """These and what `run` adds, until enough are quiet or there were MORE tries."""
    found = list(cells)
    while count_quiet(found) < LEAST and len(found) < len(cells) + MORE:
        found.append(run())
    return found


def quiet(cells: list[dict[str, float]]) -> list[dict[str, float]]:
    """Those from which other machines took nothing to speak of, at least LEAST of them: chosen by that, not by what was
    measured. An interrupt lasts longer where its core is taken meanwhile."""
    ordered = sorted(cells, key=lambda cell: cell["stolen"])
    return ordered[: max(LEAST, count_quiet(cells))]


def count_quiet(cells: list[dict[str, float]]) -> int:
    return sum(cell["stolen"] <= QUIET for cell in cells)
