"""multiprocessing.Pool and ProcessPoolExecutor: two workers count primes, `pool.py pool|executor`."""

import concurrent.futures
import multiprocessing
import os
import sys


def count_primes(limit):
    found = 0
    for n in range(2, limit):
        for d in range(2, int(n**0.5) + 1):
            if n % d == 0:
                break
        else:
            found += 1
    return os.getpid(), found


def main(kind):
    jobs = [45000] * 120  # long beside what the workers import
    if kind == "pool":
        with multiprocessing.get_context("fork").Pool(2) as pool:
            results = pool.map(count_primes, jobs, chunksize=2)
    else:
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
            results = list(executor.map(count_primes, jobs))
    print(*sorted({pid for pid, _ in results}))
    return 0 if {found for _, found in results} == {4675} else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
