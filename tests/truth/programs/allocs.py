"""Asks for memory and keeps some of it, and says how much: each function's bytes, and those of them that were in use
when the process had most. A child that is forked does the like. With "kill" it ends by SIGKILL."""

import json
import os
import signal
import sys
import threading
import time

kept = [None] * 200_000  # as long as it gets: a list that grows asks for itself again


def small(n):
    for i in range(n):
        kept[i] = bytes(1000)


def dropped(n):
    for _ in range(n):
        bytes(2000)


def grown(n):
    text = bytearray()
    for _ in range(n):
        text += b"x" * 500_000
    return text


def large():
    return bytearray(60_000_000)


def behind():
    kept[-1] = json.loads("[" + ", ".join(["1234567.5"] * 400_000) + "]")


def held_by_thread(start, n):
    for i in range(start, start + n):
        kept[i] = bytes(3000)


def late(start, n):
    for i in range(start, start + n):
        kept[i] = bytes(1500)


def forget():
    kept[:] = [None] * len(kept)


def in_child(n):
    for i in range(n):
        kept[i] = bytes(700)
    time.sleep(0.5)  # a child that is over at once may not be followed


size = sys.getsizeof(b"")
small(40_000)
dropped(100_000)
threads = [threading.Thread(target=held_by_thread, args=(50_000 + 4000 * k, 4000)) for k in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
behind()
big = large()
del big
late(80_000, 12_000)
text = grown(20)
child = os.fork()
if child == 0:
    forget()
    in_child(40_000)
    os._exit(0)
os.waitpid(child, 0)
print(
    json.dumps(
        {
            "small": [40_000 * (size + 1000)] * 2,
            "dropped": [100_000 * (size + 2000), 0],
            "held_by_thread": [16_000 * (size + 3000)] * 2,
            "large": [60_000_000] * 2,
            "late": [12_000 * (size + 1500), 0],
            "in_child": [40_000 * (size + 700)] * 2,
        }
    ),
    flush=True,
)
if sys.argv[1:] == ["kill"]:
    os.kill(os.getpid(), signal.SIGKILL)
