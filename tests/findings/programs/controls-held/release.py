"""Makes a release step after step, each from what the step before has left: nothing of it can go on at once.

expects: nothing
"""

import subprocess
import sys
import tempfile
from pathlib import Path

COLLECT = """
import pathlib, random, sys
made = random.Random(3)
rows = sorted((made.random(), made.randrange(10**6)) for _ in range(150_000))
pathlib.Path(sys.argv[2]).write_text("\\n".join(f"{a:.9f} {b}" for a, b in rows))
"""
PACK = """
import bz2, pathlib, sys
pathlib.Path(sys.argv[2]).write_bytes(bz2.compress(pathlib.Path(sys.argv[1]).read_bytes()))
"""
SIGN = """
import hashlib, pathlib, sys
key = hashlib.pbkdf2_hmac("sha256", pathlib.Path(sys.argv[1]).read_bytes()[:4096], b"release", 500_000)
pathlib.Path(sys.argv[2]).write_text(key.hex())
"""
CHECK = """
import pathlib, sys
text = pathlib.Path(sys.argv[1]).read_text()
pathlib.Path(sys.argv[2]).write_text("good" if len(text) == 64 else "bad")
"""
STEPS = (("collect", COLLECT), ("pack", PACK), ("sign", SIGN), ("check", CHECK))


def step(name, code, source, folder):
    target = folder / name
    done = subprocess.run([sys.executable, "-c", code, str(source), str(target)], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{name} failed: {done.stderr}")
    return target


def release(folder):
    made = folder
    for name, code in STEPS:
        made = step(name, code, made, folder)
    return made.read_text()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        print(release(Path(name)))
