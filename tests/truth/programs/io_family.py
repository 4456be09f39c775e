"""Writes known amounts, itself and by children that it waits for: prints what each wrote, and what the kernel has for it.

Arguments: a folder, bytes of its own, bytes of each of its two children (one forked, one a program of its own, whose own
child writes as much again).
"""

import json
import os
import subprocess
import sys
import time

folder, own, child = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
block = b"x" * (1 << 16)


def write(name, size):
    descriptor = os.open(os.path.join(folder, name + str(os.getpid())), os.O_WRONLY | os.O_CREAT)
    while size > 0:
        size -= os.write(descriptor, block[:size])
    os.close(descriptor)


def disk_bytes():
    with open("/proc/self/io") as file:
        return int([line for line in file if line.startswith("write_bytes")][0].split()[1])


write("own", own)
if len(sys.argv) == 4:
    of_own = disk_bytes()
    pid = os.fork()
    if pid == 0:
        write("fork", child)
        time.sleep(0.3)  # its counters are read five times a second
        os._exit(0)
    os.waitpid(pid, 0)
    subprocess.check_call([sys.executable, __file__, folder, str(child), str(child), "leaf"])
    print(json.dumps({"own": of_own, "all": disk_bytes()}))
elif sys.argv[4] == "leaf":
    time.sleep(0.3)
    subprocess.check_call([sys.executable, __file__, folder, str(child), "0", "last"])
else:
    time.sleep(0.3)
