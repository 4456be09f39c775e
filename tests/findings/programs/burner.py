"""Keeps all cores busy from outside, for `starved`: as many processes as the argument says, for as many seconds."""

import os
import sys
import time

end = time.monotonic() + float(sys.argv[2])
for _ in range(int(sys.argv[1]) - 1):
    if os.fork() == 0:
        break
while time.monotonic() < end:
    pass
