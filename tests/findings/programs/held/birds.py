r"""Goes through a bird-watcher's diary for the kinds that are on a checklist, and tells on which days each was seen.

finds: regex-recompile in seen_on at `if re.search(rf"\b{name}s?\b", page):`
"""

import random
import re
import sys

FIXED = sys.argv[1:] == ["fixed"]
LOOKS = """
alpine arctic banded barred black blue bearded brown chestnut collared crested crowned dusky eastern fringed giant golden
great green grey hooded horned jack lesser little marbled mottled northern olive pale pied pygmy red rufous rusty scarlet
""".split()
KINDS = """
avocet bittern bunting buzzard chough crake crossbill curlew dipper dove dunlin egret falcon finch flycatcher gannet godwit
grebe gull harrier heron hoopoe kite lark martin owl petrel pipit plover rail robin shrike skua snipe starling tern tit wren
""".split()
WORDS = "a and at before by cold early far fog from hill in mist moor near not over rain reed seen shore still sun the two wind with".split()


class Checklist:
    def __init__(self, names):
        self.names = list(names)
        self.days = {}
        if FIXED:
            self.patterns = [(name, re.compile(rf"\b{name}s?\b")) for name in self.names]

    def seen_on(self, page):
        """The kinds that a page speaks of, one or many of them."""
        if FIXED:
            return [name for name, pattern in self.patterns if pattern.search(page)]
        found = []
        for name in self.names:
            if re.search(rf"\b{name}s?\b", page):
                found.append(name)
        return found

    def read(self, diary):
        for day, page in diary:
            for name in self.seen_on(page):
                self.days.setdefault(name, []).append(day)

    def report(self):
        often = sorted(self.days, key=lambda name: (-len(self.days[name]), name))
        yield f"{len(self.days)} of {len(self.names)} kinds, {sum(map(len, self.days.values()))} times"
        for name in often[:4]:
            yield f"{name}: {', '.join(self.days[name][:6])}"


def all_names():
    return [f"{look} {kind}" for kind in KINDS for look in LOOKS]


def diary(days, names):
    """A page for each day: many small words, and a few birds among them."""
    made = random.Random(9)
    for day in range(days):
        words = made.choices(WORDS, k=50)
        for _ in range(made.randrange(2, 8)):
            name = names[min(int(made.expovariate(0.01)), len(names) - 1)]
            words.insert(made.randrange(len(words)), name + made.choice(("", "s", "s,", ".")))
        yield f"{day % 28 + 1}.{day // 28 + 3}.", " ".join(words)


if __name__ == "__main__":
    names = all_names()
    checklist = Checklist(names)
    checklist.read(diary(36, names))
    print("\n".join(checklist.report()))
