"""Looks up who owns the addresses in a log, at the register that is responsible for each of them.

finds: io-wait in owners
"""

import collections
import concurrent.futures
import os
import random
import signal
import socket
import sys
import threading
import time

FIXED = sys.argv[1:] == ["fixed"]
COUNTRIES = ("at", "be", "cz", "dk", "ee", "fi", "gr")


def answer(listener, connection, asked):
    number = sum(int(part) * 257**place for place, part in enumerate(asked.split(".")))
    time.sleep(0.009 + number % 5 / 1000)  # a register has many customers
    country = COUNTRIES[number % len(COUNTRIES)]
    listener.sendto(f"{asked} AS{64_000 + number % 500} {country}".encode(), connection)


def serve(listener):
    while True:
        asked, connection = listener.recvfrom(200)
        threading.Thread(target=answer, args=(listener, connection, asked.decode()), daemon=True).start()


def start(count):
    """Each register is a process, with a port of its own."""
    found = []
    for _ in range(count):
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listener.bind(("127.0.0.1", 0))
        child = os.fork()
        if child == 0:
            serve(listener)
        found.append((child, listener.getsockname()))
        listener.close()
    return found


def whois(register, address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(5)
        asking.sendto(address.encode(), register)
        said, _ = asking.recvfrom(500)
    _, network, country = said.decode().split()
    return network, country


def log(lines):
    made = random.Random(41)
    for _ in range(lines):
        yield ".".join(str(made.randrange(1, 250)) for _ in range(4))


def owners(addresses, registers):
    def responsible(address):
        return registers[int(address.split(".")[0]) % len(registers)]

    known = {}
    if FIXED:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(whois, responsible(address), address) for address in addresses]
            for address, one in zip(addresses, asked):
                known[address] = one.result()
    else:
        for address in addresses:
            known[address] = whois(responsible(address), address)
    return known


if __name__ == "__main__":
    children = start(3)
    try:
        known = owners(sorted(set(log(160))), [where for _, where in children])
        countries = collections.Counter(country for _, country in known.values())
        print(len(known), sorted(countries.items()))
    finally:
        for child, _ in children:
            os.kill(child, signal.SIGKILL)
