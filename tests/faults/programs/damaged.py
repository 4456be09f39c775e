"""Damages its own interpreter on request: a thread `victim` stands five calls deep in one line, and the main thread
writes over the structures that a reader from outside follows.

damaged.py sleeps|spins: the victim sleeps there, or runs. It never leaves that line, so it stands the damage, and what
it runs is C code, which takes and gives the GIL. One command a line on standard input, one answer a line:

hurt KIND   damages one structure (KINDS); "no" when this version has no such structure
word N V    writes V over word N of the interpreter's own table of offsets (3.13+); "words" says how many there are
heal        puts everything back
truth       the victim's stack as it is, innermost first, as JSON
storm S     hurts and heals in turns for S seconds: [[kind, from, to], ...] as JSON, wall clock, of each stretch of damage.
            A victim that sleeps wakes up in each, so that it goes to sleep with the damage, and once without
"""

from __future__ import print_function

import ctypes
import functools
import gc
import json
import os
import sys
import threading
import time

VERSION = sys.version_info[:2]
LONGER = "t" in getattr(sys, "abiflags", "") or (hasattr(sys, "getobjects") and VERSION < (3, 13))
FRAME_HEAD = 16 + (16 if LONGER else 0)
PREVIOUS = 24 if VERSION < (3, 11) else 48 if VERSION == (3, 11) else 8
CODE = 32 if VERSION <= (3, 11) else 0
NEXT = 8 if VERSION > (2, 7) else 0
STR_LENGTH, BYTES_LENGTH = FRAME_HEAD, FRAME_HEAD
PAGE, CHUNK = 4096, 16384
WORK_BYTES = 1 << 17  # of some 10 microseconds
HURT_S, WELL_S = 0.003, 0.0015
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]

SPINS = sys.argv[1:] == ["spins"]
gate = threading.Lock()
gate.acquire()
busy = gate.acquire
if SPINS:
    room = ctypes.create_string_buffer(WORK_BYTES)
    libc.memset.restype = ctypes.c_void_p
    libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    busy = functools.partial(libc.memset, room, 1, WORK_BYTES)
undo = []
kept = []
parked = threading.Event()
victim_state = None
victim_code = None


def first():
    second()


def second():
    third()


def third():
    global victim_state, victim_code
    get = ctypes.pythonapi.PyThreadState_Get
    get.restype = ctypes.c_void_p
    victim_state = get()
    victim_code = sys._getframe().f_code
    parked.set()
    all(iter(busy, None))  # for ever; one line, so that it is the same whenever it is looked at


def load(address):
    return ctypes.c_uint64.from_address(address).value


def store(address, value):
    undo.append((address, load(address)))
    ctypes.c_uint64.from_address(address).value = value & (1 << 64) - 1


def frames():
    """Addresses of the victim's frames, innermost first, as the walker follows them."""
    frame = sys._current_frames()[thread.ident]
    found = []
    while frame is not None:
        found.append(id(frame) if VERSION < (3, 11) else load(id(frame) + FRAME_HEAD + 8))
        frame = frame.f_back
    return found


def linked(at, value):
    store(where[at] + PREVIOUS, value)


def fake_states():
    """A list of a million thread states, each a copy of the victim's."""
    size, count = 1024, 1000000
    place = libc.mmap(None, size * count, 3, 0x4022, -1, 0)
    kept.append((place, size * count))
    image = ctypes.string_at(victim_state, size)
    for i in range(count):
        if i < 3000:
            ctypes.memmove(place + i * size, image, size)
        ctypes.c_uint64.from_address(place + i * size + NEXT).value = place + (i + 1) % count * size
    store(victim_state + NEXT, place)


def unmap():
    """The pages in which the victim's frames lie."""
    start = where[0] & ~(PAGE - 1)
    saved = ctypes.string_at(start, CHUNK)
    libc.munmap(start, CHUNK)

    def back():
        libc.mmap(start, CHUNK, 3, 0x32, -1, 0)
        ctypes.memmove(start, saved, CHUNK)

    undo.append(back)


