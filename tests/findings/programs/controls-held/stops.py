"""Reads a large timetable in XML as it should be read: piece by piece, each forgotten when its journey has been counted.

expects: nothing
"""

import io
import random
from xml.etree import ElementTree

LINES = 60


def journey(made, number):
    """A journey's text: its line, its vehicle, and a stop every few minutes."""
    minute, stops = made.randrange(300, 1_300), []
    for _ in range(made.randrange(12, 30)):
        minute += made.randrange(1, 6)
        place = made.randrange(9_000)
        stops.append(
            f'<stop ref="de:{place:05}" name="Stop &amp; Square {place}" zone="{place % 7}" arrival="{minute}" departure="{minute + 1}" '
            f'platform="{place % 4 + 1}" lift="{place % 3 == 0}" shelter="{place % 2 == 0}"><note lang="en">On request, '
            f"from the kerb opposite the school if the road is closed; ask the driver.</note></stop>"
        )
    return f'<journey id="{number}" line="{number % LINES}" days="1111100"><vehicle low="1" seats="{made.randrange(30, 90)}"/>{"".join(stops)}</journey>'


def timetable(journeys, times):
    """A file of some size, in which the same week comes again and again."""
    made = random.Random(61)
    week = "\n".join(journey(made, number) for number in range(journeys))
    return io.BytesIO(("<timetable>\n" + "\n".join([week] * times) + "\n</timetable>").encode())


def count(file):
    """The minutes that each line is on its way, and how often it goes."""
    minutes, journeys = [0] * LINES, [0] * LINES
    events = ElementTree.iterparse(file, events=("start", "end"))
    _, root = next(events)
    for event, element in events:
        if event == "end" and element.tag == "journey":
            line, first, last = int(element.get("line")), element[1], element[-1]
            minutes[line] += int(last.get("arrival")) - int(first.get("departure"))
            journeys[line] += 1
            root.clear()
    return minutes, journeys


if __name__ == "__main__":
    minutes, journeys = count(timetable(400, 24))
    longest = max(range(LINES), key=lambda line: (minutes[line] / journeys[line], line))
    print(
        sum(journeys),
        "journeys,",
        sum(minutes),
        "minutes; longest on line",
        longest,
        minutes[longest] / journeys[longest],
    )
