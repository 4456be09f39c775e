"""Reads slow lines of a ticker one after the other and sums them up while it waits for the next: the sender sets the pace.

expects: nothing
"""

import os
import statistics
import subprocess
import sys

SENDER = """
import random, sys, time
made = random.Random(8)
price = 400.0
for number in range(150):
    price += made.gauss(0, 1)
    print(number, f"{price:.2f}", flush=True)
    time.sleep(0.015)
"""


def ticks(stream):
    for line in stream:
        number, price = line.split()
        yield int(number), float(price)


class Window:
    """The latest prices, their mean and how far they scatter."""

    def __init__(self, size):
        self.size, self.values = size, []

    def add(self, price):
        self.values.append(price)
        if len(self.values) > self.size:
            del self.values[0]
        return statistics.fmean(self.values), statistics.pstdev(self.values)


def watch(command):
    window, alarms, last = Window(25), [], None
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as sender:
        for number, price in ticks(sender.stdout):
            mean, spread = window.add(price)
            if number > 25 and abs(price - mean) > 2 * spread:
                alarms.append(number)
            last = price
    return alarms, last


if __name__ == "__main__":
    alarms, last = watch([sys.executable, "-c", SENDER])
    print(len(alarms), alarms[:4], last)
