"""Five functions with 50, 30, 15, 4 and 1 % of the work. Each measures itself on its thread's CPU clock.

The same block of work is done 50, 30, 15, 4 and 1 times; what each function really took is printed at the end, and what
the whole process took since its start.
"""

import json
import os
import sys
import time

CHAINS = {".*": r"<module>( main( work_50| work_30| work_15| work_4| work_1)?)?"}

UNIT = 1500


def work_50():
    x = 1
    for _ in range(50 * UNIT):
        x = (x * 1103515245 + 12345) & 0x3FFFFFFF
    return x


def work_30():
    x = 1
    for _ in range(30 * UNIT):
        x = (x * 1103515245 + 12345) & 0x3FFFFFFF
    return x


def work_15():
    x = 1
    for _ in range(15 * UNIT):
        x = (x * 1103515245 + 12345) & 0x3FFFFFFF
    return x


def work_4():
    x = 1
    for _ in range(4 * UNIT):
        x = (x * 1103515245 + 12345) & 0x3FFFFFFF
    return x


def work_1():
    x = 1
    for _ in range(1 * UNIT):
        x = (x * 1103515245 + 12345) & 0x3FFFFFFF
    return x


def main(seconds):
    # Before 3.7 the process's clock, in seconds: there is one thread. A thread's own would be Python's code there.
    clock = time.thread_time_ns if sys.version_info >= (3, 7) else time.clock
    spent = [0, 0, 0, 0, 0]
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        t0 = clock()
        work_50()  # -> work_50
        t1 = clock()
        work_30()  # -> work_30
        t2 = clock()
        work_15()  # -> work_15
        t3 = clock()
        work_4()  # -> work_4
        t4 = clock()
        work_1()  # -> work_1
        t5 = clock()
        spent[0] += t1 - t0
        spent[1] += t2 - t1
        spent[2] += t3 - t2
        spent[3] += t4 - t3
        spent[4] += t5 - t4
    return dict(zip(("work_50", "work_30", "work_15", "work_4", "work_1"), spent))


spent_ns = main(float(sys.argv[1]) if len(sys.argv) > 1 else 3.0)  # -> main
total_ns = sum(spent_ns.values())
shares = {}
for name, ns in spent_ns.items():
    shares[name] = float(ns) / total_ns
print(json.dumps({"spent_ns": spent_ns, "shares": shares, "cpu_s": sum(os.times()[:2])}))
