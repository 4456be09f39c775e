"""Reads the settings of many hosts and reports those that differ from the rule.

finds: regex-recompile in parse
"""

import re
import sys

FIXED = sys.argv[1:] == ["fixed"]
SETTING = re.compile(r"\s*(\w+)\s*=\s*(.*)$")
NUMBER = re.compile(r"\d+$")


def hosts(count):
    for number in range(count):
        yield (
            f"host{number}",
            [
                f"port = {8000 + number % 7}",
                "# what it serves",
                "root=/srv/www",
                f"workers = {2 + number % 3}",
                "log = yes",
            ],
        )


def parse(lines):
    found = {}
    for line in lines:
        if FIXED:
            match = SETTING.match(line)
        else:
            match = re.match(r"\s*(\w+)\s*=\s*(.*)$", line)
        if match is None:
            continue
        key, value = match.groups()
        number = NUMBER.match(value) if FIXED else re.match(r"\d+$", value)
        found[key] = int(value) if number else value
    return found


def odd(settings):
    return settings["port"] != 8000 or settings["workers"] > 3


def survey(all_hosts):
    return sum(odd(parse(lines)) for _, lines in all_hosts)


if __name__ == "__main__":
    print(survey(hosts(300_000)), "hosts differ")
