"""Watches the temperatures of a boiler and reports values that stand out from all before.

finds: growth in watch at `mean = sum(history) / len(history)`
"""

import random
import sys

FIXED = sys.argv[1:] == ["fixed"]


def measured(count):
    made = random.Random(8)
    level = 620
    for _ in range(count):
        level += made.choice((-3, -1, 0, 1, 3))
        level = min(900, max(400, level))
        yield level + (180 if made.random() < 0.002 else 0)


def stands_out(value, mean):
    return abs(value - mean) > 0.3 * mean


def watch(values):
    history, alarms, total = [], [], 0
    for minute, value in enumerate(values):
        history.append(value)
        if FIXED:
            total += value
            mean = total / len(history)
        else:
            mean = sum(history) / len(history)
        if stands_out(value, mean):
            alarms.append((minute, value, round(mean, 3)))
    return history, alarms


def summary(history, alarms):
    lines = [f"values {len(history)}, between {min(history)} and {max(history)}", f"alarms {len(alarms)}"]
    lines += [f"  minute {minute}: {value} at a mean of {mean}" for minute, value, mean in alarms[:5]]
    return "\n".join(lines)


if __name__ == "__main__":
    print(summary(*watch(measured(30_000))))
