"""A WSGI application that computes for 20 ms of its own CPU time in each request."""

import time


def crunch(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        sum(range(500))


def application(environ, start_response):
    crunch(0.02)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"done"]
