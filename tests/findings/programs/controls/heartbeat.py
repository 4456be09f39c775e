"""Sends a sign of life ten times a second and measures how late each one is: paced by design.

expects: nothing
"""

import statistics
import time


class Heartbeat:
    def __init__(self, period):
        self.period = period
        self.beats = []

    def beat(self, planned):
        self.beats.append(time.monotonic() - planned)

    def run(self, count):
        planned = time.monotonic()
        for _ in range(count):
            planned += self.period
            time.sleep(max(0, planned - time.monotonic()))
            self.beat(planned)


def report(beats):
    late = [beat for beat in beats if beat > 0.02]
    return f"{len(beats)} beats, {len(late)} late, median {statistics.median(beats) * 1e3:.0f} ms"


if __name__ == "__main__":
    heart = Heartbeat(0.05)
    heart.run(50)
    print(report(heart.beats))
