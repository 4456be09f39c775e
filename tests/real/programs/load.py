"""A client for server.py: `load.py PORT SECONDS`, two requests at a time over kept connections. Prints how many answers came."""

import concurrent.futures
import http.client
import json
import sys
import time


def ask(port, seconds):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    end = time.perf_counter() + seconds
    answers = 0
    while time.perf_counter() < end and answers < 20000:
        connection.request("GET", "/offers?limit=5")
        response = connection.getresponse()
        offers = json.loads(response.read())
        assert response.status == 200 and len(offers) == 5
        answers += 1
    connection.close()
    return answers


def main(port, seconds):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        print(sum(pool.map(ask, [port] * 2, [seconds] * 2)))


main(int(sys.argv[1]), float(sys.argv[2]))
