"""Follows a moving target through noisy positions with a filter: each estimate starts from the one before.

expects: nothing
"""

import math
import random


def path(steps):
    """True position, and what the sensor says of it."""
    made = random.Random(5)
    position, speed = 0.0, 1.0
    for step in range(steps):
        speed += 0.02 * math.sin(step / 300) + made.gauss(0, 0.01)
        position += speed * 0.1
        yield position, position + made.gauss(0, 2.5)


class Filter:
    """Position and speed, with the four numbers of their covariance."""

    def __init__(self, noise, drift):
        self.noise, self.drift = noise, drift
        self.position = self.speed = 0.0
        self.a, self.b, self.c = 100.0, 0.0, 10.0

    def predict(self, dt):
        self.position += dt * self.speed
        self.a += dt * (2 * self.b + dt * self.c) + self.drift
        self.b += dt * self.c
        self.c += self.drift

    def correct(self, seen):
        total = self.a + self.noise
        first, second = self.a / total, self.b / total
        missed = seen - self.position
        self.position += first * missed
        self.speed += second * missed
        self.c -= second * self.b
        self.b *= 1 - first
        self.a *= 1 - first
        return missed


def follow(steps):
    tracker = Filter(6.25, 0.0004)
    worst = squares = plain = 0.0
    for step, (true, seen) in enumerate(path(steps)):
        tracker.predict(0.1)
        tracker.correct(seen)
        if step < 500:
            continue
        away = tracker.position - true
        worst = max(worst, abs(away))
        squares += away * away
        plain += (seen - true) ** 2
    counted = steps - 500
    return worst, math.sqrt(squares / counted), math.sqrt(plain / counted)


if __name__ == "__main__":
    worst, mean, plain = follow(900_000)
    print(f"worst {worst:.3f}, mean {mean:.3f}, without the filter {plain:.3f}")
