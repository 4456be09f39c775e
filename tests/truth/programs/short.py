"""Functions of 20 ns: `tiny_a` is called three times as often as its twin `tiny_b`, so it has three times its share."""

import json
import sys
import time

CHAINS = {".*": r"<module>( main( tiny_a| tiny_b)?)?"}


def tiny_a():
    return None


def tiny_b():
    return None


def main(seconds):
    end = time.perf_counter() + seconds
    rounds = 0
    while time.perf_counter() < end:
        for _ in range(5000):
            tiny_a()  # -> tiny_a
            tiny_b()  # -> tiny_b
            tiny_a()  # -> tiny_a
            tiny_a()  # -> tiny_a
        rounds += 5000
    return rounds


done = main(float(sys.argv[1]) if len(sys.argv) > 1 else 2.0)  # -> main
print(json.dumps({"ratio": {"tiny_a": 3 * done, "tiny_b": done}}))
