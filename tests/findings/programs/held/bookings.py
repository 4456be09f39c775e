"""Reads the bookings of a hotel for many years and keeps them, each with its days and its bill.

finds: gc-pressure in read
"""

import gc
import sys

FIXED = sys.argv[1:] == ["fixed"]
ROOMS = 160


def stay(room, first, nights):
    bill = {"nights": [nights, 80], "paid": [[], []]}
    return {"room": room, "days": [first, nights], "bill": bill, "wishes": [[], [], {}]}


def rows(count):
    """Guest, room, first day, nights: the plan as another system hands it out."""
    day = [0] * ROOMS
    for number in range(count):
        room = number % ROOMS
        nights = 1 + number * 7 % 5
        yield number * 7919 % (count // 4), room, day[room], nights
        day[room] += nights + number % 2


def read(count):
    guests, last = {}, [None] * ROOMS
    for number, room, first, nights in rows(count):
        stays = guests.get(number)
        if stays is None:
            stays = guests[number] = []
        one = stay(room, first, nights)
        last[room] = one
        stays.append(one)
    return guests, last


def income(guests):
    return sum(len(one["bill"]["nights"]) for stays in guests.values() for one in stays)


if __name__ == "__main__":
    if FIXED:
        gc.set_threshold(200_000, 50, 1000)
    guests, last = read(220_000)
    often = max(guests, key=lambda number: (len(guests[number]), number))
    print(often, len(guests[often]), income(guests), sum(one["days"][0] for one in last))
