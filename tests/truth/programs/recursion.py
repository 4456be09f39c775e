"""Mutual recursion whose depth changes with every call: a stack's length, its parity and its bottom must agree."""

import json
import sys
import time

CHAINS = {
    ".*": r"<module>( main( short( even( odd( even( bottom)?)?)?)?"
    r"| long( even( odd even){0,8}( odd)?| even( odd even){8} bottom)?"
    r"| plunge( sink){0,40}( floor)?)?)?"
}


def bottom():
    return 0


def even(n):
    if n == 0:
        return bottom()  # -> bottom
    return odd(n - 1)  # -> odd


def odd(n):
    return even(n - 1)  # -> even


def short():
    return even(2)  # -> even


def long():
    return even(16)  # -> even


def floor():
    return 0


def sink(n):
    if n == 0:
        return floor()  # -> floor
    return sink(n - 1)  # -> sink


def plunge(depth):
    return sink(depth)  # -> sink


def main(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for depth in range(40):
            short()  # -> short
            long()  # -> long
            plunge(depth)  # -> plunge


main(float(sys.argv[1]) if len(sys.argv) > 1 else 2.0)  # -> main
print(json.dumps({}))
