"""Fills tables with small objects, replaces them and lets go, `allocs.py UNITS`: prints what it took."""

import json
import sys
import time


def work(units):
    found, kept = 0, {}
    for unit in range(units):
        rows = [(i, str(i)) for i in range(2000)]
        table = {name: [number] for number, name in rows}
        kept[unit % 20] = table
        found += len(table) + len(rows)
    return found


def main(units):
    wall, cpu = time.perf_counter(), time.thread_time()
    check = work(units)
    print(json.dumps({"wall_s": time.perf_counter() - wall, "cpu_s": time.thread_time() - cpu, "check": check}))


main(int(sys.argv[1]))
