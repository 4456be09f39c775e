"""Makes the seeds of the fuzzers of texts, tables for unwinding and records: make-seeds.py."""

import struct
from pathlib import Path

SEEDS = Path(__file__).resolve().parent
FRAMES_AT, TEXT_AT = 0x800, 0x400  # fuzz/image.h

STAT = b"7 (a) b) R " + b" ".join(str(n).encode() for n in range(1, 50)) + b"\n"
MAPS = (
    b"00400000-00452000 r-xp 00000000 08:02 173521 /usr/bin/python3 (deleted)\n"
    b"7ffff7fc1000-7ffff7fc3000 r--p 00000000 00:00 0 [vvar]\n"
)
STATUS = (
    b"Name:\ta\nUid:\t0\t0\t0\t0\nNSpid:\t7\t3\nVmHWM:\t 8 kB\nVmRSS:\t 8 kB\nCapEff:\t00000000000000ff\nSeccomp:\t0\n"
    b"Cpus_allowed_list:\t0-1,3\nvoluntary_ctxt_switches:\t1\nnonvoluntary_ctxt_switches:\t2\n"
)
IO = b"rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\nwrite_bytes: 6\n"
GROUPS = b"0::/a/b\n4:cpu,cpuacct:/a\n\x01max 100000\n\x01150000 100000\n\x01throttled_usec 7\n\x0125000\n\x01100000\n"
MACHINE = STATUS + b"\x01" + STAT + b"\x01proc /proc proc rw,hidepid=2 0 0\n\x016.1.0\n\x012\n\x01"
NOISE = b"ffffffff81000100 T schedule\nffffffff81000200 T vfs_read\n"
RESULT = (
    b'{"schema":"keisoku-bench/1","variants":[{"command":"a","parameters":"","measures":{"wall":{"runs":[1,2,3,1,2]}}},'
    b'{"command":"b","parameters":"n=1","reference":0,"measures":{"wall":{"runs":[2,3,4.5,2,1]}}}]}'
)


def chosen(byte: int, text: bytes) -> bytes:
    return bytes([byte]) + text


def entry(body: bytes) -> bytes:
    body += bytes(-(len(body) + 4) % 8)
    return struct.pack("<I", len(body)) + body


def frames(augmentation: bytes, rules: bytes) -> bytes:
    """One common entry and one for all of the code, whose places from the second byte on have these rules."""
    common = entry(bytes(4) + b"\x01" + augmentation + b"\0\x01\x78\x10\x01\x1b" + b"\x0c\x07\x08\x90\x01")
    place = len(common) + 8  # of the address that the second entry begins with
    body = struct.pack("<IiI", len(common) + 4, TEXT_AT - (FRAMES_AT + place), 0x400) + b"\0\x41" + rules
    return common + entry(body) + bytes(4)


def unwinding() -> dict[str, bytes]:
    head = bytes([1, 0x10, 0x04, 0xFF, 0xFF, 5])
    linkage = b"\x0f\x0b\x77\x08\x80\x00\x3f\x1a\x3b\x2a\x33\x24\x22"
    return {
        "plain": head + frames(b"zR", b"\x0e\x10\x86\x02"),
        "linkage": head + frames(b"zR", linkage),
        "signal": head + frames(b"zRS", b"\x0f\x03\x77\xa0\x01\x10\x10\x03\x77\xa8\x01\x16\x06\x02\x77\x08"),
    }


def perf(kind: int, misc: int, body: bytes) -> bytes:
    return struct.pack("<IHH", kind, misc, 8 + len(body)) + body


def events() -> dict[str, bytes]:
    task = struct.pack("<IIIIQ", 8, 7, 8, 7, 5)
    ring = perf(9, 2, struct.pack("<QIIQ", 0x401000, 7, 7, 5)) + perf(7, 0, task) + perf(4, 0, task)
    ring += perf(3, 1 << 13, struct.pack("<II", 7, 7) + b"python3\0" + struct.pack("<IIQ", 7, 7, 5))
    ring += perf(2, 0, struct.pack("<QQ", 1, 3))
    message = struct.pack("<IHHII", 0, 3, 0, 0, 0) + struct.pack("<IIIIHH", 1, 1, 0, 0, 0, 0)
    ended = message + struct.pack("<IIQIIII", 0x80000000, 0, 5, 7, 7, 256, 17)
    born = message + struct.pack("<IIQIIII", 1, 0, 5, 7, 7, 8, 8)
    place = struct.pack("<HQ", 0xFF0, 1 << 40)
    return {
        "ring": b"\0" + place + ring,
        "false-head": b"\2" + place + ring,
        "ended": b"\1" + ended,
        "born": b"\1" + born,
    }


def kernel() -> dict[str, bytes]:
    """A code object, then a sample of it with a task; and each kind with a word written into it."""
    word = struct.pack("<HBQ", 64, 8, 0x9000)
    whole = b"\1\0\0" + b"\5\0\0" + b"\0\0\0"
    seeds = {f"whole-{version}": bytes([version]) + whole for version in (0, 2, 4, 6, 8)}
    seeds["each"] = b"\4" + b"".join(bytes([kind, 0, 1]) + word for kind in range(8))
    seeds["cut"] = b"\5" + b"".join(bytes([kind, 0xE8, 0]) for kind in range(8))
    return seeds


FUZZERS: dict[str, dict[str, bytes]] = {
    "proc": {
        "stat": chosen(0, STAT),
        "ended": chosen(0, STAT.replace(b") R", b") Z")),
        "schedstat": chosen(0, b"1 2 3\n"),
        "syscall": chosen(0, b"0 0x3 0x7ffc 0x2000 0x0 0x0 0x0 0x7ffd 0x7f01\n"),
        "fault": chosen(0, b"-1 0x7ffd 0x7f01\n"),
        "status": chosen(0, STATUS),
        "maps": chosen(1, MAPS),
        "usage": chosen(2, STATUS + IO),
        "usage-stat": chosen(2, STAT),
        "core": chosen(3, b"cpu1 10 20 30 40 50 60 70 80 0 0\n"),
        "groups": chosen(4, GROUPS),
        "machine": chosen(5, MACHINE + NOISE),
    },
    "control": {
        "save": b"\0save /tmp/a b.kei\n",
        "status": b"\0status\n",
        "good": b"\0000 saved the last 1.0 s to a.kei\n",
        "refused": b"\0-9 the name must be absolute\n",
    },
    "trials": {
        "result": chosen(0, RESULT),
        "words": chosen(1, b"python3 'a b' \"c\" d"),
        "shell": chosen(1, b"a | b $HOME"),
        "answer": chosen(2, b"loops 10\nvalue 0.1 0.1\nvalue 1e-3 0.25\n"),
        "scans": chosen(3, b"run {n} {k}\nn=1,10,100\nk=a,b"),
        "sizes": chosen(4, b"1000,2e3,.5"),
    },
    "elf": {
        "image": b"\1",
        "file": b"\0",
        "written": b"\0\x38\x00\x02\x00\x10\x01\xff\xff",
        "short": b"\2\x7fELF\2\1\1",
    },
    "unwind": unwinding(),
    "events": events(),
    "kernel": kernel(),
}


def main() -> None:
    for fuzzer, seeds in FUZZERS.items():
        (SEEDS / fuzzer).mkdir(exist_ok=True)
        for name, seed in seeds.items():
            (SEEDS / fuzzer / name).write_bytes(seed)


main()
