"""Many tasks of one event loop that all await: nothing stands still.

expects: nothing
"""

import asyncio


class Board:
    def __init__(self):
        self.seen = {}

    async def visit(self, guest, rounds):
        for turn in range(rounds):
            await asyncio.sleep(0.02)
            self.seen[guest, turn] = guest * turn % 7

    async def watch(self, guests, rounds):
        await asyncio.gather(*(self.visit(guest, rounds) for guest in range(guests)))
        return sum(self.seen.values())


async def main():
    board = Board()
    lines = [await board.watch(20, 60) for _ in range(2)]
    return lines


if __name__ == "__main__":
    print(asyncio.run(main()))
