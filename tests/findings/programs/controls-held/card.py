"""Reads the purse on a chip card: each question is made from the card's answer to the one before, and the card takes its time.

expects: nothing
"""

import hashlib
import subprocess
import sys
import time

ENTRIES = 90


class Card:
    """What the chip does, in a process of its own: answers a line with a line."""

    ANSWERS_AFTER = 0.02  # seconds; its processor is slow

    def __init__(self, secret):
        self.secret = secret

    def answer(self, line):
        command, rest = line.split(" ", 1)
        if command == "open":
            return self.sealed(rest)
        number, token = rest.split()
        if token != self.sealed(f"{number}"):
            return "refused"
        cents = int(self.sealed(f"entry {number}")[:4], 16) % 5_000
        return f"{cents} {self.sealed(str(int(number) + 1))}"

    def sealed(self, text):
        return hashlib.sha256((self.secret + text).encode()).hexdigest()

    def serve(self):
        for line in sys.stdin:
            time.sleep(self.ANSWERS_AFTER)
            print(self.answer(line.strip()), flush=True)


class Reader:
    """The side that asks."""

    def __init__(self):
        words = [sys.executable, __file__, "card"]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, universal_newlines=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def ask(self, line):
        """It must reach the card at once: there is no next question before its answer."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


def purse(reader, entries):
    """What was paid, entry by entry; the card gives the key of the next with each."""
    token, paid = reader.ask("open 0"), []
    for number in range(entries):
        cents, token = reader.ask(f"read {number} {token}").split()
        paid.append(int(cents))
    return paid


if __name__ == "__main__":
    if sys.argv[1:] == ["card"]:
        Card("not to be told").serve()
    else:
        with Reader() as reader:
            paid = purse(reader, ENTRIES)
        print(len(paid), "entries,", sum(paid) / 100, "in all, most", max(paid) / 100)
