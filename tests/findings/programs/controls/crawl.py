"""Reads a story whose pages each name the next: nothing can be asked for before the page before is there.

expects: nothing
"""

import os
import signal
import socket
import time

PAGES = 110


def serve(listener):
    while True:
        connection, _ = listener.accept()
        with connection:
            number = int(connection.recv(40))
            time.sleep(0.01)
            following = number * 31 % 127
            connection.sendall(f"{following} It was page {number}.".encode())


def start_server():
    listener = socket.create_server(("127.0.0.1", 0))
    child = os.fork()
    if child == 0:
        serve(listener)
    address = listener.getsockname()
    listener.close()
    return child, address


def fetch(address, number):
    with socket.create_connection(address) as connection:
        connection.sendall(str(number).encode())
        return connection.recv(200).decode()


def read(address, first):
    story, number = [], first
    while len(story) < PAGES:
        page = fetch(address, number)
        following, text = page.split(" ", 1)
        story.append(text)
        number = int(following)
    return story


if __name__ == "__main__":
    server, at = start_server()
    try:
        story = read(at, 1)
        print(len(story), story[-1])
    finally:
        os.kill(server, signal.SIGKILL)
