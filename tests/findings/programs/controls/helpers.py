"""Many threads, more than there are cores by far: but they wait, which needs no core.

runs: once
expects: nothing
"""

import concurrent.futures
import time
import zlib

HELPERS = 24


class Depot:
    """Answers after a while."""

    def __init__(self, number):
        self.number = number

    def fetch(self, item):
        time.sleep(0.02)
        return zlib.crc32(b"%d/%d" % (self.number, item)) % 1000


def ask(order):
    depot, item = order
    return depot.fetch(item)


def survey(depots, items):
    orders = [(Depot(number % depots), number) for number in range(items)]
    with concurrent.futures.ThreadPoolExecutor(HELPERS) as pool:
        return sum(pool.map(ask, orders))


if __name__ == "__main__":
    print(survey(8, 2_400))
