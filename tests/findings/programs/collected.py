"""gc-pressure: many lasting objects, looked through again and again. With a threshold as argument: not."""

import gc
import sys
import time

END = time.monotonic() + 1.5
if len(sys.argv) > 1:
    gc.set_threshold(int(sys.argv[1]), 20, 100)


def grow(count: int) -> list:
    nodes: list = [(0, None)]
    for i in range(count):
        nodes.append((i, {"parent": nodes[i // 2]}))
    return nodes


while time.monotonic() < END:
    grow(300_000)
