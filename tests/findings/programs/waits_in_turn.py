"""io-wait: sixty answers from a slow neighbour, one after the other. An argument says how many at once, and how many."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

AT_ONCE = int(sys.argv[1]) if len(sys.argv) > 1 else 1
WAITS = int(sys.argv[2]) if len(sys.argv) > 2 else 60
SECONDS = sys.argv[3] if len(sys.argv) > 3 else "0.025"
SERVER = f"while read line; do sleep {SECONDS}; echo $line; done"


def ask(neighbour, number):
    neighbour.stdin.write(b"%d\n" % number)
    neighbour.stdin.flush()
    return int(neighbour.stdout.readline())


def ask_all(count):
    pipe = subprocess.PIPE
    with subprocess.Popen(["sh", "-c", SERVER], stdin=pipe, stdout=pipe) as neighbour:
        total = 0
        for number in range(count):
            total += ask(neighbour, number)
        neighbour.stdin.close()
    return total


if AT_ONCE == 1:
    print(ask_all(WAITS))
else:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        print(sum(pool.map(ask_all, [WAITS] * AT_ONCE)))
