# mypy: ignore-errors
"""Parks many threads in many kinds of stacks, writes down their true stacks and sleeps until it is killed (parking.py).

    stacks.py TRUTH [SCENARIO...]

Runs on every Python from 3.6 on; stacks_2.py is the same for 2.7.
"""

import contextlib
import functools
import os
import sys
import threading
import weakref

import parking
from parking import park


def deep(n):
    if n > 0:
        return deep(n - 1)
    park()


def even(n):
    return park() if n == 0 else odd(n - 1)


def odd(n):
    return even(n - 1)


def big_frames(n, *rest):
    # Two hundred locals a frame: few frames fill a chunk of the data stack.
    exec("\n".join(f"v{i} = {i}" for i in range(3)), {})
    a = [n] * 3
    (b, c, d) = a
    return big_frames(n - 1, *range(200)) if n > 0 else park()


def generators():
    def leaf():
        park()
        yield 1

    def middle():
        yield from leaf()

    def outer():
        for value in middle():  # noqa: UP028 - a loop is what is wanted
            yield value

    return list(outer())


def generator_chain(depth):
    def chain(n):
        if n == 0:
            park()
        yield from chain(n - 1)

    next(chain(depth))


def expression():
    return sum(x for x in (park() for _ in range(3)) if x)


def coroutines():
    async def leaf():
        park()

    async def middle():
        await leaf()

    async def outer():
        async with Manager():
            await middle()

    class Manager:
        async def __aenter__(self):
            pass

        async def __aexit__(self, *args):
            pass

    outer().send(None)


def async_generators():
    async def source():
        park()
        yield 1

    async def sink():
        async for _ in source():
            pass

    sink().send(None)


def asyncio_tasks():
    import asyncio

    async def child():
        park()

    async def main():
        await asyncio.gather(asyncio.sleep(1000), child())

    asyncio.run(main())


def through_c():
    def key(value):
        return list(map(lambda x: functools.reduce(lambda a, b: park(), [x, 1]), [value]))

    sorted([1], key=key)


def nested_c(n):
    if n == 0:
        return park()
    return list(map(nested_c, [n - 1]))


class Base:
    def __init__(self, value):
        self.value = value
        park()


class Derived(Base):
    def __init__(self):
        super().__init__(3)


class Meta(type):
    def __call__(cls, *args):
        return super().__call__(*args)


class WithMeta(metaclass=Meta):
    def __new__(cls):
        instance = super().__new__(cls)
        park()
        return instance


def constructor():
    return Derived()


def constructor_deep(n):
    class Node:
        def __init__(self, n):
            self.child = Node(n - 1) if n else park()

    Node(n)


def metaclass():
    WithMeta()


def class_body():
    class Body:
        x = park()


class Attributes:
    @property
    def slow(self):
        return park()

    def __getattr__(self, name):
        return self.slow

    def __add__(self, other):
        return self.anything

    def __iter__(self):
        return self

    def __next__(self):
        return self + 1

    def __del__(self):
        park()


def dunders():
    for _ in Attributes():
        pass


def destructor():
    Attributes.__new__(Attributes)
    park()


def weak_callback():
    class Thing:
        pass

    thing = Thing()
    reference = weakref.ref(thing, lambda _: park())
    del thing
    return reference


def executed():
    exec(compile("def f():\n\n    park()\n\nf()", "made up file.py", "exec"), {"park": park})


def evaluated():
    eval("(lambda: [park() for _ in range(2)])()")


def unicode_names():
    for name, source in (
        ("größe.py", "def größe():\n    weiter()\n"),
        ("数え方 2.py", "def 数える():\n    weiter()\n"),
        ("𝔘nicode\t.py", "def 𐊠𐊡():\n    weiter()\n"),
    ):
        scope = {"weiter": park if name.startswith("𝔘") else None}
        exec(compile(source, name, "exec"), scope)
        CHAIN.append(scope)
    CHAIN[0]["weiter"] = CHAIN[1]["数える"]
    CHAIN[1]["weiter"] = CHAIN[2]["𐊠𐊡"]
    CHAIN[0]["größe"]()


CHAIN: list = []


def long_function():
    lines = ["def f(a):"] + ["    a = a + 1"] * 700 + ["    park(", "", "", "    )", "    return a"]
    scope = {"park": park}
    exec("\n".join(lines), scope)
    scope["f"](0)


def long_line():
    scope = {"park": park}
    exec("def f():\n" + "\n" * 70000 + "    x = [" + "0, " * 3000 + "park()]\n", scope)
    scope["f"]()


def exceptions():
    try:
        raise ValueError
    except ValueError:
        try:
            {}["x"]
        except KeyError:
            park()
        finally:
            pass


@contextlib.contextmanager
def manager():
    yield
    park()


def context():
    with manager():
        pass


def decorator(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


@decorator
@decorator
def decorated():
    x = 1
    return x + park() + 2


def comprehensions():
    return {k: [park() for _ in range(2)] for k in {v for v in range(2)}}


def partials():
    functools.partial(functools.partial(lambda a, b: park(), 1), 2)()


def c_callback():
    import ctypes

    def compare(a, b):
        park()
        return 0

    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    ctypes.CDLL(None).qsort((ctypes.c_int * 2)(2, 1), 2, 4, kind(compare))


def importing():
    name = f"parked_{os.getpid()}"
    folder = os.path.dirname(os.path.abspath(sys.argv[1]))
    with open(os.path.join(folder, name + ".py"), "w") as file:
        file.write("import parking\nparking.park()\n")
    sys.path.insert(0, folder)
    __import__(name)


class Bare(threading.Thread):
    """A thread whose outermost frame is a generator's: nothing of threading runs in it."""

    def __init__(self, **options):
        super().__init__(name=options["name"])
        self._bootstrap = self.only_frame().__next__

    def only_frame(self):
        self._set_ident()
        if hasattr(self, "_set_native_id"):
            self._set_native_id()
        with threading._active_limbo_lock:
            threading._active[self._ident] = self
            threading._limbo.pop(self, None)
        self._started.set()
        park()
        yield 1


def bare_generator():
    raise AssertionError("its thread is made in another way")


SCENARIOS = {
    "bare generator": (bare_generator,),
    "deep 20": (deep, 20),
    "deep 500": (deep, 500),
    "deep 5000": (deep, 5000),
    "mutual": (even, 40),
    "big frames": (big_frames, 30),
    "generators": (generators,),
    "generator chain": (generator_chain, 100),
    "expression": (expression,),
    "coroutines": (coroutines,),
    "async generators": (async_generators,),
    "asyncio": (asyncio_tasks,),
    "through C": (through_c,),
    "nested C": (nested_c, 60),
    "constructor": (constructor,),
    "constructor deep": (constructor_deep, 50),
    "metaclass": (metaclass,),
    "class body": (class_body,),
    "dunders": (dunders,),
    "destructor": (destructor,),
    "weak callback": (weak_callback,),
    "executed": (executed,),
    "evaluated": (evaluated,),
    "unicode 名前 é": (unicode_names,),
    "long function": (long_function,),
    "long line": (long_line,),
    "exceptions": (exceptions,),
    "context": (context,),
    "decorated": (decorated,),
    "comprehensions": (comprehensions,),
    "partials": (partials,),
    "C callback": (c_callback,),
    "importing": (importing,),
    "sleeping": (parking.sleeping,),
}

if __name__ == "__main__":
    parking.main(SCENARIOS, {bare_generator: Bare})
