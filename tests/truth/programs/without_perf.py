"""`without_perf.py COMMAND…` becomes the command, in which the kernel refuses perf_event_open and bpf.

A seccomp filter, as containers have one, for it and all that it starts: EPERM for the two, whoever asks.
"""

import ctypes
import os
import struct
import sys

# Machine → its number in the audit interface, and those of perf_event_open and bpf.
NUMBERS = {"x86_64": (0xC000003E, 298, 321), "aarch64": (0xC00000B7, 241, 280)}
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06  # linux/bpf_common.h: word at, jump if equal, return
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | 1  # linux/seccomp.h: let it be; return EPERM
NUMBER, MACHINE = 0, 4  # offsets in struct seccomp_data
SET_SECCOMP, FILTER, NO_NEW_PRIVILEGES = 22, 2, 38


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def main():
    machine, perf, bpf = NUMBERS[os.uname()[4]]
    steps = [
        (LOAD, 0, 0, MACHINE),
        (EQUAL, 0, 3, machine),  # another one's calls have other numbers: allowed
        (LOAD, 0, 0, NUMBER),
        (EQUAL, 2, 0, perf),
        (EQUAL, 1, 0, bpf),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, REFUSE),
    ]
    code = b"".join(struct.pack("=HBBI", *step) for step in steps)
    libc = ctypes.CDLL(None, use_errno=True)
    filters = ctypes.byref(Program(len(steps), code))
    # Root may do so as it is; who gives away what set-user-ID programs could give may always.
    if libc.prctl(SET_SECCOMP, FILTER, filters, 0, 0) and (
        libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) or libc.prctl(SET_SECCOMP, FILTER, filters, 0, 0)
    ):
        sys.exit("no seccomp filter: " + os.strerror(ctypes.get_errno()))
    os.execv(sys.argv[1], sys.argv[1:])


main()
