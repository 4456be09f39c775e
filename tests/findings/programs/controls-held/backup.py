"""Packs a folder of documents into an archive and checks it: what takes time is the compressor and the checksums.

expects: nothing
"""

import hashlib
import io
import random
import tarfile
import tempfile
from pathlib import Path


def write_documents(folder, count):
    made = random.Random(9)
    words = [made.randbytes(made.randrange(3, 9)).hex() for _ in range(4_000)]
    for number in range(count):
        lines = [" ".join(made.choices(words, k=12)) for _ in range(1_500)]
        place = folder / f"year{number % 4}"
        place.mkdir(exist_ok=True)
        (place / f"document{number:03}.txt").write_text("\n".join(lines))


def checksums(folder):
    found = {}
    for path in sorted(folder.rglob("*.txt")):
        found[path.relative_to(folder).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def pack(folder):
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:xz", preset=4) as archive:
        for path in sorted(folder.rglob("*.txt")):
            archive.add(path, path.relative_to(folder).as_posix())
    return whole.getvalue()


def check(packed, expected):
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:xz") as archive:
        for member in archive:
            inside = archive.extractfile(member)
            if inside is None or hashlib.sha256(inside.read()).hexdigest() != expected[member.name]:
                return False
    return True


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_documents(folder, 24)
        expected = checksums(folder)
        packed = pack(folder)
    print(len(expected), "documents", "whole" if check(packed, expected) else "damaged")
