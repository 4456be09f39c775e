"""A few clients talk to a server over sockets, each a message every now and then: everybody waits, as they should.

expects: nothing
"""

import json
import socket
import socketserver
import threading
import time

CLIENTS, MESSAGES, PAUSE = 4, 14, 0.15


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            message = json.loads(line)
            answer = self.server.answer(message["from"], message["text"])
            self.wfile.write(json.dumps(answer).encode() + b"\n")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.counts = {}

    def answer(self, sender, text):
        with self.lock:
            self.counts[sender] = number = self.counts.get(sender, 0) + 1
        return {"to": sender, "number": number, "letters": len(text), "capital": text.title()}


def client(address, name, answers):
    with socket.create_connection(address) as connection, connection.makefile("rw") as stream:
        for number in range(MESSAGES):
            stream.write(json.dumps({"from": name, "text": f"message {number} of {name}"}) + "\n")
            stream.flush()
            answers.append(json.loads(stream.readline()))
            time.sleep(PAUSE)


def talk():
    answers = []
    with Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        clients = [
            threading.Thread(target=client, args=(server.server_address, f"client {number}", answers))
            for number in range(CLIENTS)
        ]
        for one in clients:
            one.start()
        for one in clients:
            one.join()
        server.shutdown()
    return answers


if __name__ == "__main__":
    answers = talk()
    print(len(answers), sum(answer["letters"] for answer in answers))
