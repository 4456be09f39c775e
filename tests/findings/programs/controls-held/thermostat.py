"""Controls a boiler: reads, decides and switches twenty times a second, and writes a line now and then.

expects: nothing
"""

import math
import time
from dataclasses import dataclass

TICK = 0.05


@dataclass
class Boiler:
    """Stands for the hardware."""

    water: float = 41.0
    outside: float = 4.0
    heat: float = 0.0

    def step(self, seconds):
        self.water += seconds * (3.2 * self.heat - 0.02 * (self.water - self.outside))
        return self.water


class Controller:
    def __init__(self, wanted):
        self.wanted = wanted
        self.sum = self.before = 0.0

    def decide(self, measured, seconds):
        missing = self.wanted - measured
        self.sum = max(-40.0, min(40.0, self.sum + missing * seconds))
        change = (missing - self.before) / seconds
        self.before = missing
        return max(0.0, min(1.0, 0.24 * missing + 0.03 * self.sum + 0.004 * change))


def smoothed(values):
    weights = [math.exp(-age / 3) for age in range(len(values))]
    return sum(w * value for w, value in zip(weights, reversed(values))) / sum(weights)


def run(seconds):
    boiler, controller = Boiler(), Controller(60.0)
    recent, log = [boiler.water], []
    due = time.monotonic()
    for tick in range(int(seconds / TICK)):
        recent = recent[-20:] + [boiler.step(TICK)]
        boiler.heat = controller.decide(smoothed(recent), TICK)
        if tick % 20 == 0:
            log.append(f"{tick * TICK:5.1f} s {boiler.water:6.2f} degrees, heat {boiler.heat:.2f}")
        due += TICK
        time.sleep(max(0.0, due - time.monotonic()))
    return log


if __name__ == "__main__":
    print("\n".join(run(3)))
