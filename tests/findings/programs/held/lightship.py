"""Copies the log of a lightship: seconds since 1970 become days and hours, as the harbour office wants to read them.

finds: subprocess-per-item in written at `return subprocess.getoutput(f"date -u -d @{seconds} '+{FORM}'")`
"""

import collections
import os
import random
import subprocess
import sys
import time

FIXED = sys.argv[1:] == ["fixed"]
FORM = "%A %d %B %Y, %H:%M"
EVENTS = ("fog bell", "lamp lit", "lamp out", "ship passed", "boat hailed", "buoy adrift", "crew relieved")


def written(seconds):
    """A time in words."""
    if FIXED:
        return time.strftime(FORM, time.gmtime(seconds))
    return subprocess.getoutput(f"date -u -d @{seconds} '+{FORM}'")


class Log:
    """Lines of seconds, event and remark."""

    def __init__(self, lines):
        self.lines = lines

    def entries(self):
        for line in self.lines:
            seconds, event, remark = line.split("\t")
            yield int(seconds), event, remark


def copy(log):
    """The log as pages, one for each day, with a heading."""
    pages = collections.OrderedDict()
    for seconds, event, remark in log.entries():
        day, hour = written(seconds).rsplit(", ", 1)
        pages.setdefault(day, []).append(f"  {hour}  {event:14}{remark}".rstrip())
    return pages


def fogs(pages):
    """On which days of the week the bell rang, and how often."""
    rung = collections.Counter()
    for day, lines in pages.items():
        rung[day.split()[0]] += sum("fog bell" in line for line in lines)
    return sorted(rung.items())


def log_of(entries):
    made, seconds = random.Random(88), 987_654_321
    for _ in range(entries):
        seconds += made.randrange(600, 9_000)
        event = made.choice(EVENTS)
        remark = f"bearing {made.randrange(360)}" if event in ("ship passed", "buoy adrift") else ""
        yield f"{seconds}\t{event}\t{remark}"


if __name__ == "__main__":
    os.environ["LC_ALL"] = "C"
    pages = copy(Log(list(log_of(900))))
    last = next(reversed(pages))
    print(len(pages), "days; on", last)
    print("\n".join(pages[last]))
    print(*fogs(pages))
