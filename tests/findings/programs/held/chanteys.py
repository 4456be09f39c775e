"""How many syllables the lines of sea songs have, and which metre each line has: word for word.

finds: repeated-work in syllables
with: --arg-hash
"""

import functools
import random
import sys

FIXED = sys.argv[1:] == ["fixed"]
WORDS = """haul away the bowline weary sailors whaling captain mermaid harbour lantern thunder anchor rolling river
windlass topsail mutiny bottle ocean morning halyard together tomorrow remember lullaby albatross hurricane""".split()
SILENT = ("e", "es", "ed")


def groups(word):
    """Runs of vowels."""
    runs, before = [], ""
    for letter in word:
        vowel = letter in "aeiouy"
        if vowel and before:
            runs[-1] += letter
        elif vowel:
            runs.append(letter)
        before = letter if vowel else ""
    return runs


def syllables(word):
    """Runs of vowels, less a silent ending, one at least; a long run that begins with i is two."""
    word = word.lower().strip(".,;!")
    count = 0
    for run in groups(word):
        count += 2 if len(run) > 1 and run[0] == "i" else 1
    for ending in SILENT:
        if word.endswith(ending) and not word.endswith("le") and count > 1:
            count -= 1
            break
    return max(count, 1)


if FIXED:
    syllables = functools.lru_cache(maxsize=4096)(syllables)


def verses(count):
    rng = random.Random(11)
    return [[rng.choice(WORDS) for _ in range(rng.randrange(4, 9))] for _ in range(count)]


def metre(line):
    length = sum(syllables(word) for word in line)
    return "long" if length > 13 else "common" if length > 8 else "short"


def songbook(count):
    kinds = {"long": 0, "common": 0, "short": 0}
    for line in verses(count):
        kinds[metre(line)] += 1
    return kinds


if __name__ == "__main__":
    print(songbook(55000))
