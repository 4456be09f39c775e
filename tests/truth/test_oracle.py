"""The oracle itself: what a program can have is let through, what it cannot have is found. No recording needed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import oracle
import pytest
from interpreters import Interpreter, find_interpreters

Frames = list[tuple[str, int]]


def line_of(program: Path, text: str, after: str = "") -> int:
    lines = program.read_text().splitlines()
    start = next((i for i, line in enumerate(lines) if after in line), 0)
    return next(i for i, line in enumerate(lines[start:], start + 1) if text in line)


@pytest.fixture
def alternate() -> oracle.Oracle:
    return oracle.Oracle(oracle.PROGRAMS / "alternate.py")


def stack(program: Path, *frames: tuple[str, str]) -> list[oracle.Frame]:
    """frames: (function, text of its line)."""
    return [
        (name, str(program), line_of(program, text, "" if name == "<module>" else f"def {name}("))
        for name, text in frames
    ]


BASE = (("<module>", "done = main("), ("main", "hot_a()"))


def test_true_stacks_pass(alternate: oracle.Oracle) -> None:
    whole = stack(alternate.path, *BASE, ("hot_a", "mid_a()"), ("mid_a", "leaf_a()"), ("leaf_a", "return 1"))
    for depth in range(len(whole) + 1):
        assert alternate.impossible(whole[:depth]) is None
    assert alternate.impossible([("_find_spec", "<frozen importlib._bootstrap>", 1)]) is None


@pytest.mark.parametrize(
    "frames",
    [
        # a callee of the other side
        (*BASE, ("hot_a", "mid_a()"), ("mid_b", "leaf_b()")),
        (*BASE, ("hot_a", "mid_a()"), ("mid_a", "leaf_a()"), ("leaf_b", "return 2")),
        # the right callee from the line that calls the other
        (("<module>", "done = main("), ("main", "hot_b()"), ("hot_a", "mid_a()")),
        # a frame left out, the outermost left out
        (*BASE, ("mid_a", "leaf_a()")),
        (("hot_a", "mid_a()"), ("mid_a", "leaf_a()")),
        # every pair exists, the whole does not
        (
            ("<module>", "done = main("),
            ("main", "left()"),
            ("left", "middle(leaf_l)"),
            ("middle", "return leaf()"),
            ("leaf_r", "return 2"),
        ),
    ],
)
def test_mixed_stacks_are_found(alternate: oracle.Oracle, frames: tuple[tuple[str, str], ...]) -> None:
    assert alternate.impossible(stack(alternate.path, *frames))


def test_wrong_lines_are_found(alternate: oracle.Oracle) -> None:
    frames = stack(alternate.path, *BASE, ("hot_a", "mid_a()"))
    name, file, line = frames[-1]
    assert alternate.impossible([*frames[:-1], (name, file, line + 20)])
    assert alternate.impossible([*frames, ("sleep", "/lib/time.py", 1)])


def test_depths() -> None:
    deep = oracle.Oracle(oracle.PROGRAMS / "deep.py", depth=3)
    top = stack(deep.path, ("<module>", "main(float"), ("main", "left(depth)"), ("left", "down(depth"))
    down = stack(deep.path, ("down", "return down("))
    last = stack(deep.path, ("down", "return leaf("))
    leaf = stack(deep.path, ("leaf_l", "total = 0"))
    assert deep.impossible([*top, *down * 2, *last, *leaf]) is None
    assert deep.impossible([*top, *down, *last, *leaf])
    assert deep.impossible([*top, *down * 4])
    assert deep.impossible([*top, *down * 2, *last, *stack(deep.path, ("leaf_r", "total = 0"))])


def test_threads_keep_to_their_own_functions() -> None:
    threads = oracle.Oracle(oracle.PROGRAMS / "many_threads.py")
    boot = [
        ("Thread._bootstrap", "threading.py", 1),
        ("Thread._bootstrap_inner", "threading.py", 2),
        ("Thread.run", "threading.py", 3),
    ]
    frames = boot + stack(threads.path, ("work_even", "mid_even()"), ("mid_even", "leaf_even()"))
    assert threads.impossible(frames, "even-4") is None
    assert threads.impossible(frames, "odd-5")
    assert threads.impossible(frames[1:], "even-4")


def test_a_generator_being_made() -> None:
    generators = oracle.Oracle(oracle.PROGRAMS / "generators.py")
    top = stack(generators.path, ("<module>", "main(float"), ("main", "sum_a(9)"), ("sum_a", "for value in double"))
    name, file, line = stack(generators.path, ("count_a", "def count_a"))[0]
    assert generators.impossible([*top, (name, file, line)]) is None
    assert generators.impossible([*top, (name, file, line + 1)])
    assert generators.impossible([*top, (name, file, line), (name, file, line)])


def test_rounds() -> None:
    reuse = oracle.Oracle(oracle.PROGRAMS / "reuse.py")
    top = stack(reuse.path, ("<module>", "done = main("), ("main", "exec(code"))
    good = [("<module>", "<round 7>", 18), ("outer_7", "<round 7>", 16), ("inner_7", "<round 7>", 12)]
    assert reuse.impossible(top + good) is None
    assert reuse.impossible(top + good[:2] + [("inner_8", "<round 8>", 12)])
    assert reuse.impossible(top + good[:2] + [("inner_8", "<round 7>", 12)])
    assert reuse.impossible(top + good[:2] + [("inner_7", "<round 7>", 16)])
    assert reuse.impossible(top + [good[0], good[2]])


TRACER = """
import json, sys, threading
seen, left = set(), [60000]
def note(frame, event, arg):
    inside = frame.f_code.co_filename == sys.argv[0]
    left[0] -= inside
    if left[0] < 0:
        sys.settrace(None)
        return None
    stack, name = [], threading.current_thread().name
    while frame is not None:
        stack.append((frame.f_code.co_name, frame.f_code.co_filename, frame.f_lineno))
        frame = frame.f_back
    seen.add((name, tuple(reversed(stack))))
    return note if inside else None
