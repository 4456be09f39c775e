"""Not hot-loop: a daemon that burns a core beside a main thread with its own pace; with "join", a thread waited for."""

import sys
import threading
import time

END = time.monotonic() + float(sys.argv[2]) if len(sys.argv) > 2 else time.monotonic() + 1.5


def checksum(rounds):
    total = 0
    for i in range(rounds):
        total = (total * 31 + i) % 65521
        total ^= i & 255
    return total


def poll():
    while time.monotonic() < END:
        checksum(2000)


def main():
    thread = threading.Thread(target=poll, name="poller", daemon=True)
    thread.start()
    if sys.argv[1:2] == ["join"]:
        thread.join()
    elif sys.argv[1:2] == ["event"]:
        done = threading.Event()
        threading.Thread(target=lambda: (thread.join(), done.set()), name="watcher").start()
        done.wait()
    else:
        while time.monotonic() < END:
            time.sleep(0.25)


main()
