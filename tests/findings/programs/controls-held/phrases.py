"""Packs a text with a dictionary of phrases that grows as it reads, as LZ78 does: each step needs all that came before.

expects: nothing
"""

import random

LETTERS = "etaoinshrdlu "


def text(length):
    made = random.Random(31)
    words = ["".join(made.choices(LETTERS[:-1], k=made.randrange(2, 9))) for _ in range(700)]
    weights = [1 / (rank + 2) for rank in range(len(words))]
    parts, total = [], 0
    for word in made.choices(words, weights, k=length // 4):
        parts.append(word)
        total += len(word) + 1
        if total >= length:
            break
    return " ".join(parts)


def pack(source):
    """Pairs of a known phrase's number and the letter behind it."""
    known, pairs = {"": 0}, []
    phrase = ""
    for letter in source:
        longer = phrase + letter
        if longer in known:
            phrase = longer
            continue
        pairs.append((known[phrase], letter))
        known[longer] = len(known)
        phrase = ""
    if phrase:
        pairs.append((known[phrase[:-1]], phrase[-1]))
    return pairs


def unpack(pairs):
    phrases, parts = [""], []
    for number, letter in pairs:
        phrase = phrases[number] + letter
        phrases.append(phrase)
        parts.append(phrase)
    return "".join(parts)


def bits(pairs):
    """Of a simple code: as many bits for a number as the phrases known then need, eight for a letter."""
    return sum(max(1, index.bit_length()) + 8 for index in range(len(pairs)))


if __name__ == "__main__":
    source = text(5_500_000)
    pairs = pack(source)
    assert unpack(pairs) == source
    print(len(source), len(pairs), round(bits(pairs) / 8 / len(source), 3))
