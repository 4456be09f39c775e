"""Coroutines: await chains driven by hand and by asyncio tasks that take turns."""

import asyncio
import json
import sys
import time

CHAINS = {
    ".*": r"<module>( lib| main( by_hand( top_a( mid_a( leaf_a)?)?| top_b( mid_b( leaf_b)?)?)?)?"
    r"|( lib)( fan_out( lib)?| task_l( hop( pause_l( lib)?)?)?| task_r( hop( pause_r( lib)?)?)?)?)?"
}


async def leaf_a():
    return 1


async def leaf_b():
    return 2


async def mid_a():
    return await leaf_a()  # -> leaf_a, leaf_a*


async def mid_b():
    return await leaf_b()  # -> leaf_b, leaf_b*


async def top_a():
    return await mid_a()  # -> mid_a, mid_a*


async def top_b():
    return await mid_b()  # -> mid_b, mid_b*


def by_hand(coroutine):
    try:
        coroutine.send(None)  # -> top_a, top_b
    except StopIteration as stop:
        return stop.value


async def pause_l():
    await asyncio.sleep(0)  # -> library


async def pause_r():
    await asyncio.sleep(0)  # -> library


async def hop(pause):
    await pause()  # -> pause_l, pause_r, pause_l*, pause_r*


async def task_l(rounds):
    for _ in range(rounds):
        await hop(pause_l)  # -> hop, hop*


async def task_r(rounds):
    for _ in range(rounds):
        await hop(pause_r)  # -> hop, hop*


async def fan_out(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        await asyncio.gather(task_l(200), task_r(200))  # -> library, task_l*, task_r*


def main(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for _ in range(500):
            by_hand(top_a())  # -> by_hand, top_a*
            by_hand(top_b())  # -> by_hand, top_b*


length = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
main(length / 2)  # -> main
asyncio.run(fan_out(length / 2))  # -> library, fan_out*
print(json.dumps({}))
