"""Checks postcodes in processes, one at a time.

runs: once
finds: small-tasks in check
fixed: import-time in <module>: without a pool nothing of concurrent.futures runs
"""

import concurrent.futures
import random
import sys

FIXED = sys.argv[1:] == ["fixed"]


def is_valid(code):
    if len(code) != 6 or not code[:5].isdigit():
        return False
    weights = (7, 3, 1, 7, 3)
    digit = sum(int(letter) * weight for letter, weight in zip(code, weights)) % 10
    return code[5] == str(digit)


def codes(count):
    made = random.Random(62)
    for _ in range(count):
        code = f"{made.randrange(100_000):05d}"
        yield code + str(made.randrange(10))


def check(all_codes):
    all_codes = list(all_codes)
    if FIXED:
        return [is_valid(code) for code in all_codes]
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        return list(pool.map(is_valid, all_codes))


def summary(valid):
    runs, longest = 0, 0
    for one in valid:
        runs = runs + 1 if not one else 0
        longest = max(longest, runs)
    return sum(valid), longest


if __name__ == "__main__":
    print(summary(check(codes(9_000))))
