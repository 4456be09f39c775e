"""Calls functions of all kinds, and knows how often (tests/truth/test_calls.py has the numbers)."""

import asyncio
import os
import sys
import threading


def plain(a, b=2, *rest, **named):
    return a + b


def effect(a):
    pass


changes = [0]


def changing(a):
    changes[0] += 1
    return changes[0]


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def texts(name, sizes, table):
    return {name: [sizes, table]}


def large(values):
    return len(values)


def big(n):
    return 1


def given(function):
    return 1


def numbers(n):
    yield from range(n)


def never():
    yield 1


def fails(a):
    raise ValueError(a)


def through(a):
    return fails(a)


class Thing:
    def __init__(self, x):
        self.x = x

    def __getitem__(self, i):
        return i

    @property
    def shown(self):
        return self.x

    @staticmethod
    def half(a):
        return a / 2


def outer(n):
    def inner():
        return n

    return inner()


def deep(n):
    return deep(n - 1) if n else 0


async def step(n):
    await asyncio.sleep(0)
    return n


async def steps(n):
    for i in range(n):
        await step(i)


def worker():
    for i in range(1000):
        plain(i % 10, 3)


def main():
    for i in range(5000):
        plain(i % 7)
        effect(i)
        changing(1)
        texts("a" + "b" * (i % 3), (1, 2.5, None), {"x": [i % 2, True]})
    for i in range(100):
        large(list(range(100)))
    for i in range(200):
        big(1 << (63 + i))
        given(lambda i=i: i)
    for _ in numbers(3000):
        pass
    for _ in range(40):
        list(numbers(5))
        never()
    for i in range(700):
        try:
            through(i)
        except ValueError:
            pass
    fib(15)
    thing = Thing(1)
    for i in range(2500):
        thing[i]
        thing.shown
        thing.half(i % 5)
        outer(i % 5)
    deep(500)
    threads = [threading.Thread(target=worker) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asyncio.run(steps(50))


seen = [name for name in os.environ if name in ("LD_PRELOAD", "KEISOKU_AGENT")]
main()
if sys.argv[1:] == ["kill"]:
    print("done", seen, flush=True)
    os.kill(os.getpid(), 9)
print("done", seen)
