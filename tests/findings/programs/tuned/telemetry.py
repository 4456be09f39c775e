"""A daemon that reads its instruments some hundred times a second and sends off a summary now and then.

finds: leak in collect at `self.readings.append(reading)`
"""

import collections
import random
import statistics
import sys
import time

FIXED = sys.argv[1:] == ["fixed"]
CHANNELS = 600
ROUNDS = 1_500


class Instruments:
    def __init__(self):
        self.made = random.Random(12)
        self.level = [20.0] * CHANNELS

    def read(self):
        step = self.made.uniform(-0.1, 0.1)
        self.level = [level + step for level in self.level]
        return self.level


class Daemon:
    def __init__(self, instruments):
        self.instruments = instruments
        self.readings = collections.deque(maxlen=20) if FIXED else []
        self.sent = []

    def collect(self):
        reading = self.instruments.read()
        self.readings.append(reading)
        return max(reading)

    def summary(self):
        latest = [reading[0] for reading in list(self.readings)[-20:]]
        return round(statistics.fmean(latest), 3)

    def send(self):
        self.sent.append(self.summary())

    def run(self, rounds):
        highest = 0
        for number in range(1, rounds + 1):
            highest = max(highest, self.collect())
            if number % 100 == 0:
                self.send()
            time.sleep(0.002)
        return highest


def overview(daemon, highest):
    return f"{len(daemon.sent)} sent, the last {daemon.sent[-1]}, at most {highest:.3f}"


if __name__ == "__main__":
    daemon = Daemon(Instruments())
    print(overview(daemon, daemon.run(ROUNDS)))
