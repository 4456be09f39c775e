"""Gives each of a folder's documents the name that its content asks for.

finds: subprocess-per-item in name_of at `said = subprocess.run(["basename", path, ".txt"], capture_output=True, text=True)`
"""

import os
import subprocess
import sys

FIXED = sys.argv[1:] == ["fixed"]


def documents(count):
    return [f"/srv/in/{number % 7}/paper {number:04d}.txt" for number in range(count)]


def name_of(path):
    if FIXED:
        stem = os.path.basename(path)
        return stem[: -len(".txt")] if stem.endswith(".txt") else stem
    said = subprocess.run(["basename", path, ".txt"], capture_output=True, text=True)
    return said.stdout.strip()


def slug(name):
    return "-".join(word.lower() for word in name.split())


def plan(paths):
    taken, moves = set(), []
    for path in paths:
        name = slug(name_of(path))
        while name in taken:
            name += "-again"
        taken.add(name)
        moves.append((path, name))
    return moves


if __name__ == "__main__":
    moves = plan(documents(600))
    print(len(moves), moves[0], moves[-1])
