"""Reads sensors in threads and keeps what they say in one table.

finds: lock-held-waiting in read_all
"""

import random
import sys
import threading
import time

FIXED = sys.argv[1:] == ["fixed"]
TABLE_LOCK = threading.Lock()


class Sensor:
    def __init__(self, number):
        self.made = random.Random(number)
        self.number = number

    def value(self):
        return self.made.randrange(180, 260) / 10


def read_all(sensor, rounds, table):
    for turn in range(rounds):
        if FIXED:
            time.sleep(0.005)  # the bus needs that long to answer
            with TABLE_LOCK:
                table[sensor.number, turn] = sensor.value()
        else:
            with TABLE_LOCK:
                time.sleep(0.005)  # the bus needs that long to answer
                table[sensor.number, turn] = sensor.value()


def measure(sensors, rounds):
    table = {}
    threads = [threading.Thread(target=read_all, args=(one, rounds, table)) for one in sensors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return table


if __name__ == "__main__":
    table = measure([Sensor(number) for number in range(6)], 60)
    print(len(table), round(sum(table.values()), 1))