def table():
    return id(victim_code.co_linetable if VERSION >= (3, 10) else victim_code.co_lnotab)


KINDS = {
    "self-link": lambda: linked(0, where[0]),
    "cycle": lambda: linked(2, where[0]),
    "last-link": lambda: linked(-1, where[1]),
    "no-address": lambda: linked(1, 0x4141414141414141),
    "kernel-address": lambda: linked(1, 0xFFFFFFFF81000000),
    "odd-address": lambda: linked(1, where[2] + 3),
    "null-page": lambda: linked(1, 8),
    "foreign-link": lambda: linked(1, id(KINDS)),
    "foreign-code": lambda: store(where[1] + CODE, id(KINDS)),
    "no-code": lambda: store(where[1] + CODE, 0x10),
    "name-length": lambda: store(id(victim_code.co_name) + STR_LENGTH, 1 << 62),
    "name-negative": lambda: store(id(victim_code.co_name) + STR_LENGTH, -1),
    "file-length": lambda: store(id(victim_code.co_filename) + STR_LENGTH, 3 << 30),
    "name-no-text": lambda: store(id(victim_code.co_name) + FRAME_HEAD - 8, id(KINDS)),
    "list-self": lambda: store(victim_state + NEXT, victim_state),
    "list-nowhere": lambda: store(victim_state + NEXT, 0x123456789),
    "list-foreign": lambda: store(victim_state + NEXT, id(KINDS)),
    "list-endless": fake_states,
    "unmapped": unmap if VERSION >= (3, 11) else None,
}


def heal():
    while undo:
        last = undo.pop()
        if callable(last):
            last()
        else:
            ctypes.c_uint64.from_address(last[0]).value = last[1]
    while kept:
        libc.munmap(*kept.pop())


def truth():
    frame = sys._current_frames()[thread.ident]
    shown = []
    while frame is not None:
        code = frame.f_code
        shown.append([getattr(code, "co_qualname", code.co_name), frame.f_lineno, code.co_filename])
        frame = frame.f_back
    return json.dumps(shown)


def wake():
    """A victim that sleeps takes the gate, and sleeps at it again: who sleeps on is not read again."""
    if SPINS:
        return
    gate.release()
    while not gate.locked():
        time.sleep(0.0001)


def storm(seconds):
    end, stretches = time.time() + seconds, []
    quick = [name for name, what in KINDS.items() if what and name not in ("list-endless", "unmapped")]
    while time.time() < end:
        for name in quick:
            KINDS[name]()
            start = time.time()
            wake()
            time.sleep(HURT_S)
            stretches.append([name, start, time.time()])
            heal()
            wake()
            time.sleep(WELL_S)
    return stretches


def offsets():
    return ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, "_PyRuntime"))


def answer(words):
    if words[0] == "truth":
        return truth()
    if words[0] == "heal":
        heal()
    elif words[0] == "hurt":
        if KINDS[words[1]] is None:
            return "no"
        KINDS[words[1]]()
    elif words[0] == "kinds":
        return " ".join(KINDS)
    elif words[0] == "words":  # up to the first word behind the table: a pointer or nothing
        return str({(3, 13): 73, (3, 14): 95, (3, 15): 111}.get(VERSION, 0))
    elif words[0] == "word":
        old = load(offsets() + int(words[1]) * 8)
        store(offsets() + int(words[1]) * 8, int(words[2]) + (old if words[2][0] in "+-" else 0))
    elif words[0] == "storm":
        return json.dumps(storm(float(words[1])))
    return "done"


gc.disable()  # collections follow frames
getattr(sys, "setswitchinterval", lambda _: None)(0.0005)  # who damages does not wait for who runs
thread = threading.Thread(target=first, name="victim")
thread.daemon = True
thread.start()
parked.wait()
time.sleep(0.05)
where = frames()
print("ready")
sys.stdout.flush()
for line in iter(sys.stdin.readline, ""):
    print(answer(line.split()))
    sys.stdout.flush()
os._exit(0)  # its own lists are not trusted at the end
