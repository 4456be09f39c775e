"""Tasks under uvloop, whose loop has no Python frame: some wait, one computes in between. Says when they do.

With "itself" it calls the loop itself, so that nothing of asyncio or uvloop is on the stack.
"""

import asyncio
import sys
import time

import uvloop


async def leaf() -> None:
    await asyncio.Event().wait()


async def middle() -> None:
    await leaf()


async def gathers() -> None:
    child = asyncio.ensure_future(middle())
    child.set_name("child")
    await asyncio.gather(child)


def crunch(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(200))


async def works(seconds: float) -> None:
    while True:
        crunch(seconds)
        await asyncio.sleep(seconds)


async def main() -> None:
    seconds = float(sys.argv[1])
    tasks = []
    for name, coroutine in (("gathers", gathers()), ("sleeps", asyncio.sleep(600)), ("works", works(0.05))):
        if name == "works" and seconds == 0:
            coroutine.close()
            continue
        task = asyncio.ensure_future(coroutine)
        task.set_name(name)
        tasks.append(task)
    await asyncio.sleep(0.05)
    print("ready", flush=True)
    await asyncio.sleep(seconds or 600)
    for task in tasks:
        task.cancel()


if "itself" in sys.argv:
    loop = uvloop.new_event_loop()
    loop.run_until_complete(main())
elif hasattr(uvloop, "run") and sys.version_info >= (3, 11):
    uvloop.run(main())
else:
    uvloop.install()
    asyncio.run(main())
