"""Reads the meters of several houses, a task for each; a meter answers after a while, over a line of its own.

finds: blocking-in-async in watch at `reading = house.reading(hour)`
"""

import asyncio
import os
import selectors
import struct
import sys

FIXED = sys.argv[1:] == ["fixed"]
HOUSES, HOURS, ANSWERS_AFTER = 8, 22, 0.009


class Wire:
    """What a meter sends comes out of a pipe."""

    def __init__(self):
        self.out, self.into = os.pipe()
        self.ready = selectors.DefaultSelector()
        self.ready.register(self.out, selectors.EVENT_READ)

    def wait(self, seconds):
        return bool(self.ready.select(seconds))

    def close(self):
        self.ready.close()
        os.close(self.out)
        os.close(self.into)


class House:
    def __init__(self, number):
        self.number, self.wire = number, Wire()

    def used(self, hour):
        return (self.number * 7919 + hour * 104_729) % 2_500

    def receive(self):
        while not self.wire.wait(ANSWERS_AFTER):
            os.write(self.wire.into, struct.pack("<I", self.number))
        return struct.unpack("<I", os.read(self.wire.out, 4))[0]

    def reading(self, hour):
        """Asks, and stays until the answer is there."""
        assert self.receive() == self.number
        return self.used(hour)

    async def reading_later(self, hour):
        await asyncio.sleep(ANSWERS_AFTER)
        return self.used(hour)


async def watch(house, totals):
    for hour in range(HOURS):
        if FIXED:
            reading = await house.reading_later(hour)
        else:
            reading = house.reading(hour)
        totals[house.number] = totals.get(house.number, 0) + reading
        await asyncio.sleep(0)


async def day(houses):
    totals = {}
    async with asyncio.TaskGroup() as group:
        for house in houses:
            group.create_task(watch(house, totals))
    return totals


if __name__ == "__main__":
    houses = [House(number) for number in range(HOUSES)]
    totals = asyncio.run(day(houses))
    print(sum(totals.values()), max(totals, key=totals.get), [totals[number] for number in range(3)])
    for house in houses:
        house.wire.close()
