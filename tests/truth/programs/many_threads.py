"""Many named threads, `many_threads.py SECONDS [COUNT]`: those with an even number work in other functions than the odd.

Says which of them lived for LONG_S at least: on a busy machine the last are born at the end.
"""

import json
import sys
import threading
import time

CHAINS = {
    "MainThread": r"<module>( start( lib)?| lib)?",
    r"even-\d+": r"boot( work_even( mid_even( leaf_even)?| nap)?)?",
    r"odd-\d+": r"boot( work_odd( mid_odd( leaf_odd)?| nap)?)?",
}

# All of them together want the same, however many they are.
LONG_S = 0.4
SHARE = max(1, float(sys.argv[2]) / 64 if len(sys.argv) > 2 else 1)


def leaf_even():
    return 1


def leaf_odd():
    return 2


def mid_even():
    return leaf_even()  # -> leaf_even


def mid_odd():
    return leaf_odd()  # -> leaf_odd


def nap():
    time.sleep(0.05 * SHARE)


def work_even(end):
    while time.perf_counter() < end:
        for _ in range(int(8000 / SHARE)):
            mid_even()  # -> mid_even
        nap()  # -> nap


def work_odd(end):
    while time.perf_counter() < end:
        for _ in range(int(8000 / SHARE)):
            mid_odd()  # -> mid_odd
        nap()  # -> nap


def start(seconds, count):
    end = time.perf_counter() + seconds
    threads = []
    names = []
    long_lived = 0
    for i in range(count):
        name, work = ("odd-%d", work_odd) if i % 2 else ("even-%d", work_even)
        names.append(name % i)
        threads.append(threading.Thread(target=work, args=(end,), name=name % i))  # -> library
    for thread in threads:
        thread.start()  # -> library
        long_lived += time.perf_counter() < end - LONG_S
    for thread in threads:
        thread.join()  # -> library
    return names[:long_lived]


seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
count = int(sys.argv[2]) if len(sys.argv) > 2 else 64
names = start(seconds, count)  # -> start
print(json.dumps({"threads": names}))
