"""timed.py SCRIPT NAME SECONDS [LIBRARY]: whole rounds of one of pyperformance's programs, until so much CPU time is spent.

With LIBRARY (tests/tools/time_frames.c) every call of a function stands between two readings of the clock, and what they
come to is printed, by qualified name: {"functions": {name: {"calls", "made", "ns"}}, "call_ns": …, "reading_ns": …}.
call_ns is what a call takes between its readings that makes two numbers, and lets go of them and of an object with three.
Garbage is not collected: that would be no function's time.
"""

import ctypes
import gc
import importlib.util
import json
import sys
import time
import types

ROUNDS = {
    "richards": lambda module: module.Richards().run(1),
    "hexiom": lambda module: module.main(1, 25),
    "raytrace": lambda module: module.bench_raytrace(1, 100, 100, None),
}
LONGEST_NS = 5000  # longer stretches between two calls are rare
CALLS = 50000


class Row(ctypes.Structure):
    _fields_ = [("code", ctypes.c_void_p)] + [(name, ctypes.c_uint64) for name in ("calls", "made", "ns")]


class Held:
    def __init__(self, x, y, z):
        self.x = x
        self.y = y
        self.z = z


def lets_go(held):
    number = held.x + 1.5
    other = number * held.y  # noqa: F841


def calibrate():
    for i in range(CALLS):
        lets_go(Held(i + 0.1, i + 0.2, i + 0.3))


def load(path):
    sys.modules["pyperf"] = types.SimpleNamespace(perf_counter=time.perf_counter)  # all that the rounds want of it
    spec = importlib.util.spec_from_file_location("program", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rounds(module, name, seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        if ROUNDS[name](module) is False:
            sys.exit(f"{name} came to something else")


def table(library):
    rows, at = {}, 0
    library.time_frames_row.argtypes, library.time_frames_row.restype = [ctypes.c_size_t], ctypes.POINTER(Row)
    while row := library.time_frames_row(at):
        at += 1
        if row[0].code:
            code = ctypes.cast(row[0].code, ctypes.py_object).value
            rows[code.co_filename, code.co_qualname, code.co_firstlineno] = row[0]
    return rows


def told(library, rows, script):
    functions = {}
    for (file, name, _), row in rows.items():
        if file == script:
            one = functions.setdefault(name, {"calls": 0, "made": 0, "ns": 0})
            for key in one:
                one[key] += getattr(row, key)
    most = next(row for (_, name, _), row in rows.items() if name == "lets_go")
    library.time_frames_reading_ns.restype = ctypes.c_double
    return {"functions": functions, "call_ns": most.ns / most.calls, "reading_ns": library.time_frames_reading_ns()}


def main(script, name, seconds, path=""):
    gc.disable()
    module = load(script)
    if not path:
        rounds(module, name, float(seconds))
        return
    library = ctypes.PyDLL(path)
    if library.time_frames_begin(ctypes.c_uint64(LONGEST_NS)) != 0:
        sys.exit("this interpreter has no such place to time frames in")
    calibrate()
    rounds(module, name, float(seconds))
    calibrate()
    library.time_frames_end()
    print(json.dumps(told(library, table(library), script)))


main(*sys.argv[1:])
