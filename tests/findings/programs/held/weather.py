"""Shows the weather of many towns, in threads; what the station says is kept, so that it is asked once for each town.

finds: lock-held-waiting in of_town
"""

import os
import signal
import socket
import socketserver
import sys
import threading
import time

FIXED = sys.argv[1:] == ["fixed"]
TOWNS = [f"town {number}" for number in range(150)]


class Station(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            time.sleep(0.008)  # it is far away
            name = line.decode().strip()
            degrees = sum(name.encode()) % 35 - 5
            self.wfile.write(f"{degrees} degrees\n".encode())


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


def start():
    server = Server(("127.0.0.1", 0), Station)
    child = os.fork()
    if child == 0:
        server.serve_forever()
    server.socket.close()
    return child, server.server_address


class Weather:
    def __init__(self, address):
        self.address = address
        self.guard = threading.RLock()
        self.known = {}
        self.lines = threading.local()

    def ask(self, town):
        if not hasattr(self.lines, "to_station"):
            self.lines.to_station = socket.create_connection(self.address)
            self.lines.answers = self.lines.to_station.makefile("r")
        self.lines.to_station.sendall(f"{town}\n".encode())
        return int(self.lines.answers.readline().split()[0])

    def of_town(self, town):
        if FIXED:
            with self.guard:
                known = self.known.get(town)
            if known is None:
                known = self.ask(town)
                with self.guard:
                    self.known[town] = known
            return known
        with self.guard:
            if town not in self.known:
                self.known[town] = self.ask(town)
            return self.known[town]


def show(weather, towns, shown):
    for town in towns:
        shown[town] = weather.of_town(town)


def show_all(weather, count):
    shown = {}
    threads = [threading.Thread(target=show, args=(weather, TOWNS[turn::count], shown)) for turn in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return shown


if __name__ == "__main__":
    station, address = start()
    try:
        shown = show_all(Weather(address), 6)
        print(len(shown), max(shown.items(), key=lambda item: (item[1], item[0])))
    finally:
        os.kill(station, signal.SIGKILL)
