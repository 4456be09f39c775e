"""Times of a marathon's runners: the gate at the end knows names, the one at the start has them in another order.

finds: list-membership in time_of at `begun = self.starts[self.names.index(name)]`
"""

import random
import sys

FIXED = sys.argv[1:] == ["fixed"]
FIRST = "ada bo cleo dag eve finn gil hana ivo jun kai lea moa noa odo pia qin ras sol tove uma vik wen xia yan zoe".split()
LAST = "abel berg cruz dahl elm fox gray hale imre jost kern lund moor nash olin park quade rask stone torr".split()


class Start:
    """Who came over the line when; waves of a thousand, a minute apart."""

    def __init__(self, entries):
        self.names = [name for name, _ in entries]
        self.starts = [begun for _, begun in entries]
        if FIXED:
            self.by_name = dict(entries)

    def time_of(self, name, end):
        """Seconds from line to line."""
        if FIXED:
            begun = self.by_name[name]
        else:
            begun = self.starts[self.names.index(name)]
        return end - begun


def runners(count):
    made = random.Random(42)
    names = [f"{first} {last} {number}" for number in range(20) for first in FIRST for last in LAST]
    made.shuffle(names)
    return names[:count]


def started(names):
    return [(name, 60.0 * (place // 1000) + 0.05 * (place % 1000)) for place, name in enumerate(names)]


def arrived(names):
    """In the order of their coming, with the clock's time."""
    made = random.Random(43)
    came = [(made.gauss(15_000, 2_000), name) for name in names]
    return [(name, end) for end, name in sorted(came)]


def places(start, ends):
    """The fastest of all, by their own time and not by the clock's."""
    times = []
    for name, end in ends:
        times.append((start.time_of(name, end), name))
    return sorted(times)


def clock(seconds):
    return f"{int(seconds // 3600)}:{int(seconds // 60 % 60):02}:{seconds % 60:04.1f}"


def main():
    names = runners(9_000)
    start = Start(started(names))
    times = places(start, arrived(names))
    for place, (seconds, name) in enumerate(times[:5], 1):
        print(f"{place}. {clock(seconds)}  {name}")
    middle = times[len(times) // 2][0]
    print(f"half of {len(times)} were there within {clock(middle)}")


if __name__ == "__main__":
    main()
