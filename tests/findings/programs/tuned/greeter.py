"""Prints greetings from a list; charts and statistics of them are made on request only.

needs: numpy
finds: import-time in charts
"""

import sys

FIXED = sys.argv[1:] == ["fixed"]
NAMES = ("Ada", "Blaise", "Charles", "Dorothy", "Edsger", "Frances", "Grace")


def charts():
    """What draws charts, loaded in time."""
    import numpy.polynomial
    import numpy.random
    import numpy.testing

    return numpy


def statistics(values):
    numpy = charts()
    fitted = numpy.polynomial.Polynomial.fit(range(len(values)), values, 2)
    return fitted.coef


def greet(name, hour):
    part = "morning" if hour < 11 else "day" if hour < 18 else "evening"
    return f"Good {part}, {name}."


def letters(count):
    for number in range(count):
        yield greet(NAMES[number % len(NAMES)], number % 24)


def widest(lines):
    return max(len(line) for line in lines)


if __name__ == "__main__":
    if not FIXED:
        charts()
    lines = list(letters(60_000))
    print(len(lines), widest(lines), lines[11])
