"""Fetches the pictures of a gallery in threads and keeps those that are new.

finds: lock-held-waiting in fetch_all
"""

import hashlib
import queue
import sys
import threading
import time

FIXED = sys.argv[1:] == ["fixed"]


class Gallery:
    def __init__(self):
        self.lock = threading.Lock()
        self.known = {}

    def load(self, name):
        time.sleep(0.006)  # what the network takes
        return hashlib.sha256(name.encode()).digest() * 200

    def keep(self, name, picture):
        digest = hashlib.md5(picture).hexdigest()
        self.known.setdefault(digest, name)

    def fetch_all(self, names):
        while True:
            try:
                name = names.get_nowait()
            except queue.Empty:
                return
            if FIXED:
                picture = self.load(name)
                with self.lock:
                    self.keep(name, picture)
            else:
                self.lock.acquire()
                picture = self.load(name)
                self.keep(name, picture)
                self.lock.release()


def fetch(names, threads):
    gallery, waiting = Gallery(), queue.Queue()
    for name in names:
        waiting.put(name)
    workers = [threading.Thread(target=gallery.fetch_all, args=(waiting,)) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return gallery.known


if __name__ == "__main__":
    known = fetch([f"picture {number % 180}" for number in range(240)], 5)
    print(len(known), min(known))
