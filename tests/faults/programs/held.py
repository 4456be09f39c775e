"""A page with a sleeping thread's frame is given to userfaultfd, and nobody answers: who touches it waits.

held.py SECONDS [told]: prints "ready", goes on for so long and exits with status 7; "no" where the kernel refuses. `told`:
brings the page after all when it is told to by a line, and prints "came".
"""

import ctypes
import fcntl
import os
import struct
import sys
import threading
import time

SYSCALL = {"x86_64": 323, "aarch64": 282}
API, REGISTER, COPY, DONTNEED, PAGE = 0xC018AA3F, 0xC020AA00, 0xC028AA03, 4, 4096
FRAME = 24  # of a frame object, from 3.11 on: where its frame lies

libc = ctypes.CDLL(None)
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
number = SYSCALL.get(os.uname().machine)
fd = libc.syscall(number, os.O_CLOEXEC) if number and os.sysconf("SC_PAGESIZE") == PAGE else -1
if fd < 0:
    print("no", flush=True)
    sys.exit(0)
fcntl.ioctl(fd, API, bytearray(struct.pack("QQQ", 0xAA, 0, 0)))
threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
time.sleep(0.2)
frame = next(frame for ident, frame in sys._current_frames().items() if ident != threading.get_ident())
frame = id(frame) if sys.version_info < (3, 11) else ctypes.c_uint64.from_address(id(frame) + FRAME).value
page = frame & ~(PAGE - 1)
kept = ctypes.create_string_buffer(ctypes.string_at(page, PAGE), PAGE)
fcntl.ioctl(fd, REGISTER, bytearray(struct.pack("QQQQ", page, PAGE, 1, 0)))
libc.madvise(page, PAGE, DONTNEED)
os.write(1, b"ready\n")
if len(sys.argv) > 2:
    os.read(0, 1)
    fcntl.ioctl(fd, COPY, bytearray(struct.pack("QQQQq", page, ctypes.addressof(kept), PAGE, 0, 0)))
    os.write(1, b"came\n")
end = time.time() + float(sys.argv[1])
while time.time() < end:
    time.sleep(0.05)
os._exit(7)
