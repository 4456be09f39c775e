"""A hub that passes on what its guests say; a guest that leaves is told good-bye, and should be forgotten.

finds: leak in welcome at `self.guests[number] = Guest(number)`
"""

import os
import random
import sys
import time

FIXED = sys.argv[1:] == ["fixed"]
GUESTS = 2_200


class Guest:
    def __init__(self, number):
        self.number = number
        self.said = []
        self.unsent = bytearray(40_000)

    def hear(self, words):
        at = len(self.said) * 64 % len(self.unsent)
        self.unsent[at : at + len(words)] = words
        self.said.append(len(words))


class Hub:
    def __init__(self):
        self.guests = {}
        self.met = 0
        self.passed_on = 0

    def welcome(self, number):
        self.guests[number] = Guest(number)
        self.met += 1

    def hear(self, number, words):
        self.guests[number].hear(words)
        self.passed_on += len(words)

    def part(self, number):
        guest = self.guests[number]
        guest.hear(b"good-bye")
        if FIXED:
            del self.guests[number]

    def serve(self, line):
        for message in iter(lambda: os.read(line, 24), b""):
            kind, number, words = message.split(b" ", 2)
            if kind == b"hello":
                self.welcome(int(number))
            elif kind == b"leave":
                self.part(int(number))
            else:
                self.hear(int(number), words.strip())


def send(line, text):
    os.write(line, text.encode().ljust(24))


def guests(line):
    """Come, say some words, and leave."""
    made = random.Random(71)
    for number in range(GUESTS):
        send(line, f"hello {number} ")
        for _ in range(made.randrange(1, 5)):
            send(line, f"says {number} {made.randrange(10**6)}")
        send(line, f"leave {number} ")
        time.sleep(0.0015)


if __name__ == "__main__":
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        guests(writing)
        os._exit(0)
    os.close(writing)
    hub = Hub()
    hub.serve(reading)
    os.waitpid(child, 0)
    print(hub.met, hub.passed_on)
