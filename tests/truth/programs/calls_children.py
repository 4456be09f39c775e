"""Calls a function in children of all kinds: forked, spawned, executed, and behind a shell."""

import os
import subprocess
import sys


def work(n):
    return n + 1


def times(n):
    for i in range(n):
        work(i)


if len(sys.argv) > 1:
    times(int(sys.argv[1]))
    sys.exit()
times(10)
child = os.fork()
if child == 0:
    times(20)
    os._exit(0)
os.waitpid(child, 0)
subprocess.run([sys.executable, __file__, "30"], check=True)
subprocess.run([sys.executable, __file__, "40"], check=True, env={})
subprocess.run(["sh", "-c", f"exec {sys.executable} {__file__} 50"], check=True)
os.waitpid(os.posix_spawn(sys.executable, [sys.executable, __file__, "60"], os.environ), 0)
os.execv(sys.executable, [sys.executable, __file__, "70"])
