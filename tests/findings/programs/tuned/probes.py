"""Asks the sensors of a building for their state, each through a pipe of its own.

finds: io-wait in survey
"""

import os
import select
import signal
import sys
import time

FIXED = sys.argv[1:] == ["fixed"]


class Sensor:
    """Answers a question after some milliseconds, as the thing at the other end of a slow line does."""

    def __init__(self, number):
        self.number = number
        ask, self.ask = os.pipe()
        self.reply, reply = os.pipe()
        self.child = os.fork()
        if self.child == 0:
            self.answer(ask, reply)
        os.close(ask)
        os.close(reply)

    def answer(self, ask, reply):
        while os.read(ask, 8):
            time.sleep(0.015)
            os.write(reply, b"%8d" % (self.number * 7919 % 1000))

    def question(self):
        os.write(self.ask, b"state?  ")

    def read(self):
        return int(os.read(self.reply, 8))


def survey(sensors):
    if FIXED:
        for sensor in sensors:
            sensor.question()
        select.select([sensor.reply for sensor in sensors], [], [])
        return [sensor.read() for sensor in sensors]
    states = []
    for sensor in sensors:
        sensor.question()
        states.append(sensor.read())
    return states


def watch(sensors, rounds):
    alarms = 0
    for _ in range(rounds):
        alarms += sum(state > 800 for state in survey(sensors))
    return alarms


if __name__ == "__main__":
    sensors = [Sensor(number) for number in range(6)]
    try:
        print(watch(sensors, 15), "alarms")
    finally:
        for sensor in sensors:
            os.kill(sensor.child, signal.SIGKILL)
