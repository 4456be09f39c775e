#!/usr/bin/env python3
"""Fetches pages from a slow server, one after the other.

What is wrong with it: the pages do not depend on each other, and nearly all the time is waiting for the server's
answer. The waits could overlap (a pool of threads, or asyncio): with eight at a time it takes an eighth.

    ./keisoku run examples/crawl.py [PAGES] [AT A TIME]

finds: io-wait in crawl

The server is a thread on the loopback interface, so the example needs no network.
"""

import concurrent.futures
import hashlib
import heapq
import selectors
import socket
import sys
import threading
import time

ANSWER_TIME = 0.05  # seconds the server thinks about a page; about as many pages as one likes at the same time


class Server(threading.Thread):
    """Ten bytes of name in, a page out. One thread, which waits for whatever comes first."""

    def __init__(self):
        super().__init__(name="server", daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = self.listener.getsockname()

    def run(self):
        waiting = []  # (when to answer, number, connection, page)
        number = 0
        with selectors.DefaultSelector() as selector:
            selector.register(self.listener, selectors.EVENT_READ)
            while True:
                pause = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
                for key, _ in selector.select(pause):
                    if key.fileobj is self.listener:
                        selector.register(self.listener.accept()[0], selectors.EVENT_READ)
                        continue
                    selector.unregister(key.fileobj)
                    page = hashlib.sha256(key.fileobj.recv(10)).hexdigest().encode() * 50
                    number += 1
                    heapq.heappush(waiting, (time.monotonic() + ANSWER_TIME, number, key.fileobj, page))
                while waiting and waiting[0][0] <= time.monotonic():
                    _, _, connection, page = heapq.heappop(waiting)
                    with connection:
                        connection.sendall(page)


def fetch(address, name):
    with socket.create_connection(address) as connection:
        connection.sendall(name.encode())
        parts = []
        while True:
            part = connection.recv(4096)
            if not part:
                return b"".join(parts)
            parts.append(part)


def crawl(address, names):
    pages = {}
    for name in names:
        pages[name] = fetch(address, name)
    return pages


def crawl_together(address, names, at_a_time):
    """The cure."""
    with concurrent.futures.ThreadPoolExecutor(at_a_time) as pool:
        return dict(zip(names, pool.map(lambda name: fetch(address, name), names)))


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 80
    at_a_time = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    server = Server()
    server.start()
    names = [f"page{number:06d}" for number in range(count)]
    if at_a_time > 1:
        pages = crawl_together(server.address, names, at_a_time)
    else:
        pages = crawl(server.address, names)
    print(f"{len(pages)} pages, {sum(map(len, pages.values()))} bytes")


if __name__ == "__main__":
    main()
