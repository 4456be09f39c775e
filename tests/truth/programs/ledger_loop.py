"""What ledger.py runs in its event loop: a sleep without await in each round, then one with it."""

import asyncio
import time


async def main(spell, rounds):
    for _ in rounds:
        with spell("sleep"):
            time.sleep(0.03)
        with spell("idle"):
            await asyncio.sleep(0.02)
