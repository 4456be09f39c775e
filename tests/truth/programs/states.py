"""One state of a thread at a time: `states.py PHASE SECONDS`. The thread `subject` (and its twin) does nothing else.

Phases: sleep, lock, gil, hash, io, busy. The line printed at the end has what each thread
knows of itself: wall and CPU time, and the states that these can be.
"""

import hashlib
import json
import os
import sys
import threading
import time

SPENT = {}


def measured(name, body, *args):
    wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
    body(*args)
    SPENT[name] = {
        "wall_ns": time.perf_counter_ns() - wall,
        "cpu_ns": time.thread_time_ns() - cpu,
        "tid": threading.get_native_id(),
    }


def start(name, body, *args):
    thread = threading.Thread(target=measured, args=(name, body) + args, name=name)
    thread.start()
    return thread


def sleep_body(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        time.sleep(0.05)


def lock_body(lock):
    with lock:
        pass


def spin_body(seconds):
    end = time.perf_counter() + seconds
    x = 0
    while time.perf_counter() < end:
        for i in range(10000):
            x += i
    return x


def hash_body(seconds):
    data = b"x" * (8 << 20)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        hashlib.sha256(data).digest()


def io_body(descriptor):
    while os.read(descriptor, 100):
        pass


def phase_sleep(seconds):
    start("subject", sleep_body, seconds).join()
    return {"subject": ["sleep"]}


def phase_lock(seconds):
    lock = threading.Lock()
    lock.acquire()
    waiter = start("subject", lock_body, lock)
    time.sleep(seconds)
    lock.release()
    waiter.join()
    return {"subject": ["lock"]}


def phase_gil(seconds):
    twins = [start("subject", spin_body, seconds), start("twin", spin_body, seconds)]
    for twin in twins:
        twin.join()
    return {
        "subject": ["python", "on-cpu", "gil-wait", "runnable"],
        "twin": ["python", "on-cpu", "gil-wait", "runnable"],
    }


def phase_hash(seconds):
    start("subject", hash_body, seconds).join()
    # A Python that was built without OpenSSL has its own code for it, which keeps the GIL.
    return {"subject": ["native" if "openssl" in repr(hashlib.sha256) else "native+gil", "on-cpu"]}


def phase_io(seconds):
    reader, writer = os.pipe()
    thread = start("subject", io_body, reader)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        os.write(writer, b"x")
        time.sleep(0.05)
    os.close(writer)
    thread.join()
    return {"subject": ["io"]}


def phase_busy(seconds):
    start("subject", spin_body, seconds).join()
    return {"subject": ["python", "on-cpu"]}


PHASES = {
    "sleep": phase_sleep,
    "lock": phase_lock,
    "gil": phase_gil,
    "hash": phase_hash,
    "io": phase_io,
    "busy": phase_busy,
}

if __name__ == "__main__":
    states = PHASES[sys.argv[1]](float(sys.argv[2]) if len(sys.argv) > 2 else 1.5)
    print(json.dumps({"threads": SPENT, "states": states}))
