"""Receives one large thing over one slow connection, piece after piece.

expects: nothing
"""

import hashlib
import os
import signal
import socket
import time


def send(connection, pieces):
    for number in range(pieces):
        time.sleep(0.008)
        connection.sendall(bytes([number % 251]) * 4096)
    connection.close()


def start(pieces):
    mine, its = socket.socketpair()
    child = os.fork()
    if child == 0:
        mine.close()
        send(its, pieces)
        os._exit(0)
    its.close()
    return child, mine


def receive(connection):
    digest, size = hashlib.sha256(), 0
    while True:
        piece = connection.recv(4096)
        if not piece:
            return size, digest.hexdigest()
        size += len(piece)
        digest.update(piece)


if __name__ == "__main__":
    child, connection = start(150)
    try:
        print(*receive(connection))
    finally:
        os.kill(child, signal.SIGKILL)
