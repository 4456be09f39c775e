"""Waits of four kinds, one after the other, each timed: for a pipe, a socket, a child, the disk."""

import json
import os
import select
import socket
import subprocess
import sys
import threading
import time

from ledger import SPENT, Spell

SECONDS = float(sys.argv[1])


def feed(write):
    for _ in range(int(SECONDS / 0.02)):
        time.sleep(0.02)
        write(b"x")


def pipe():
    reader, writer = os.pipe()
    other = threading.Thread(target=feed, args=(lambda data: os.write(writer, data),))
    other.start()
    for _ in range(int(SECONDS / 0.02)):
        os.read(reader, 1)
    select.select([reader], [], [], SECONDS)
    other.join()


def network():
    near, far = socket.socketpair()
    other = threading.Thread(target=feed, args=(far.send,))
    other.start()
    for _ in range(int(SECONDS / 0.02)):
        near.recv(1)
    near.settimeout(SECONDS)  # it polls now
    try:
        near.recv(1)
    except (OSError, socket.timeout):
        pass
    other.join()


def child():
    subprocess.Popen(["sleep", str(2 * SECONDS)]).wait()


def disk():
    end = time.perf_counter() + SECONDS
    with open("io_kinds.tmp", "wb") as file:
        while time.perf_counter() < end:
            file.write(b"x" * 400000)
            file.flush()
            os.fsync(file.fileno())


for name, body in (("pipe", pipe), ("network", network), ("subprocess", child), ("disk", disk)):
    with Spell(name):
        body()
print(json.dumps(SPENT))
