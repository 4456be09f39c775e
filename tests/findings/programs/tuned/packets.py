"""Puts the pieces of a capture together and checks the whole.

finds: quadratic-concat in assemble at `body += payload`
"""

import random
import struct
import sys
import zlib

FIXED = sys.argv[1:] == ["fixed"]
HEADER = struct.Struct(">IHI")


def capture(count):
    """Frames in a row: sequence number, length, checksum, payload."""
    made = random.Random(3)
    stream = bytearray()
    for sequence in range(count):
        payload = made.randbytes(made.randrange(8, 24)) if hasattr(made, "randbytes") else bytes(16)
        stream += HEADER.pack(sequence, len(payload), zlib.crc32(payload)) + payload
    return bytes(stream)


def frames(stream):
    at = 0
    while at < len(stream):
        sequence, size, checksum = HEADER.unpack_from(stream, at)
        at += HEADER.size
        yield sequence, stream[at : at + size], checksum
        at += size


def assemble(stream):
    body, pieces, damaged = b"", [], 0
    for _, payload, checksum in frames(stream):
        if zlib.crc32(payload) != checksum:
            damaged += 1
            continue
        if FIXED:
            pieces.append(payload)
        else:
            body += payload
    return b"".join(pieces) if FIXED else body, damaged


if __name__ == "__main__":
    body, damaged = assemble(capture(60_000))
    print(len(body), damaged, zlib.crc32(body))
