"""Moves balls about in a box and counts how often they touch a wall.

finds: call-overhead in step
fixed: hot-loop in step: the loop over the balls stays, and works on numbers
"""

import random
import sys

FIXED = sys.argv[1:] == ["fixed"]


class Ball:
    __slots__ = ("_x", "_y", "_dx", "_dy")

    def __init__(self, made):
        self._x, self._y = made.uniform(0, 100), made.uniform(0, 60)
        self._dx, self._dy = made.uniform(-2, 2), made.uniform(-2, 2)

    @property
    def x(self):
        return self._x

    @property
    def y(self):
        return self._y

    def ahead_x(self):
        return self._x + self._dx

    def ahead_y(self):
        return self._y + self._dy

    def move(self, x, y):
        self._x, self._y = x, y

    def turn_x(self):
        self._dx = -self._dx

    def turn_y(self):
        self._dy = -self._dy


def step(balls, width, height):
    touched = 0
    for ball in balls:
        if FIXED:
            x, y = ball._x + ball._dx, ball._y + ball._dy
        else:
            x, y = ball.ahead_x(), ball.ahead_y()
        if x < 0 or x > width:
            touched += 1
            ball.turn_x()
            x = ball.x
        if y < 0 or y > height:
            touched += 1
            ball.turn_y()
            y = ball.y
        if FIXED:
            ball._x, ball._y = x, y
        else:
            ball.move(x, y)
    return touched


def run(count, rounds):
    made = random.Random(3)
    balls = [Ball(made) for _ in range(count)]
    touched = sum(step(balls, 100, 60) for _ in range(rounds))
    middle = sum(ball.x for ball in balls) / count, sum(ball.y for ball in balls) / count
    return touched, middle


if __name__ == "__main__":
    touched, (x, y) = run(500, 12_000)
    print(f"{touched} touches; on average at {x:.3f}, {y:.3f}")
