"""Threads that live for a moment, at a rate: brief_threads.py RATE SECONDS LIFE. Says how many there were."""

import sys
import threading
import time


def brief_work(seconds):
    time.sleep(seconds)


def main():
    rate, seconds, life = float(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    begin, threads = time.time(), []
    while time.time() - begin < seconds:
        time.sleep(max(0, begin + len(threads) / rate - time.time()))
        threads.append(threading.Thread(target=brief_work, args=(life,), name="brief-%d" % len(threads)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    print(len(threads))


main()
