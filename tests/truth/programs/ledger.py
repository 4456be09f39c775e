"""A thread that knows its own ledger: `ledger.py PHASE SECONDS [CONTROL GROUP]`. The thread `subject` lives for the phase alone.

It times every wait and every stretch of work itself: what it spent on the CPU by its own clock, what it waited for a
core by the scheduler's counters, the rest by what it waited in. The line printed at the end has these times in ns.
"""

import gc
import importlib
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

SPENT = {}
GATE = threading.Event()
END = []


def scheduled():
    """Time on a core (schedstat's is behind by up to a tick) and time waiting for one, of this thread."""
    with open("/proc/thread-self/schedstat") as file:
        delay = int(file.read().split()[1])
    return time.thread_time_ns(), delay


class Spell:
    """One stretch: its time off the CPU that was no wait for a core goes to `name`, or its CPU time does."""

    def __init__(self, name, cpu=False):
        self.name, self.cpu = name, cpu

    def __enter__(self):
        self.wall, self.start = time.perf_counter_ns(), scheduled()

    def __exit__(self, *_):
        run, delay = (now - then for now, then in zip(scheduled(), self.start))
        off = time.perf_counter_ns() - self.wall - run - delay
        SPENT[self.name] = SPENT.get(self.name, 0) + (run if self.cpu else max(0, off))


def spin(seconds):
    end = time.thread_time() + seconds
    x = 0
    while time.thread_time() < end:
        for i in range(2000):
            x += i


