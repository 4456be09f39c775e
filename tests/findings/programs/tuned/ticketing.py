"""Sells tickets at several desks at once; each sale is confirmed by the bank.

finds: lock-held-waiting in sell
"""

import random
import sys
import threading
import time

FIXED = sys.argv[1:] == ["fixed"]
SEATS = 260


class Bank:
    """Takes its time to answer."""

    def confirm(self, account, cents):
        time.sleep(0.007)
        return (account * 31 + cents) % 97 != 0


class House:
    def __init__(self):
        self.plan = threading.Condition()
        self.free = list(range(SEATS, 0, -1))
        self.sold = {}
        self.bank = Bank()

    def take(self):
        return self.free.pop() if self.free else None

    def sell(self, account, cents):
        if FIXED:
            with self.plan:
                seat = self.take()
            if seat is not None and not self.bank.confirm(account, cents):
                return False
            with self.plan:
                self.sold[seat] = account
        else:
            with self.plan:
                seat = self.take()
                if seat is not None and not self.bank.confirm(account, cents):
                    return False
                self.sold[seat] = account
        return True


def desk(house, number, customers):
    made = random.Random(number)
    for turn in range(customers):
        house.sell(number * 10_000 + turn, made.randrange(20, 90) * 100)


def evening(desks, customers):
    house = House()
    threads = [threading.Thread(target=desk, args=(house, number, customers)) for number in range(desks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return house


if __name__ == "__main__":
    house = evening(5, 50)
    print(len(house.sold), len(house.free))
