"""Two tasks that take turns some hundred thousand times, each with functions of its own; a thread that has none.

CHAINS is empty on purpose: tests/truth/test_tasks.py knows which functions belong to which task.
"""

import asyncio
import sys
import threading
import time

END = time.monotonic() + float(sys.argv[1])


def left_leaf():
    return 1


def right_leaf():
    return 2


def apart():
    total = 0
    while time.monotonic() < END:
        total += 1


async def left_inner():
    left_leaf()
    await asyncio.sleep(0)
    left_leaf()


async def right_inner():
    right_leaf()
    await asyncio.sleep(0)
    right_leaf()


async def left():
    while time.monotonic() < END:
        await left_inner()


async def right():
    while time.monotonic() < END:
        await right_inner()


async def brief_left():
    left_leaf()
    await asyncio.sleep(0)


async def many():
    """Tasks that live for one turn, at addresses that the next ones get again."""
    while time.monotonic() < END:
        task = asyncio.ensure_future(brief_left())
        task.set_name("brief-left")
        await task


async def main():
    tasks = [asyncio.ensure_future(one) for one in (left(), right(), many())]
    for task, name in zip(tasks, ("left", "right", "many")):
        task.set_name(name)
    asyncio.current_task().set_name("parent")
    await asyncio.gather(*tasks)


threading.Thread(target=apart, name="apart").start()
asyncio.run(main())
