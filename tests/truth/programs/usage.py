"""Uses memory, CPU time and waits, at once and to the end, and says what getrusage() has of it.

usage.py [exec]: with `exec` it becomes this program again, and says what both used.
"""

import json
import os
import resource
import sys
import threading
import time

CPU = getattr(time, "process_time", None) or time.clock  # 2.7


def touch(megabytes):
    block = bytearray(megabytes << 20)
    for at in range(0, len(block), 4096):
        block[at] = 1


def wait(times, then_s=0):
    for _ in range(times):
        time.sleep(0.0005)
    time.sleep(then_s)


def main():
    touch(8)
    wait(100)
    thread = threading.Thread(target=wait, args=(200, 0.6))  # it is looked at five times a second
    thread.start()
    thread.join()
    end = CPU() + 0.3
    while CPU() < end:
        touch(1)
    wait(50)
    if sys.argv[1:] == ["exec"]:
        os.execv(sys.executable, [sys.executable, __file__])
    usage = resource.getrusage(resource.RUSAGE_SELF)
    told = {
        "pid": os.getpid(),
        "minor_faults": usage.ru_minflt,
        "voluntary_switches": usage.ru_nvcsw,
        "user_time": usage.ru_utime,
        "system_time": usage.ru_stime,
    }
    os.write(1, json.dumps(told).encode() + b"\n")
    os._exit(0)


main()
