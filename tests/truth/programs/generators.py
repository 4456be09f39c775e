"""Generators and chains of them: their frames live in the heap and are linked into the stack while they run."""

import json
import sys
import time

CHAINS = {
    ".*": r"<module>( main( sum_a( double( count_a)?)?| sum_b( triple( count_b)?)?"
    r"| sum_c( relay( inner_c( tick)?)?)?| step_d( pair_d)?)?)?"
}


def count_a(n):
    for i in range(n):
        yield i


def count_b(n):
    for i in range(n):
        yield i


def double(source):
    for value in source:  # -> count_a
        yield value * 2


def triple(source):
    for value in source:  # -> count_b
        yield value * 3


def sum_a(n):
    total = 0
    for value in double(count_a(n)):  # -> double, double*, count_a*
        total += value
    return total


def sum_b(n):
    total = 0
    for value in triple(count_b(n)):  # -> triple, triple*, count_b*
        total += value
    return total


def tick():
    return 1


def inner_c(n):
    for _ in range(n):
        yield tick()  # -> tick


def relay(n):
    yield from inner_c(n)  # -> inner_c, inner_c*


def sum_c(n):
    total = 0
    for value in relay(n):  # -> relay, relay*
        total += value
    return total


def pair_d():
    yield 1
    yield 2


def step_d():
    pair = pair_d()  # -> pair_d*
    return next(pair) + next(pair) + next(pair, 0)  # -> pair_d


def main(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for _ in range(200):
            sum_a(9)  # -> sum_a
            sum_b(9)  # -> sum_b
            sum_c(9)  # -> sum_c
            step_d()  # -> step_d


main(float(sys.argv[1]) if len(sys.argv) > 1 else 2.0)  # -> main
print(json.dumps({}))
