"""Values a collection of old coins: asks a service for the price of each.

finds: io-wait in value
"""

import concurrent.futures
import http.client
import http.server
import json
import os
import signal
import sys
import threading
import time

FIXED = sys.argv[1:] == ["fixed"]


class Prices(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        number = int(self.path.rsplit("/", 1)[1])
        time.sleep(0.015)  # what its database takes
        body = json.dumps({"coin": number, "cents": number * 7919 % 90_000}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


def start():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Prices)
    child = os.fork()
    if child == 0:
        server.serve_forever()
    server.socket.close()
    return child, server.server_address


class Client:
    """One connection a thread, kept open."""

    def __init__(self, address):
        self.address = address
        self.mine = threading.local()

    def price(self, coin):
        if not hasattr(self.mine, "connection"):
            self.mine.connection = http.client.HTTPConnection(*self.address)
        self.mine.connection.request("GET", f"/coins/{coin}")
        return json.loads(self.mine.connection.getresponse().read())["cents"]


def value(client, coins):
    if FIXED:
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            return sum(pool.map(client.price, coins))
    total = 0
    for coin in coins:
        total += client.price(coin)
    return total


if __name__ == "__main__":
    server, address = start()
    try:
        print(value(Client(address), range(1_000, 1_110)) / 100)
    finally:
        os.kill(server, signal.SIGKILL)
