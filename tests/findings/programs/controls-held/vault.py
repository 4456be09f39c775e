"""Checks the keys of a bank's vault in threads, one for each core: a key is stretched by compiled code, which holds no lock.

expects: nothing
"""

import hashlib
import hmac
import os
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

ROUNDS = 90_000


@dataclass(frozen=True)
class Box:
    number: int
    salt: bytes
    kept: bytes


def stretched(word, salt):
    return hashlib.pbkdf2_hmac("sha256", word.encode(), salt, ROUNDS)


def opens(asked):
    """Whether a word is the key of a box."""
    box, word = asked
    return hmac.compare_digest(stretched(word, box.salt), box.kept)


def workers():
    """As many as there are cores for us."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def vault(pool, count):
    made = random.Random(44)
    salts = [made.getrandbits(128).to_bytes(16, "big") for _ in range(count)]
    words = [f"{made.choice(('heron', 'lathe', 'umber', 'quartz'))}-{made.randrange(1_000)}" for _ in range(count)]
    keys = pool.map(stretched, words, salts)
    return [Box(number, salt, kept) for number, (salt, kept) in enumerate(zip(salts, keys))], words


def asked(boxes, words):
    """What people say at the desk: most know their word, some have mixed it up with another."""
    made = random.Random(45)
    for box in boxes:
        yield box, words[box.number] if made.random() < 0.8 else made.choice(words)


if __name__ == "__main__":
    with ThreadPoolExecutor(workers()) as pool:
        boxes, words = vault(pool, 40)
        answers = list(pool.map(opens, asked(boxes, words)))
    print(answers.count(True), "of", len(answers), "were opened, not", answers.index(False))
