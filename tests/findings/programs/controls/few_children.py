"""Runs a few other programs that have work of their own.

expects: nothing
"""

import subprocess
import sys

WORK = "import hashlib; h = b'x'\nfor _ in range(160000): h = hashlib.sha256(h).digest()\nprint(h.hex()[:8])"


def child(number):
    done = subprocess.run([sys.executable, "-c", WORK], capture_output=True, text=True, check=True)
    return number, done.stdout.strip()


def run(count):
    return [child(number) for number in range(count)]


if __name__ == "__main__":
    print(run(8))
