"""paced: an event loop without a request."""

import asyncio


async def main():
    await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    print("ready", flush=True)
    await asyncio.sleep(60)


asyncio.run(main())
