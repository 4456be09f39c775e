"""Reads the map of a large site and keeps it as a tree of pages with their links and visits.

finds: gc-pressure in add
"""

import gc
import random
import sys

FIXED = sys.argv[1:] == ["fixed"]
PARTS = ("about", "shop", "news", "help", "blog", "press", "jobs", "map")


def made_page(name):
    return {"name": name, "pages": {}, "links": [], "visits": []}


def add(root, number):
    page = root
    for name in (PARTS[number % 8], number % 97, number):
        following = page["pages"].get(name)
        if following is None:
            following = made_page(name)
            page["pages"][name] = following
        page = following
    page["visits"].append({"day": [number % 31], "from": [[], [number % 7]], "links": []})


def sizes(root):
    """Pages below each of the first level."""
    found = {}
    for name, page in root["pages"].items():
        waiting, count = [page], 0
        while waiting:
            one = waiting.pop()
            count += 1
            waiting.extend(one["pages"].values())
        found[name] = count
    return found


def read(count):
    root = made_page("")
    made = random.Random(17)
    for _ in range(count):
        add(root, made.randrange(10 * count))
    return root


if __name__ == "__main__":
    if FIXED:
        gc.disable()
    found = sizes(read(220_000))
    print(len(found), sum(found.values()), max(found.items(), key=lambda item: (item[1], item[0])))
