"""asyncio's tasks that know themselves: each stands in a wait of its own kind, and prints what should be seen of it.

For each task one line of JSON: name, coroutines from the innermost to the task's own, and the name of the task that
waits for it. Then "ready"; it ends with its standard input.
"""

import asyncio
import json
import sys

EXPECTED = []


def expect(name, chain, awaiter=None):
    EXPECTED.append({"name": name, "chain": chain, "awaiter": awaiter})


def start(name, coroutine):
    task = asyncio.ensure_future(coroutine)
    task.set_name(name)
    return task


async def leaf():
    await asyncio.sleep(600)


async def middle():
    await leaf()


async def gathers():
    children = [start("gathered-%d" % number, middle()) for number in range(2)]
    await asyncio.gather(*children)


async def awaits_task():
    await start("awaited", leaf())


async def waits():
    await asyncio.wait([start("waited", leaf())])


async def times_out():
    await asyncio.wait_for(start("timed", leaf()), 600)


async def shields():
    await asyncio.shield(start("shielded", leaf()))


async def waits_for_event(event):
    await event.wait()


async def steps():
    yield 1
    await asyncio.sleep(600)


async def iterates():
    async for _ in steps():
        pass


class Awaitable:
    def __await__(self):
        return middle().__await__()


async def awaits_object():
    await Awaitable()


async def groups():
    async with asyncio.TaskGroup() as group:
        group.create_task(leaf(), name="grouped")


async def handles(reader, writer):
    await reader.read(1)
    writer.close()


async def reads(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.read(1)
    writer.close()


def start_all(port):
    kinds = [
        ("gathers", gathers(), ["gathers"]),
        ("awaits-task", awaits_task(), ["awaits_task"]),
        ("waits", waits(), ["_wait", "wait", "waits"]),
        ("shields", shields(), ["shields"]),
        ("event", waits_for_event(asyncio.Event()), ["wait", "waits_for_event"]),
        ("iterates", iterates(), ["sleep", "steps", "iterates"]),
        ("awaits-object", awaits_object(), ["sleep", "leaf", "middle", "awaits_object"]),
        ("reads", reads(port), ["_wait_for_data", "read", "reads"]),
        ("n\u00e4me \U0001f40d", leaf(), ["sleep", "leaf"]),
        ("times-out", times_out(), ["wait_for", "times_out"]),
    ]
    for number in range(2):
        expect("gathered-%d" % number, ["sleep", "leaf", "middle"], "gathers")
    for name, awaiter in (("awaited", "awaits-task"), ("waited", "waits"), ("shielded", "shields")):
        expect(name, ["sleep", "leaf"], awaiter)
    expect("timed", ["sleep", "leaf"], "times-out")
    if hasattr(asyncio, "TaskGroup"):
        aexit = ["_aexit"] if hasattr(asyncio.TaskGroup, "_aexit") else []
        kinds.append(("groups", groups(), aexit + ["__aexit__", "groups"]))
        expect("grouped", ["sleep", "leaf"], "groups")
    for name, _, chain in kinds:
        expect(name, chain)
    expect("ends", ["ends", "main"])
    return [start(name, coroutine) for name, coroutine, _ in kinds]


async def ends():
    """Ends with standard input."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_event_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    gone = loop.create_future()
    start("stdin", watch_input(reader, gone))
    expect("stdin", ["_wait_for_data", "read", "watch_input"])
    await gone


async def watch_input(reader, gone):
    await reader.read(1)
    gone.set_result(None)


def say_ready():
    print(json.dumps(EXPECTED), flush=True)


async def main():
    asyncio.current_task().set_name("ends")
    server = await asyncio.start_server(handles, "127.0.0.1", 0)
    tasks = start_all(server.sockets[0].getsockname()[1])
    asyncio.get_event_loop().call_later(0.2, say_ready)
    await ends()
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main())