threading.settrace(note)
program = sys.argv[1]
sys.argv = sys.argv[1:]
code = compile(open(program).read(), program, "exec")
sys.settrace(note)
try:
    exec(code, {"__name__": "__main__", "__file__": program})
finally:
    sys.settrace(None)
    threading.settrace(None)
with open(sys.argv[-1], "w") as out:
    json.dump(sorted(seen), out)
"""


# Calls, frames and lines differ most between these.
TRACED = [one for one in find_interpreters() if one.name in ("3.8", "3.11")] + list(find_interpreters()[-1:])


@pytest.mark.parametrize("traced", TRACED, ids=lambda one: one.name)
@pytest.mark.parametrize(
    "name", ["alternate", "recursion", "generators", "awaits", "deep", "many_threads", "short", "reuse", "shares"]
)
def test_every_real_stack_is_possible(name: str, traced: Interpreter, tmp_path: Path) -> None:
    """The interpreter's own trace of a short run, as the reader that cannot err: an oracle must never cry wolf."""
    tracer, out = tmp_path / "tracer.py", tmp_path / "stacks.json"
    tracer.write_text(TRACER)
    program = oracle.PROGRAMS / f"{name}.py"
    arguments = ["0.05", "6"] if name in ("deep", "many_threads") else ["0.05"]
    done = subprocess.run(
        [traced.path, tracer, program, *arguments, out],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    truth = oracle.Oracle(program, depth=6)
    wrong = []
    stacks = json.loads(out.read_text())
    for thread, frames in stacks:
        frames = [tuple(frame) for frame in frames if frame[1] != str(tracer)]
        reason = truth.impossible(frames, thread)
        if reason:
            wrong.append((reason, thread, frames))
    assert len(stacks) > 5
    assert not wrong, f"{len(wrong)} of {len(stacks)}: {wrong[0]}"
