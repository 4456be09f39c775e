"""Puts the thresholds of lib/diagnose/findings.def into docs/findings.md; `--check` only says whether they are there."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
TABLE = TOP / "lib" / "diagnose" / "findings.def"
PAGE = TOP / "docs" / "findings.md"
MARK = re.compile(r"(<!-- limits ([A-Z_]+) -->\n)(?:\n\|.*?\n(?=\n|$))?", re.DOTALL)


def without_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


def findings() -> dict[str, str]:
    """Name of each FINDING row and its tag, in order."""
    return dict(re.findall(r'^FINDING\((\w+), "([^"]+)"', without_comments(TABLE.read_text()), re.MULTILINE))


def limits() -> dict[str, list[tuple[str, str, str, str]]]:
    """Name of each finding and its rows: key, value, unit, meaning."""
    rows: dict[str, list[tuple[str, str, str, str]]] = {}
    pattern = re.compile(r'^LIMIT\((\w+), (\w+), ([0-9.]+), "([^"]*)",\s*"([^"]*)"\)', re.MULTILINE)
    for name, key, value, unit, meaning in pattern.findall(without_comments(TABLE.read_text())):
        rows.setdefault(name, []).append((key, value, unit, meaning))
    return rows


def next_measurements() -> dict[str, str]:
    """Name of each finding that has one, and what it tells."""
    return dict(re.findall(r'^NEXT\((\w+), "([^"]+)"', without_comments(TABLE.read_text()), re.MULTILINE))


def next_commands() -> dict[str, str]:
    """Name of each of those and its command, its slots not filled."""
    rows = re.findall(r"^NEXT\((\w+),(.*?)\)\n(?=\S)", without_comments(TABLE.read_text()), re.MULTILINE | re.DOTALL)
    texts = {name: re.findall(r'"(?:[^"\\]|\\.)*"', row) for name, row in rows}
    return {name: "".join(ast.literal_eval(part) for part in parts[1:]) for name, parts in texts.items()}


def shown(value: str, unit: str) -> str:
    if unit == "share":
        return f"{float(value) * 100:g} %"
    return f"{float(value):g}" if unit == "1" else f"{float(value):g} {unit}"


def table(name: str) -> str:
    rows = [
        f"| {key.lower().replace('_', ' ')} | {shown(value, unit)} | {meaning} |"
        for key, value, unit, meaning in limits()[name]
    ]
    return "\n".join(["", "| threshold | value | of what |", "|---|---|---|", *rows, ""])


def filled(page: str) -> str:
    return MARK.sub(lambda mark: mark.group(1) + table(mark.group(2)), page)


def main() -> int:
    page = PAGE.read_text()
    if "--check" in sys.argv:
        return 0 if page == filled(page) else 1
    PAGE.write_text(filled(page))
    return 0


if __name__ == "__main__":
    sys.exit(main())
