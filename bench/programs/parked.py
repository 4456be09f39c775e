"""`parked.py THREADS`: so many threads that sleep, 15 calls deep, the main thread 19; says `ready` when all of them do."""

import sys
import threading
import time


def down(depth):
    if depth:
        return down(depth - 1)
    time.sleep(600)


for _ in range(int(sys.argv[1]) - 1):
    thread = threading.Thread(target=down, args=(14,))
    thread.daemon = True
    thread.start()
time.sleep(0.3)
sys.stdout.write("ready\n")
sys.stdout.flush()
down(18)
