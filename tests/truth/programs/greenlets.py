"""Two greenlets that take turns in the middle of their calls. Neither ever calls the other's functions: a stack with
frames of both, or a root of one and a leaf of the other, was put together from two greenlets."""

import sys
import time

import greenlet

END = time.monotonic() + float(sys.argv[1])
CHAINS = {".*": "(<module> start|left left_inner( left_leaf)?|left|right right_inner( right_leaf)?|right|<module>)"}


def left_leaf():
    return sum(range(50))


def right_leaf():
    return sum(range(50))


def left_inner():
    left_leaf()  # -> left_leaf
    to_right.switch()
    left_leaf()  # -> left_leaf


def right_inner():
    right_leaf()  # -> right_leaf
    to_left.switch()
    right_leaf()  # -> right_leaf


def left():
    while time.monotonic() < END:
        left_inner()  # -> left_inner


def right():
    while time.monotonic() < END:
        right_inner()  # -> right_inner


def start():
    to_left.switch()


to_left = greenlet.greenlet(left)
to_right = greenlet.greenlet(right)
start()  # -> start
