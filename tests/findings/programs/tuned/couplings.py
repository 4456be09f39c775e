"""Fits many small models in processes; the library in each of them starts threads of its own.

runs: once
needs: numpy
finds: oversubscribed in survey
"""

import concurrent.futures
import multiprocessing
import os
import sys

FIXED = sys.argv[1:] == ["fixed"]
CORES = len(os.sched_getaffinity(0))
os.environ["OPENBLAS_NUM_THREADS"] = "1" if FIXED else str(CORES)

import numpy as np  # noqa: E402  (reads the number of threads when it is imported)

SIDE, ROUNDS = 260, 24


def samples(seed):
    made = np.random.default_rng(seed)
    return made.normal(size=(SIDE, SIDE)) / SIDE**0.5 + np.eye(SIDE)


def relax(matrix):
    """Newton's steps to the inverse: products of matrices, one after the other."""
    guess = matrix.T / (np.abs(matrix).sum(axis=0).max() * np.abs(matrix).sum(axis=1).max())
    unit = 2 * np.eye(SIDE)
    for _ in range(ROUNDS):
        guess = guess @ (unit - matrix @ guess)
    return guess


def coupling(seed):
    matrix = samples(seed)
    rest = matrix @ relax(matrix) - np.eye(SIDE)
    return float(np.abs(rest).max()) < 1e-3, seed


def survey(count):
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(CORES, mp_context=context) as pool:
        found = list(pool.map(coupling, range(count)))
    return sum(fits for fits, _ in found)


if __name__ == "__main__":
    print(survey(24), "of 24 settle")
