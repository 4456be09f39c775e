"""A decoder of sample chunks written from the tables of docs/recording.md alone."""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Iterator

import pytest


def zstd_unpack(data: bytes, size: int) -> bytes:
    name = ctypes.util.find_library("zstd")
    if name is None:
        pytest.skip("no libzstd that Python can load")
    library = ctypes.CDLL(name)
    library.ZSTD_decompress.restype = ctypes.c_size_t
    library.ZSTD_decompress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    space = ctypes.create_string_buffer(size)
    assert library.ZSTD_decompress(space, size, data, len(data)) == size
    return space.raw


class Bytes:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def take(self, size: int) -> bytes:
        assert self.at + size <= len(self.data)
        self.at += size
        return self.data[self.at - size : self.at]

    def varint(self) -> int:
        value, shift = 0, 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def signed(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def column(self) -> Bytes:
        size, packing = self.varint(), self.byte()
        if packing == 0:
            return Bytes(bytes([self.byte()]) * size)
        if packing == 1:
            return Bytes(self.take(size))
        assert packing == 2
        return Bytes(zstd_unpack(self.take(self.varint()), size))

    def ended(self) -> bool:
        return self.at == len(self.data)


def decode_samples(data: bytes, on_cpu: set[int]) -> Iterator[tuple[int, int, int, int, int, int, int, int]]:
    """(thread, time, stack, ticks, run, delay, state, task), times in units."""
    chunk = Bytes(data)
    form = chunk.byte()
    assert form in (1, 2, 3, 4)
    tasked, width = form in (2, 4), 4 if form >= 3 else 3
    count, base = chunk.varint(), chunk.varint()
    columns = [chunk.column() for _ in range(11)]
    tasks = chunk.column() if tasked else Bytes(bytes(count))
    assert chunk.ended()
    groups, time_low, time_high, stack_ids, stack_low, stack_high, ticks, delay, run, statuses, status = columns
    stacks, last = list[int](), 0
    while not stack_ids.ended():
        last += stack_ids.signed()
        stacks.append(last)
    done = 0
    while not groups.ended():
        thread, members, model = groups.varint(), groups.varint(), groups.byte()
        time = base
        for i in range(members):
            elapsed = time_low.byte() | time_high.varint() << 8
            time += elapsed
            stack = stacks[stack_low.byte() | stack_high.varint() << 8]
            waited, ran = delay.varint(), run.signed()
            state = statuses.data[status.varint() * width]
            if model == 1 and i > 0 and state in on_cpu:
                ran += max(elapsed - waited, 0)
            yield thread, time, stack, ticks.varint() + 1, ran, waited, state, tasks.varint()
        done += members
    assert done == count
