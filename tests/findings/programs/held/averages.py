"""Smooths a long series of measurements.

needs: numpy
finds: vectorise in smooth
"""

import sys

import numpy as np

FIXED = sys.argv[1:] == ["fixed"]


def series(count):
    return np.sin(np.arange(count) / 50.0) * 20 + np.arange(count) % 7


def smooth(values, width):
    if FIXED:
        total = np.cumsum(np.insert(values, 0, 0.0))
        return (total[width:] - total[:-width]) / width
    result = np.empty(len(values) - width + 1)
    for start in range(len(result)):
        total = 0.0
        for offset in range(width):
            total += values[start + offset]
        result[start] = total / width
    return result


def peaks(values):
    middle = values[1:-1]
    return int(((middle > values[:-2]) & (middle > values[2:])).sum())


if __name__ == "__main__":
    smoothed = smooth(series(160_000), 48)
    print(len(smoothed), peaks(np.round(smoothed, 6)))
