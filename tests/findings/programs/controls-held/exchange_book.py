"""The order book of an exchange: each order meets what the orders before it left behind, cheapest first.

expects: nothing
"""

import heapq
import random
from dataclasses import dataclass, field


@dataclass
class Side:
    """Open orders of one side, best first; bids are kept with their price negated."""

    sign: int
    heap: list = field(default_factory=list)

    def best(self):
        return self.sign * self.heap[0][0] if self.heap else None

    def add(self, price, number, amount):
        heapq.heappush(self.heap, (self.sign * price, number, amount))

    def take(self):
        price, number, amount = heapq.heappop(self.heap)
        return self.sign * price, number, amount

    def put_back(self, price, number, amount):
        heapq.heappush(self.heap, (self.sign * price, number, amount))


class Book:
    def __init__(self):
        self.bids, self.asks = Side(-1), Side(1)
        self.traded = self.value = self.trades = 0

    def crosses(self, buys, price):
        best = (self.asks if buys else self.bids).best()
        if best is None:
            return False
        return price >= best if buys else price <= best

    def place(self, number, buys, price, amount):
        other = self.asks if buys else self.bids
        while amount and self.crosses(buys, price):
            at, resting, open_amount = other.take()
            part = min(amount, open_amount)
            amount -= part
            self.traded += part
            self.value += part * at
            self.trades += 1
            if open_amount > part:
                other.put_back(at, resting, open_amount - part)
        if amount:
            (self.bids if buys else self.asks).add(price, number, amount)
        return amount == 0


def orders(count, seed):
    made = random.Random(seed)
    middle = 10_000
    for number in range(count):
        middle += made.choice((-1, 0, 0, 1))
        buys = made.random() < 0.5
        away = int(made.expovariate(0.05)) - 6
        yield number, buys, middle - away if buys else middle + away, made.randrange(1, 80)


def day(count, seed):
    book, filled = Book(), 0
    for number, buys, price, amount in orders(count, seed):
        filled += book.place(number, buys, price, amount)
    return book, filled


if __name__ == "__main__":
    book, filled = day(380_000, 12)
    print(book.trades, book.traded, book.value // max(1, book.traded), filled)
    print("open", len(book.bids.heap), len(book.asks.heap), book.bids.best(), book.asks.best())
