"""Drops messages that were seen among the last thousands, as a relay between two networks does.

finds: list-membership in relay at `if message in recent:`
"""

import collections
import random
import sys

FIXED = sys.argv[1:] == ["fixed"]
KEPT = 4_000


def arriving(count):
    made = random.Random(77)
    sent = []
    for number in range(count):
        if sent and made.random() < 0.2:
            yield made.choice(sent[-200:])
            continue
        message = f"{made.randrange(16 ** 8):08x}"
        sent.append(message)
        yield message


class Relay:
    def __init__(self):
        self.recent = collections.deque(maxlen=KEPT)
        self.known = set()
        self.passed = self.dropped = 0

    def remember(self, message):
        if len(self.recent) == KEPT:
            self.known.discard(self.recent[0])
        self.recent.append(message)
        self.known.add(message)

    def relay(self, messages):
        recent = self.known if FIXED else self.recent
        for message in messages:
            if message in recent:
                self.dropped += 1
                continue
            self.passed += 1
            self.remember(message)


if __name__ == "__main__":
    one = Relay()
    one.relay(arriving(30_000))
    print(one.passed, "passed,", one.dropped, "dropped")
