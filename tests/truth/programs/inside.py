"""Two threads at known lines: `inside.py MODE`, on any Python from 3.8 on.

stay SECONDS   works until then; says first, in a line of JSON, who its threads are by its own account
work SECONDS   works for that much CPU time, then ends with status 7
"""

import json
import os
import sys
import threading
import time


def rest(seconds):
    time.sleep(seconds)  # it sleeps here


def leaf(n):
    total = 0
    for i in range(n):
        total += i  # it works here
    return total


def spin(until):
    while until():
        leaf(20000)


mode, seconds = sys.argv[1], float(sys.argv[2])
sleeper = threading.Thread(target=rest, args=(seconds,), name="sleeper", daemon=True)
sleeper.start()
end = (time.monotonic if mode == "stay" else time.process_time)() + seconds
if mode == "stay":
    ids = {"MainThread": threading.get_native_id(), "sleeper": sleeper.native_id}
    print(json.dumps({"pid": os.getpid(), "file": rest.__code__.co_filename, "ids": ids}), flush=True)
    spin(lambda: time.monotonic() < end)
spin(lambda: time.process_time() < end)
os._exit(7)
