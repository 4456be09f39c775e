"""Fifty greenlets of gevent: thirty sleep, ten read sockets, ten compute in turns. Ends after its seconds."""

import sys
import time

import gevent
from gevent import socket as green


def sleeps_long():
    gevent.sleep(600)


def sleeper():
    sleeps_long()


def reader(end):
    end.recv(1)


def crunch(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(200))


def computes():
    while True:
        crunch(0.001)
        gevent.sleep(0.05)


def main():
    ends = [green.socketpair() for _ in range(10)]
    spawned = [gevent.spawn(sleeper) for _ in range(30)]
    spawned += [gevent.spawn(reader, one) for one, _ in ends]
    spawned += [gevent.spawn(computes) for _ in range(10)]
    gevent.sleep(float(sys.argv[1]))
    gevent.killall(spawned)


main()
