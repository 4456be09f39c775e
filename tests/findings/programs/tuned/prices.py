"""Asks several shops for prices at once, or so it is meant.

finds: blocking-in-async in ask at `time.sleep(delay)`
"""

import asyncio
import random
import sys
import time

FIXED = sys.argv[1:] == ["fixed"]
SHOPS = [f"shop-{number}" for number in range(8)]


async def ask(shop, article):
    """The shop answers after a while, always the same."""
    made = random.Random(f"{shop}{article}")
    delay = made.uniform(0.004, 0.012)
    if FIXED:
        await asyncio.sleep(delay)
    else:
        time.sleep(delay)
    return made.randrange(100, 999)


async def watch(shop, articles, found):
    for article in articles:
        price = await ask(shop, article)
        if article not in found or (price, shop) < found[article]:
            found[article] = (price, shop)


async def main():
    articles = [f"article {number}" for number in range(30)]
    found = {}
    await asyncio.gather(*(watch(shop, articles, found) for shop in SHOPS))
    return sorted(found.items())


if __name__ == "__main__":
    cheapest = asyncio.run(main())
    print(len(cheapest), cheapest[:3])
