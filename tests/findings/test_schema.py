"""The golden reports are valid by docs/report.schema.json, and the schema is a schema that refuses what it should."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

jsonschema = pytest.importorskip("jsonschema")
TOP = Path(__file__).resolve().parents[2]
SCHEMA: dict[str, Any] = json.loads((TOP / "docs" / "report.schema.json").read_text())
REPORTS = sorted((TOP / "tests" / "golden").glob("*.json"))
REPORTS = [path for path in REPORTS if "keisoku-report/1" in path.read_text()]


def validator() -> Any:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    return jsonschema.Draft202012Validator(SCHEMA)


def test_there_are_reports() -> None:
    assert len(REPORTS) >= 3


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.name)
def test_golden_report_is_valid(path: Path) -> None:
    validator().validate(json.loads(path.read_text()))


def closed_objects(node: Any) -> int:
    count = 0
    if isinstance(node, dict):
        if node.get("type") == "object":
            assert "additionalProperties" in node, node
            count += 1
        for value in node.values():
            count += closed_objects(value)
    elif isinstance(node, list):
        for value in node:
            count += closed_objects(value)
    return count


def test_every_object_is_closed() -> None:
    assert closed_objects(SCHEMA) > 10


@pytest.mark.parametrize(
    "path, value",
    [
        (("schema",), "keisoku-report/2"),
        (("findings", 0, "prescription"), "rewrite"),
        (("findings", 0, "confidence"), 1.5),
        (("findings", 0, "surprise"), 1),
        (("states", "wall", "busy"), {"share": 0.5, "low": 0.4, "high": 0.6}),
        (("trust", "samples"), -1),
        (("recording", "started"), "yesterday"),
    ],
)
def test_wrong_reports_are_refused(path: tuple[Any, ...], value: Any) -> None:
    report = copy.deepcopy(json.loads((TOP / "tests" / "golden" / "orders.json").read_text()))
    node = report
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    assert list(validator().iter_errors(report))
