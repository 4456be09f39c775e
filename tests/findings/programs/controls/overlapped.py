"""Asks many hosts at once, in threads: waits that overlap already.

expects: nothing
"""

import concurrent.futures
import os
import signal
import socket
import threading
import time


def answer(connection):
    with connection:
        name = connection.recv(60)
        time.sleep(0.06)
        connection.sendall(name[::-1])


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
        return connection.recv(60).decode()


def survey(address, names):
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        return list(pool.map(lambda name: ask(address, name), names))


if __name__ == "__main__":
    server, at = start_server()
    try:
        answers = survey(at, [f"host{number}" for number in range(260)])
        print(len(answers), answers[-1])
    finally:
        os.kill(server, signal.SIGKILL)
