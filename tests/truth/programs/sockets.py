"""Sends and receives known numbers of bytes on sockets: TCP and UDP over loopback, a UNIX pair, by itself and by a child
that it waits for. Prints what each process sent and received.

Arguments: seconds to wait before, bytes of a stream, datagrams.
"""

import json
import os
import socket
import sys
import time

wait_s, size, datagrams = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
block = b"x" * 4096
DATAGRAM = 1200
sums = {"sent": 0, "received": 0}


def send(to, data):
    sums["sent"] += to.send(data)


def receive(by, most):
    got = len(by.recv(most))
    sums["received"] += got
    return got


def stream(one, other, size):
    """`size` bytes from one end to the other, a look ahead before each that must not count twice."""
    left = size
    while left > 0:
        data = block[: min(left, len(block))]
        left -= len(data)
        send(one, data)
        there = 0
        while there < len(data):
            other.recv(16, socket.MSG_PEEK)
            there += receive(other, len(data) - there)


def tcp():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1)
    one = socket.create_connection(listener.getsockname())
    other, _ = listener.accept()
    stream(one, other, size)
    one.shutdown(socket.SHUT_WR)
    assert other.recv(16) == b""


def udp():
    one, other = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
    other.bind(("127.0.0.1", 0))
    one.connect(other.getsockname())
    for _ in range(datagrams):
        send(one, b"y" * DATAGRAM)
        receive(other, 2 * DATAGRAM)


def pair():
    one, other = socket.socketpair()
    stream(one, other, size)
    sums["sent"] += os.write(one.fileno(), b"zz")  # a plain write is one to a socket all the same
    sums["received"] += len(os.read(other.fileno(), 16))


def failed():
    one, other = socket.socketpair()
    other.close()
    for call in (lambda: one.send(block), lambda: socket.create_connection(("127.0.0.1", 1), 0.1)):
        try:
            call()
        except (OSError, socket.error):  # one of its own in 2.7
            pass


time.sleep(wait_s)
pid = os.fork()
if pid != 0:
    os.waitpid(pid, 0)
else:
    time.sleep(0.3)  # until it is known to be there
tcp()
udp()
pair()
failed()
os.write(1, (json.dumps(dict(sums, pid=os.getpid())) + "\n").encode())
if pid == 0:
    os._exit(0)
