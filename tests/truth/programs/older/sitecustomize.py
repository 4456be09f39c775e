"""What the programs use and Pythons before 3.8 lack, put there before a program starts (PYTHONPATH names this folder)."""

import sys
import threading
import time


def thread_time_ns(call=[]):
    if hasattr(time, "clock_gettime"):
        return int(time.clock_gettime(3) * 1e9)  # CLOCK_THREAD_CPUTIME_ID
    import ctypes

    if not call:
        call.append(ctypes.PyDLL("librt.so.1").clock_gettime)
    now = (ctypes.c_long * 2)()
    call[0](3, now)
    return now[0] * 1000000000 + now[1]


def get_native_id(call=[]):
    if not call:  # an import later would wait for one that parks
        import ctypes

        call.append(ctypes.CDLL(None).syscall)
    return call[0](186)  # gettid, x86_64


def run(coroutine):
    import asyncio

    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


if sys.version_info < (3,):
    time.perf_counter = time.time
    time.process_time = time.clock
if sys.version_info < (3, 7):
    time.thread_time_ns = thread_time_ns
    time.thread_time = lambda: thread_time_ns() / 1e9
    time.perf_counter_ns = lambda: int(time.perf_counter() * 1e9)
if sys.version_info < (3, 8):
    threading.get_native_id = get_native_id
    threading.get_ident = getattr(threading, "get_ident", None) or threading._get_ident
if (3,) < sys.version_info < (3, 7):
    import asyncio

    asyncio.run = run
