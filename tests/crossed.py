"""Interpreters times cases, without the whole product.

Every case runs over each interpreter of FAMILIES, between which layouts and meanings differ most. Over each of the
others runs every STEP-th case, and the next interpreter takes the ones beside: so each test still proves each
interpreter, and each case is proved beyond the families. Where a test is marked `sparse` (another way to measure what
tests over all families prove of every layout), the families are thinned like the others, and a test of one case
runs over the families alone. `sparse(8)`, of a test with many cases, has each interpreter run an eighth of them: the
interpreters of SUPPORTED take all of the cases, fewer of them fewer.

KEISOKU_ONLY=3.8,3.15 runs those interpreters' tests alone, KEISOKU_ONLY=none those that are over no interpreters.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from interpreters import ON_REQUEST, SUPPORTED

# In this order a case of a sparse test falls on one of 3.11, 3.13, 3.14, 3.15, four in a row, which every machine can have.
FAMILIES = ("2.7", "3.8", "3.11", "3.13", "3.14", "3.15", "3.13t", "3.14t")
STEP = 4
WHOLE = bool(os.environ.get("KEISOKU_ALL"))
ONLY = os.environ.get("KEISOKU_ONLY", "").replace(",", " ").split()
HEADER = (
    "interpreters x cases: the whole product"
    if WHOLE
    else f"interpreters x cases: every case over {', '.join(FAMILIES)}, a quarter of them over each other one"
    " (tools/test --all: the whole product)"
)
OTHERS = [name for name in SUPPORTED + ON_REQUEST if name not in FAMILIES]


def kept(name: str, case: int, cases: int, sparse: bool, step: int = STEP) -> bool:
    """Whether the interpreter runs this one of the test's cases."""
    if name in FAMILIES and (not sparse or cases == 1):
        return True
    if sparse and cases == 1:
        return False
    at = FAMILIES.index(name) if name in FAMILIES else STEP + OTHERS.index(name)
    return (case + at) % min(step, cases) == 0


def sparse_step(item: pytest.Item) -> tuple[bool, int]:
    mark = item.get_closest_marker("sparse")
    return mark is not None, mark.args[0] if mark is not None and mark.args else STEP


def case_of(item: pytest.Item) -> tuple[str, str, tuple[int, ...]] | None:
    """The test, the interpreter's name and what else the test is over; None for a test without interpreters."""
    call: Any = getattr(item, "callspec", None)
    if call is None or "python" not in call.params:
        return None
    name = next(word for word in call.id.split("-") if word in FAMILIES or word in OTHERS)
    return item.nodeid.partition("[")[0], name, tuple(at for key, at in call.indices.items() if key != "python")


def thin(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Takes the items out of the list that a run without --all leaves out."""
    cases: dict[str, list[tuple[int, ...]]] = {}
    known = [(item, found) for item in items if (found := case_of(item))]
    for _, (test, _, case) in known:
        if case not in cases.setdefault(test, []):
            cases[test].append(case)
    left = {
        item.nodeid
        for item, (test, name, case) in known
        if not WHOLE and not kept(name, cases[test].index(case), len(cases[test]), *sparse_step(item))
    }
    if ONLY:
        names = {item.nodeid: name for item, (_, name, _) in known}
        left |= {item.nodeid for item in items if names.get(item.nodeid, "none") not in ONLY}
    if left:
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid in left])
        items[:] = [item for item in items if item.nodeid not in left]
