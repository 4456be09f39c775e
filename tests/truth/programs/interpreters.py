"""One thread, two interpreters: it works outside, then inside a subinterpreter, again and again, and says how long.

interpreters.py [thread]: with `thread` not the main thread does so. Ends with 77 where there are no subinterpreters.
"""

import json
import sys
import threading
import time

try:
    import _interpreters as interpreters
except ImportError:
    try:
        import _xxsubinterpreters as interpreters
    except ImportError:
        sys.exit(77)

INSIDE = """
import json, time
def inside_spin(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        for _ in range(100):
            pass
def inside_sleep(seconds):
    time.sleep(seconds)
inside_spin(0.25)
inside_sleep(0.15)
"""


def outside_spin(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        for _ in range(100):
            pass


def outside_sleep(seconds):
    time.sleep(seconds)


def work():
    other = interpreters.create()
    for _ in range(2):
        outside_spin(0.25)
        interpreters.run_string(other, INSIDE)
        outside_sleep(0.15)
    interpreters.destroy(other)


def main():
    if sys.argv[1:] == ["thread"]:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    else:
        work()
    print(json.dumps({"spin_s": 0.5, "sleep_s": 0.3}))


main()