def rounds(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        yield


def phase_waits(seconds):
    """Sleeps, answers over a socket, a lock that another thread holds."""
    near, far = socket.socketpair()
    lock = threading.Lock()

    def other():
        while far.recv(1):
            time.sleep(0.03)
            far.send(b"x")
            with lock:
                near_may.set()
                time.sleep(0.025)

    near_may = threading.Event()
    thread = threading.Thread(target=other)
    thread.daemon = True
    thread.start()
    for _ in rounds(seconds):
        near_may.clear()
        near.send(b"x")
        with Spell("io"):
            near.recv(1)
        with Spell("lock"):
            near_may.wait()
        with Spell("lock"):
            lock.acquire()
        lock.release()
        with Spell("sleep"):
            time.sleep(0.02)
        spin(0.01)
    near.close()


def phase_disk(seconds):
    with tempfile.TemporaryFile(dir=".") as file:
        for _ in rounds(seconds):
            with Spell("io"):
                os.write(file.fileno(), b"x" * 65536)
                os.fsync(file.fileno())
            spin(0.004)


def phase_naps(seconds):
    """Sleeps much shorter than the time between two looks."""
    for _ in rounds(seconds):
        with Spell("sleep"):
            time.sleep(0.0001)
        spin(0.002)


def phase_handoffs(seconds):
    """A lock that is let go a moment later, a millisecond apart."""
    asked, given = threading.Lock(), threading.Lock()
    asked.acquire()
    given.acquire()

    def answer():
        while asked.acquire() and not END:
            given.release()

    threading.Thread(target=answer).start()
    for _ in rounds(seconds):
        with Spell("lock"):
            asked.release()
            given.acquire()
        spin(0.001)
    END.append(0)
    asked.release()


def phase_spin(seconds):
    spin(seconds)


def phase_hash(seconds):
    """Native code that gives the GIL away."""
    import hashlib

    data = b"x" * (32 << 20)  # what runs is seen each 4 ms: its turns are longer than that
    name = "native" if "openssl" in repr(hashlib.sha256) else "native+gil"
    for _ in rounds(seconds):
        with Spell(name, cpu=True):
            hashlib.sha256(data).digest()
        spin(0.1)


def phase_kept(seconds):
    """Native code that keeps the GIL."""
    import ctypes

    crc32 = ctypes.PyDLL("libz.so.1").crc32
    crc32.argtypes = [ctypes.c_ulong, ctypes.c_char_p, ctypes.c_uint]
    data = b"x" * (16 << 20)
    for _ in rounds(seconds):
        with Spell("native+gil", cpu=True):
            for _ in range(4):
                crc32(0, data, len(data))
        spin(0.05)


def phase_kernel(seconds):
    """System calls that work for their answer, some 20 ms each."""
    buffer = bytearray(8 << 20)
    with io.open("/dev/urandom", "rb", buffering=0) as device:
        for _ in rounds(seconds):
            with Spell("kernel", cpu=True):
                for _ in range(3):
                    device.readinto(buffer)
            spin(0.05)


def phase_held(seconds):
    """Another thread is in native code that keeps the GIL, for some 50 ms each time."""
    END.append(time.perf_counter() + seconds)
    GATE.set()
    with Spell("gil-wait"):
        spin_until(END[0])


def sort_much():
    values = [(i * 7919) % 1000003 for i in range(150000)]
    GATE.wait()
    while time.perf_counter() < END[0]:
        sorted(values)


def phase_throttled(seconds):
    """A tenth of a core is all that the control group's quota lets it have."""
    end = time.perf_counter() + seconds
    enter_group(sys.argv[3])
    spin_until(end)
    enter_group(os.path.dirname(sys.argv[3]))  # the end of this thread is not to wait for the next period
    spin(0.02)


def phase_capped(seconds):
    """So too, and it ends right behind a wait for the quota: nobody reads its counters once more."""
    end = time.perf_counter() + seconds
    enter_group(sys.argv[3])
    now = before = 0.0
    while now < end or (now - before < 0.03 and now < end + 1):
        before, now = now, time.perf_counter()


def enter_group(folder):
    with open(os.path.join(folder, "cgroup.procs"), "w") as file:
        file.write(str(os.getpid()))


def phase_gc(seconds):
    gc.disable()
    kept = [[i] for i in range(150000)]
    for _ in rounds(seconds):
        with Spell("gc", cpu=True):
            gc.collect()
        spin(0.02)
    del kept


def phase_import(seconds):
    gc.disable()  # a collection is one, wherever it comes
    folder = tempfile.mkdtemp()
    sys.path.insert(0, folder)
    sys.dont_write_bytecode = True
    text = "\n".join("def f%d(x):\n    return [x + %d, {'a': x}]" % (i, i) for i in range(400))
    for number, _ in enumerate(rounds(seconds)):
        name = "made_%d" % number
        with open(os.path.join(folder, name + ".py"), "w") as file:
            file.write(text)
        forget_listings()  # imports too, once: see below
        with Spell("import", cpu=True):
            importlib.import_module(name)
        spin(0.03)


def phase_loop(seconds):
    """An event loop that a sleep without await holds up, beside waits that are its rest."""
    import asyncio

    from ledger_loop import main  # text that 2.7 cannot read

    asyncio.run(main(Spell, rounds(seconds)))


def phase_convoy(seconds):
    """A lock that three others hold while they sleep."""
    lock = threading.Lock()
    end = time.perf_counter() + seconds

    def hold():
        while time.perf_counter() < end:
            with lock:
                time.sleep(0.01)
            time.sleep(0.001)

    others = [threading.Thread(target=hold) for _ in range(3)]
    for other in others:
        other.start()
    while time.perf_counter() < end:
        with Spell("lock"):
            lock.acquire()
        with Spell("sleep"):
            time.sleep(0.01)
        lock.release()
        spin(0.005)
    for other in others:
        other.join()


def phase_fight(seconds):
    """Seven others want the GIL too."""
    END.append(time.perf_counter() + seconds)
    GATE.set()
    with Spell("gil-wait"):
        spin_until(END[0])


phase_pair = phase_fight  # one other


def spin_until(end):
    x = 0
    while time.perf_counter() < end:
        for i in range(20000):
            x += i


def phase_starved(seconds):
    """One core for two processes that compute."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    other = subprocess.Popen(["sh", "-c", "while :; do :; done"])
    spin_until(time.perf_counter() + seconds)
    other.kill()
    other.wait()
    spin(0.02)  # its counters are read once more


PHASES = {name[6:]: value for name, value in list(globals().items()) if name.startswith("phase_")}


def subject(phase, seconds):
    wall, (run, _) = time.perf_counter_ns(), scheduled()
    PHASES[phase](seconds)
    SPENT["wall"] = time.perf_counter_ns() - wall
    SPENT["cpu"] = scheduled()[0] - run
    SPENT["runnable"] = scheduled()[1]  # since its birth, which is when the ledger begins


def rival():
    GATE.wait()
    spin_until(END[0])


forget_listings = getattr(importlib, "invalidate_caches", lambda: None)

if __name__ == "__main__":
    forget_listings()
    scheduled()  # so does this, before 3.3
    for _ in range({"fight": 7, "pair": 1}.get(sys.argv[1], 0)):
        threading.Thread(target=rival, name="rival").start()
    if sys.argv[1] == "held":
        threading.Thread(target=sort_much, name="sorter").start()
    thread = threading.Thread(target=subject, args=(sys.argv[1], float(sys.argv[2])), name="subject")
    thread.start()
    thread.join()
    print(json.dumps(SPENT))
