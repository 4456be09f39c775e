"""Compares a mirror with its original: asks a server for the size of each file.

finds: io-wait in sizes at `found[name] = ask(address, name)`
"""

import concurrent.futures
import os
import signal
import socket
import sys
import threading
import time

FIXED = sys.argv[1:] == ["fixed"]


def answer(connection):
    with connection:
        name = connection.recv(100).decode()
        time.sleep(0.012)  # its disk
        connection.sendall(f"{len(name) * 37 % 1000}".encode())


def serve(listener):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


def start_server():
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    child = os.fork()
    if child == 0:
        serve(listener)
    address = listener.getsockname()
    listener.close()
    return child, address


def ask(address, name):
    with socket.create_connection(address) as connection:
        connection.sendall(name.encode())
        return int(connection.recv(100))


def sizes(address, names):
    found = {}
    if FIXED:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            return dict(zip(names, pool.map(lambda name: ask(address, name), names)))
    for name in names:
        found[name] = ask(address, name)
    return found


def differing(found, expected):
    return [name for name in found if found[name] != expected(name)]


if __name__ == "__main__":
    server, at = start_server()
    try:
        names = [f"pool/{'x' * (number % 30)}{number}.deb" for number in range(120)]
        found = sizes(at, names)
        print(len(found), sum(found.values()), differing(found, lambda name: len(name) * 37 % 1000))
    finally:
        os.kill(server, signal.SIGKILL)
