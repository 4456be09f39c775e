"""Holds an auction with many lots: after each bid, who leads is worked out for the lot.

finds: growth in leader
"""

import random
import sys

FIXED = sys.argv[1:] == ["fixed"]
LOTS = 30


class Auction:
    """Bids as they come in: lot, bidder, money."""

    def __init__(self):
        self.bids = []

    def bid(self, lot, bidder, money):
        self.bids.append((lot, bidder, money))

    def leader(self, lot):
        best, money = None, 0
        for of, bidder, offered in self.bids:
            if of == lot and offered > money:
                best, money = bidder, offered
        return best, money

    def takings(self):
        return sum(self.leader(lot)[1] for lot in range(LOTS))


class Quick(Auction):
    """Knows the best bid of each lot."""

    def __init__(self):
        super().__init__()
        self.best = {}

    def bid(self, lot, bidder, money):
        super().bid(lot, bidder, money)
        if money > self.best.get(lot, (None, 0))[1]:
            self.best[lot] = bidder, money

    def leader(self, lot):
        return self.best.get(lot, (None, 0))


def evening(auction, bids):
    """Everybody offers a little more than the leader, or gives up."""
    made, refused = random.Random(77), 0
    limits = [made.randrange(500, 90_000) for _ in range(150)]
    for _ in range(bids):
        lot, bidder = made.randrange(LOTS), made.randrange(len(limits))
        first, money = auction.leader(lot)
        offer = money + made.randrange(1, 40)
        if first == bidder or offer > limits[bidder]:
            refused += 1
            offer = max(1, money - 5)
        auction.bid(lot, bidder, offer)
    return refused


if __name__ == "__main__":
    auction = Quick() if FIXED else Auction()
    refused = evening(auction, 17_000)
    print(refused, auction.takings(), [auction.leader(lot)[0] for lot in range(5)])
