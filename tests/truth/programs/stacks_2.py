# -*- coding: utf-8 -*-
# mypy: ignore-errors
"""Parks many threads in many kinds of stacks, as stacks.py does: what Python 2.7 has of them, and what it alone has.

stacks_2.py TRUTH [SCENARIO...]
"""

import contextlib
import functools
import os
import sys
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


def generators():
    def leaf():
        park()
        yield 1

    def outer():
        for value in leaf():
            yield value

    return list(outer())


def generator_chain(depth):
    def chain(n):
        if n == 0:
            park()
        for value in chain(n - 1):
            yield value

    next(chain(depth))


def expression():
    return sum(x for x in (park() for _ in range(3)) if x)


def through_c():
    def key(value):
        return list(map(lambda x: reduce(lambda a, b: park(), [x, 1]), [value]))  # noqa: F821 - it is 2.7's

    sorted([1], key=key)


def nested_c(n):
    if n == 0:
        return park()
    return list(map(nested_c, [n - 1]))


class Classic:
    """An old-style class: its instances are no instances of it."""

    def __init__(self):
        self.value = self.anything

    def __getattr__(self, name):
        return park()

    def __del__(self):
        pass


class Base(object):
    def __init__(self, value):
        self.value = value
        park()


class Derived(Base):
    def __init__(self):
        super(Derived, self).__init__(3)


class Meta(type):
    def __call__(cls, *args):
        return super(Meta, cls).__call__(*args)


def metaclass():
    Meta("WithMeta", (object,), {"__init__": lambda self: park()})()


def class_body():
    class Body:
        x = park()

    return Body


class Attributes(object):
    @property
    def slow(self):
        return park()

    def __getattr__(self, name):
        return self.slow

    def __add__(self, other):
        return self.anything

    def __iter__(self):
        return self

    def next(self):
        return self + 1


def dunders():
    for _ in Attributes():
        pass


def weak_callback():
    class Thing(object):
        pass

    thing = Thing()
    reference = weakref.ref(thing, lambda _: park())
    del thing
    return reference


def executed():
    exec(compile("def f():\n\n    park()\n\nf()", "made up file.py", "exec"), {"park": park})


def evaluated():
    eval("(lambda: [park() for _ in range(2)])()")


def file_names():
    """Of bytes that are UTF-8."""
    scope = {"park": park}
    exec(compile("def f():\n    park()\n", "größe 数え方\t.py", "exec"), scope)
    scope["f"]()


def long_function():
    lines = ["def f(a):"] + ["    a = a + 1"] * 700 + ["    park(", "", "", "    )", "    return a"]
    scope = {"park": park}
    exec("\n".join(lines), scope)
    scope["f"](0)


def far_lines():
    """Steps of more than 255 lines, and of more than 255 bytes of instructions."""
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
    return dict((k, [park() for _ in range(2)]) for k in set(v for v in range(2)))


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
    name = "parked_%d" % os.getpid()
    folder = os.path.dirname(os.path.abspath(sys.argv[1]))
    with open(os.path.join(folder, name + ".py"), "w") as file:
        file.write("import parking\nparking.park()\n")
    sys.path.insert(0, folder)
    __import__(name)


SCENARIOS = {
    "deep 20": (deep, 20),
    "deep 500": (deep, 500),
    "deep 5000": (deep, 5000),
    "mutual": (even, 40),
    "generators": (generators,),
    "generator chain": (generator_chain, 100),
    "expression": (expression,),
    "through C": (through_c,),
    "nested C": (nested_c, 60),
    "old-style class": (Classic,),
    "constructor": (Derived,),
    "metaclass": (metaclass,),
    "class body": (class_body,),
    "dunders": (dunders,),
    "weak callback": (weak_callback,),
    "executed": (executed,),
    "evaluated": (evaluated,),
    "file names": (file_names,),
    "long function": (long_function,),
    "far lines": (far_lines,),
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
    parking.main(SCENARIOS)
