"""An HTTP service on aiohttp: each answer parses, sorts and writes some JSON. Prints its port, ends on SIGTERM."""

import asyncio
import json
import os
import signal

from aiohttp import web

STOCK = json.dumps([{"item": i, "name": "item %d" % i, "price": i * 37 % 1000 / 10} for i in range(400)])


def best_offers(limit):
    offers = json.loads(STOCK)
    offers.sort(key=lambda offer: (offer["price"], offer["name"]))
    return offers[:limit]


async def offers(request):
    return web.json_response(best_offers(int(request.query.get("limit", "10"))))


async def main():
    app = web.Application()
    app.router.add_get("/offers", offers)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(os.getpid(), site._server.sockets[0].getsockname()[1], flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
