"""A bot that answers messages of several rooms at once, with a service that takes its time.

finds: blocking-in-async in answer at `reply = self.client.ask(text)`
"""

import asyncio
import sys
import time

FIXED = sys.argv[1:] == ["fixed"]


class Client:
    """Of a service that knows of no event loop."""

    def ask(self, text):
        time.sleep(0.008)
        return text[::-1]

    async def ask_async(self, text):
        await asyncio.sleep(0.008)
        return text[::-1]


class Bot:
    def __init__(self):
        self.client = Client()
        self.sent = {}

    async def answer(self, room, text):
        if FIXED:
            reply = await self.client.ask_async(text)
        else:
            reply = self.client.ask(text)
        self.sent.setdefault(room, []).append(reply)

    async def follow(self, room, messages):
        for text in messages:
            await self.answer(room, text)
            await asyncio.sleep(0)


async def run(rooms, each):
    bot = Bot()
    talks = [bot.follow(room, [f"{room}:{number}" for number in range(each)]) for room in range(rooms)]
    await asyncio.gather(*talks)
    return bot.sent


if __name__ == "__main__":
    sent = asyncio.run(run(7, 30))
    print(len(sent), sum(len(replies) for replies in sent.values()), sent[3][-1])
