"""A fixed amount of interpreter work at a given depth, `steady.py DEPTH UNITS`: prints what it took, and nothing else varies."""

import json
import sys
import time


def leaf(n):
    total = 0
    for i in range(n):
        total += i & 7
    return total


def down(depth, n):
    if depth <= 1:
        return leaf(n)
    return down(depth - 1, n)


def main(depth, units):
    wall, cpu = time.perf_counter(), time.thread_time()
    check = 0
    for _ in range(units):
        check += down(depth - 2, 20000)
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


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
