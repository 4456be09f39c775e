"""The arithmetic of paired runs: means of ratios with their 95 % bounds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

# Student's t, two-sided 95 %, by degrees of freedom; between rows the smaller one counts (wider).
T95 = {
    1: 12.71,
    2: 4.303,
    3: 3.182,
    4: 2.776,
    5: 2.571,
    6: 2.447,
    7: 2.365,
    8: 2.306,
    9: 2.262,
    10: 2.228,
    12: 2.179,
    15: 2.131,
    20: 2.086,
    30: 2.042,
    60: 2.0,
    120: 1.98,
}


def t95(freedom: int) -> float:
    return T95[max(key for key in T95 if key <= max(1, freedom))]


def ratio(pairs: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """(mean, lower, upper) of measured/bare: geometric mean over the pairs and its two-sided 95 % interval."""
    logs = [math.log(with_tool / bare) for with_tool, bare in pairs]
    middle = statistics.fmean(logs)
    half = t95(len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs)) if len(logs) > 1 else math.inf
    return math.exp(middle), math.exp(middle - half), math.exp(middle + half)


def median95(values: Sequence[float], wider: float = 1) -> tuple[float, float, float]:
    """(median, lower, upper): between the order statistics that hold it 95 times in 100. Of less than six: no bounds.
    `wider`: by how much, where the values are not independent."""
    ordered = sorted(values)
    n = len(ordered)
    if n < 6:
        return (statistics.median(ordered) if n else math.nan), 0.0, math.inf
    below = max(0, math.floor(n / 2 - 1.96 * wider * math.sqrt(n) / 2 - 0.5))
    return statistics.median(ordered), ordered[below], ordered[n - 1 - below]


def mean95(values: Sequence[float]) -> tuple[float, float]:
    """(mean, half of its 95 % interval)."""
    if len(values) < 2:
        return statistics.fmean(values), math.inf
    return statistics.fmean(values), t95(len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
