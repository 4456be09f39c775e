# mypy: ignore-errors
"""What stacks.py and stacks_2.py share: threads that park in the stack they got into, and the truth about them.

TRUTH gets a JSON object: native thread id -> {"name": ..., "frames": [[function, line, file], ...]}, innermost frame
first. The thread that writes it is not part of it. Runs on every Python from 2.7 on.
"""

import json
import os
import sys
import threading
import time

READY = threading.Semaphore(0)
GATE = threading.Lock()
GATE.acquire()
NATIVE = {threading.get_ident(): threading.get_native_id()}  # thread identifier -> kernel's id


def ready():
    NATIVE[threading.get_ident()] = threading.get_native_id()
    READY.release()


def park():
    ready()
    GATE.acquire()


def sleeping():
    ready()
    time.sleep(100000)


def stacks(own):
    result = {}
    for ident, frame in sys._current_frames().items():
        frames = []
        while frame is not None and ident != own:
            frames.append([frame.f_code.co_name, frame.f_lineno, frame.f_code.co_filename])
            frame = frame.f_back
        if ident != own:
            result[ident] = frames
    return result


def write_truth(path, count):
    for _ in range(count + 1):
        READY.acquire()
    own = threading.get_ident()
    names = dict((thread.ident, thread.name) for thread in threading.enumerate())
    before, now = None, {}
    while now != before or not now:  # until all of them have got from release() into the lock
        time.sleep(0.05)
        before, now = now, stacks(own)
    truth = {}
    for ident, frames in now.items():
        truth[NATIVE[ident]] = {"name": names[ident], "frames": frames}
    with open(path + ".new", "w") as file:
        json.dump(truth, file)
    os.rename(path + ".new", path)
    GATE.acquire()


def start(kind, name, target, *arguments):
    thread = kind(target=target, args=arguments, name=name)
    thread.daemon = True
    thread.start()


def main(scenarios, kinds=None):
    """`scenarios`: name -> (function, arguments...); `kinds`: function -> class of thread."""
    for number in range(64):
        scenarios["pool %d" % number] = (scenarios["deep 20"][0], number % 7)
    wanted = sys.argv[2:] or [name for name in scenarios if not name.startswith("pool")]
    sys.setrecursionlimit(20000)
    threading.stack_size(256 << 20)
    for name in wanted:
        call = scenarios[name]
        start((kinds or {}).get(call[0], threading.Thread), name, *call)
    start(threading.Thread, "writer", write_truth, sys.argv[1], len(wanted))
    park()
