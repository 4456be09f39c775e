"""A fixed amount of work whose hot lines search, extend and index, `operands.py UNITS`: prints what it took."""

import json
import sys
import time


def work(units):
    numbers, table, found = list(range(300)), {i: i for i in range(300)}, 0
    for unit in range(units):
        for i in range(100):
            if -1 in numbers:
                found += 1
            found += table[i] + numbers[i]
        text = b""
        for i in range(50):
            text = text + b"word"
        found += len(text)
    return found


def main(units):
    wall, cpu = time.perf_counter(), time.thread_time()
    check = work(units)
    print(
        json.dumps(
            {
                "wall_s": time.perf_counter() - wall,
                "cpu_s": time.thread_time() - cpu,
                "process_cpu_s": time.process_time(),
                "check": check,
            }
        )
    )


main(int(sys.argv[1]))
