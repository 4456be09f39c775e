"""Greenlets that know their own stacks: each is left in a switch, one of them runs and says so, in two threads.

Prints a list of the stacks, innermost function first, of those that wait; then it waits for its standard input's end.
With "looked-at" it has looked at their frames itself before, which changes how greenlet keeps them.
"""

import json
import sys
import threading

import greenlet

LEFT = []


def start(function, *arguments):
    parent = greenlet.getcurrent()
    one = greenlet.greenlet(lambda: function(parent, *arguments))
    one.switch()
    if not one.dead:
        LEFT.append(one)
    return one


def leaves(parent):
    parent.switch()


def deep(parent, depth):
    if depth:
        deep(parent, depth - 1)
    else:
        leaves(parent)


def through_c(parent):
    list(map(lambda _: leaves(parent), [1]))


def generates(parent):
    def numbers():
        yield 1
        leaves(parent)

    for _ in numbers():
        pass


def ends(parent):
    return parent


def starts_another(parent):
    start(leaves)
    parent.switch()


def says_stacks(parent, other):
    stacks = []
    for one in LEFT:
        stack, frame = [], one.gr_frame if "looked-at" in sys.argv else None
        while frame:
            stack.append(frame.f_code.co_name)
            frame = frame.f_back
        stacks.append(stack)
    print(json.dumps(stacks), flush=True)
    sys.stdin.read()
    other.set()


def elsewhere(ready, end):
    start(deep, 2)
    ready.set()
    end.wait()


def main():
    ready, end = threading.Event(), threading.Event()
    thread = threading.Thread(target=elsewhere, args=(ready, end), name="elsewhere", daemon=True)
    thread.start()
    ready.wait()
    start(deep, 30)
    start(through_c)
    start(generates)
    start(ends)
    start(starts_another)
    greenlet.greenlet(lambda: start(deep, 300)).switch()
    never = greenlet.greenlet(leaves)
    start(says_stacks, end)
    del never


main()
