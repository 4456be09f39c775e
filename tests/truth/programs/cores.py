"""Threads that stay on the cores they are told to: CORE,… HOW. Says for each, as the scheduler counted them, the core,
its CPU time and how long it wanted a core and had none, in ns. HOW: spin (hashes, without the GIL), naps (and sleeps in
between, so that it is nearly always found asleep)."""

import hashlib
import json
import os
import sys
import threading
import time

SPIN_S, NAPS_S = 1.0, 0.2
cores = [int(word) for word in sys.argv[1].split(",")]
how = sys.argv[2]
block = bytes(1 << 20) if how == "spin" else bytes(1 << 15)
said = []


def work(core):
    os.sched_setaffinity(0, {core})  # of this thread
    while time.clock_gettime(time.CLOCK_THREAD_CPUTIME_ID) < (SPIN_S if how == "spin" else NAPS_S):
        hashlib.sha256(block).digest()
        if how == "naps":
            time.sleep(0.001)
    with open("/proc/self/task/%d/schedstat" % threading.get_native_id()) as file:
        run, delay = file.read().split()[:2]
    said.append([core, int(run), int(delay)])


os.sched_setaffinity(0, {cores[0]})
threads = [threading.Thread(target=work, args=(core,)) for core in cores]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps(said))
