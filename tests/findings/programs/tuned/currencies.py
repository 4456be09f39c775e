"""Counters change money at rates that a thread of their own keeps fresh, bank by bank.

finds: lock-held-waiting in refresh at `with self.lock:`
"""

import sys
import threading
import time

FIXED = sys.argv[1:] == ["fixed"]
BANKS = {"north": 3, "south": 5, "harbour": 2}
CURRENCIES = ("crown", "franc", "mark", "peso", "rand", "yen")


class Bank:
    """Answers for its currencies, one page of them at a time."""

    def __init__(self, name, margin):
        self.name = name
        self.margin = margin

    def ask(self, page):
        time.sleep(0.002)  # what the network takes
        return {name: 100 + 7 * CURRENCIES.index(name) + self.margin for name in page}

    def pages(self):
        half = len(CURRENCIES) // 2
        rates = {}
        for page in (CURRENCIES[:half], CURRENCIES[half:]):
            rates.update(self.ask(page))
        return rates


class Rates:
    def __init__(self):
        self.lock = threading.Lock()
        self.banks = [Bank(name, margin) for name, margin in BANKS.items()]
        self.best = {}
        self.closed = False

    def store(self, rates):
        for name, rate in rates.items():
            self.best[name] = min(rate, self.best.get(name, rate))

    def refresh(self):
        if FIXED:
            fresh = [bank.pages() for bank in self.banks]
            with self.lock:
                for rates in fresh:
                    self.store(rates)
        else:
            with self.lock:
                for bank in self.banks:
                    rates = bank.pages()
                    self.store(rates)

    def keep_fresh(self):
        while not self.closed:
            self.refresh()
            time.sleep(0.001)

    def of(self, name):
        with self.lock:
            return self.best[name]


def serve(rates, number, customers, drawer):
    paid = 0
    for turn in range(customers):
        name = CURRENCIES[(number + turn) % len(CURRENCIES)]
        paid += (500 + turn % 17) * rates.of(name) // 100
        time.sleep(0.004)  # counts it out
    drawer[number] = paid


def day(counters, customers):
    rates = Rates()
    rates.refresh()
    keeper = threading.Thread(target=rates.keep_fresh, name="keeper")
    drawer = {}
    threads = [threading.Thread(target=serve, args=(rates, number, customers, drawer)) for number in range(counters)]
    keeper.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rates.closed = True
    keeper.join()
    return drawer


if __name__ == "__main__":
    drawer = day(5, 110)
    print(sum(drawer.values()), sorted(drawer.values())[0])
