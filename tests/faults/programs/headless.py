"""Its first thread ends (pthread_exit), the others go on: prints `ready` then; status 7 when its standard input ends."""

import ctypes
import os
import sys
import threading
import time


def inner():
    return sum(range(3000))


def works():
    while True:
        inner()


def rests():
    time.sleep(600)


def ends():
    while ") Z" not in open("/proc/self/task/%d/stat" % os.getpid()).read():
        time.sleep(0.01)
    os.write(1, b"ready\n")
    sys.stdin.read()
    os._exit(7)


for what in (works, rests, ends):
    threading.Thread(target=what, name=what.__name__).start()
ctypes.CDLL(None).pthread_exit(None)
