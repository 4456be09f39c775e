"""Makes the seals of a town's offices: for each office a large prime, the first after a number that it has drawn.

runs: once
finds: one-core in issue
"""

import math
import random
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

FIXED = sys.argv[1:] == ["fixed"]
BASES = (2, 3, 5, 7, 11, 13)


def small_primes(limit):
    marks = bytearray([1]) * limit
    marks[:2] = b"\0\0"
    for number in range(2, math.isqrt(limit) + 1):
        if marks[number]:
            marks[number * number :: number] = bytes(len(range(number * number, limit, number)))
    return [number for number in range(limit) if marks[number]]


SMALL = math.prod(small_primes(2_000))


@dataclass(frozen=True)
class Office:
    name: str
    drawn: int


@dataclass(frozen=True)
class Seal:
    office: str
    prime: int
    tried: int


def is_prime(number):
    """By Miller and Rabin, which errs less often than the machine."""
    odd, halved = number - 1, 0
    while odd % 2 == 0:
        odd, halved = odd // 2, halved + 1
    for base in BASES:
        power = pow(base, odd, number)
        if power in (1, number - 1):
            continue
        for _ in range(halved - 1):
            power = power * power % number
            if power == number - 1:
                break
        else:
            return False
    return True


def seal(office):
    number, tried = office.drawn | 1, 0
    while True:
        if math.gcd(number, SMALL) == 1:
            tried += 1
            if is_prime(number):
                return Seal(office.name, number, tried)
        number += 2


def issue(offices):
    """A seal for each office."""
    if FIXED:
        with ProcessPoolExecutor() as pool:
            return list(pool.map(seal, offices, chunksize=4))
    seals = []
    for office in offices:
        seals.append(seal(office))
    return seals


def offices(count, bits):
    made = random.Random(77)
    kinds = ("registry", "harbour", "mint", "archive", "court")
    for number in range(count):
        yield Office(f"{kinds[number % len(kinds)]} {number // len(kinds) + 1}", made.getrandbits(bits) | 1 << bits - 1)


if __name__ == "__main__":
    seals = issue(list(offices(96, 512)))
    hardest = max(seals, key=lambda one: one.tried)
    print(len(seals), "seals,", sum(one.tried for one in seals), "numbers tried")
    print("most for", hardest.office, hardest.tried, hex(hardest.prime)[-12:])
