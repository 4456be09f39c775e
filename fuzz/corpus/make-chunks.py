"""Makes the seeds of the chunk fuzzer from the sample recordings: make-chunks.py BUILD_DIRECTORY."""

import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
TABLES = {"samples": "sample_chunk", "counters": "counter_chunk"}


def main() -> None:
    maker = Path(sys.argv[1]) / "tests" / "tools" / "make-recording"
    seeds = TOP / "fuzz" / "corpus" / "chunk"
    seeds.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for description in sorted((TOP / "tests" / "recordings").glob("*.txt")):
            if description.name.endswith(".py.txt"):
                continue
            name = description.stem
            path = Path(folder) / f"{name}.kei"
            subprocess.run([maker, description, path], check=True, stdout=subprocess.DEVNULL)
            with sqlite3.connect(path) as recording:
                for kind, table in TABLES.items():
                    # the smallest: a fuzzer learns the layout, not the program
                    row = recording.execute(f"SELECT data FROM {table} ORDER BY length(data) LIMIT 1").fetchone()
                    if row:
                        (seeds / f"{name}-{kind}").write_bytes(row[0])


main()
