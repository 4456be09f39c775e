"""Lists the checksums of many small files.

finds: subprocess-per-item in digest
"""

import hashlib
import os
import subprocess
import sys
import tempfile

FIXED = sys.argv[1:] == ["fixed"]


def make_files(folder, count):
    for number in range(count):
        with open(os.path.join(folder, f"part{number:03d}"), "wb") as part:
            part.write(b"%d\n" % number * (number % 9 + 1))


def digest(path):
    if FIXED:
        with open(path, "rb") as part:
            return hashlib.md5(part.read()).hexdigest()
    said = subprocess.check_output(["md5sum", path])
    return said.split()[0].decode()


def listing(folder):
    return {name: digest(os.path.join(folder, name)) for name in sorted(os.listdir(folder))}


def combined(sums):
    whole = hashlib.sha1()
    for name, value in sums.items():
        whole.update(f"{value}  {name}\n".encode())
    return whole.hexdigest()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        make_files(folder, 420)
        sums = listing(folder)
    print(len(sums), combined(sums))
