"""Waits for messages and files them; each sender has a shelf, of which there are only so many.

expects: nothing
"""

import os
import random
import time

SENDERS = 120
ROUNDS = 1_500


class Inbox:
    def __init__(self):
        self.shelves = {}
        self.filed = 0

    def shelf(self, sender):
        if sender not in self.shelves:
            self.shelves[sender] = bytearray(400_000)
        return self.shelves[sender]

    def file(self, sender, words):
        shelf = self.shelf(sender)
        shelf[: len(words)] = words
        self.filed += 1


def senders(line):
    made = random.Random(5)
    for _ in range(ROUNDS):
        os.write(line, b"%7d " % made.randrange(SENDERS))
        time.sleep(0.002)


def serve(line):
    inbox = Inbox()
    for message in iter(lambda: os.read(line, 8), b""):
        inbox.file(int(message), message)
    return inbox


if __name__ == "__main__":
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        senders(writing)
        os._exit(0)
    os.close(writing)
    inbox = serve(reading)
    os.waitpid(child, 0)
    print(inbox.filed, len(inbox.shelves))
