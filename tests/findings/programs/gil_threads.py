"""gil-contention: four threads of Python code. With the argument `native` their work releases the GIL."""

import hashlib
import sys
import threading
import time

END = time.monotonic() + 2
BLOCK = bytes(8_000_000)


def python_work():
    total = 0
    while time.monotonic() < END:
        for value in range(2000):
            total = (total * 31 + value) % 65521


def native_work():
    while time.monotonic() < END:
        hashlib.sha256(BLOCK).digest()


threads = [threading.Thread(target=native_work if "native" in sys.argv else python_work) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
