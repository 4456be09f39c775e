"""Looks up the terms of many letters in a glossary, in processes: each letter is sent together with the glossary.

runs: once
finds: pickle-transfer in translate_all
"""

import multiprocessing
import random
import sys
import zlib

FIXED = sys.argv[1:] == ["fixed"]
CONTEXT = multiprocessing.get_context("fork")
GLOSSARY = {}


def word(number):
    """A word of its own for each number."""
    made = ""
    while number:
        number, syllable = divmod(number, 20)
        made += "bdfgklmnprst"[syllable % 12] + "aeiou"[syllable % 5]
    return made or "ba"


def make_glossary(terms):
    return {word(number): [word(number * 3 + 1), number % 7] for number in range(terms)}


def load(terms):
    GLOSSARY.update(make_glossary(terms))


def letters(count, terms):
    made = random.Random(12)
    return [[word(made.randrange(terms * 2)) for _ in range(700)] for _ in range(count)]


def translate(letter, glossary):
    """The letter in the other language, and how many words were not found."""
    known, missing = [], 0
    for term in letter:
        entry = glossary.get(term)
        if entry is None:
            missing += 1
            known.append(term)
        else:
            known.append(entry[0] + "s" * (entry[1] > 4))
    return zlib.crc32(" ".join(known).encode()), missing


def translate_with(glossary, letter):
    return translate(letter, glossary)


def translate_here(letter):
    return translate(letter, GLOSSARY)


def translate_all(post, terms):
    if FIXED:
        with CONTEXT.Pool(2, initializer=load, initargs=(terms,)) as pool:
            return pool.map(translate_here, post)
    glossary = make_glossary(terms)
    with CONTEXT.Pool(2) as pool:
        waiting = [pool.apply_async(translate_with, (glossary, letter)) for letter in post]
        return [done.get() for done in waiting]


if __name__ == "__main__":
    found = translate_all(letters(70, 40_000), 40_000)
    print(len(found), sum(missing for _, missing in found), found[0][0], found[-1][0])
