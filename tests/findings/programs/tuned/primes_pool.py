"""Marks the primes among many small numbers, in processes.

runs: once
finds: small-tasks in count at `marks = list(pool.imap(is_prime, range(2, limit)))`
fixed: hot-loop in is_prime: numbers are tried one by one
"""

import multiprocessing
import sys

FIXED = sys.argv[1:] == ["fixed"]


def is_prime(number):
    if number % 2 == 0:
        return number == 2
    divisor = 3
    while divisor * divisor <= number:
        if number % divisor == 0:
            return False
        divisor += 2
    return True


def count(limit):
    with multiprocessing.Pool(2) as pool:
        if FIXED:
            marks = list(pool.imap(is_prime, range(2, limit), chunksize=2_000))
        else:
            marks = list(pool.imap(is_prime, range(2, limit)))
    return sum(marks), marks[:8]


def gaps(limit):
    last, widest = 2, 0
    for number in range(3, limit):
        if is_prime(number):
            widest = max(widest, number - last)
            last = number
    return widest


if __name__ == "__main__":
    print(count(60_000), gaps(2_000))
