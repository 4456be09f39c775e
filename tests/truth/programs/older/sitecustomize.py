"""What the programs use and Pythons before 3.8 lack, put there before a program starts (PYTHONPATH names this folder)."""

import sys
import threading
import time


def thread_time_ns():
    import resource

    used = resource.getrusage(1)  # of the thread
    return int((used.ru_utime + used.ru_stime) * 1e9)


def get_native_id(call=[]):
    if not call:  # an import later would wait for one that parks
        import ctypes

        call.append(ctypes.CDLL(None).syscall)
    return call[0](186)  # gettid, x86_64


def run(coroutine):
    import asyncio

    return asyncio.new_event_loop().run_until_complete(coroutine)


if sys.version_info < (3,):
    time.perf_counter = time.time
    time.process_time = time.clock
if sys.version_info < (3, 7):
    time.thread_time_ns = thread_time_ns
    time.perf_counter_ns = lambda: int(time.perf_counter() * 1e9)
if sys.version_info < (3, 8):
    threading.get_native_id = get_native_id
    threading.get_ident = getattr(threading, "get_ident", None) or threading._get_ident
if (3,) < sys.version_info < (3, 7):
    import asyncio

    asyncio.run = run
