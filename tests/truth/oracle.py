"""Says whether a program of tests/truth/programs can have a stack at all.

A program states its own truth in its source: CHAINS maps a pattern of thread names to a pattern of whole call chains
(function names from the outermost in, each after a space; `lib`: one or more frames outside the program, `boot`: the
frames that start a thread), and a comment `# -> name, name` lists what its line may call (`library`: code outside the
program; `name*`: makes the generator or coroutine `name`, whose frame is on the stack meanwhile, innermost and on its
`def` line, from 3.11 on). Comprehensions, which have a frame in some versions and none in others, count as lines of the
function that they stand in. So caller, callee, line and the whole chain are all checked.

Stacks are lists of (function, file, line), outermost first; a function may be qualified (`Thread.run`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path

Frame = tuple[str, str, int]
Stack = tuple[Frame, ...]

PROGRAMS = Path(__file__).resolve().parent / "programs"
CALLS = re.compile(r"#\s*->\s*([\w*, ]+)$")
RUNPY = {"_run_module_as_main", "_run_code", "_run_module_code", "run_path", "run_module"}
BOOT = (["_bootstrap", "_bootstrap_inner", "run"], ["_bootstrap", "_bootstrap_inner"], ["_bootstrap"])
EXPRESSIONS = {
    ast.ListComp: "<listcomp>",
    ast.SetComp: "<setcomp>",
    ast.DictComp: "<dictcomp>",
    ast.GeneratorExp: "<genexpr>",
}
OLD_BOOT = {"__bootstrap": "_bootstrap", "__bootstrap_inner": "_bootstrap_inner"}  # 2.7
ROUND = re.compile(r"<round (\d+)>$")


def bare(function: str) -> str:
    """`Thread.run` and `f.<locals>.g` are `run` and `g`."""
    return function.rpartition(".")[2]


class Oracle:
    """The truth of one program. `depth` stands for DEPTH in its chains."""

    def __init__(self, program: Path, depth: int = 20) -> None:
        self.path = program
        text = program.read_text()
        self.calls: dict[int, set[str]] = {}
        for number, line in enumerate(text.splitlines(), 1):
            found = CALLS.search(line)
            if found:
                self.calls[number] = {name.strip() for name in found[1].split(",")}
        self.lines: dict[str, set[int]] = {"<module>": set()}
        self.definitions: dict[str, int] = {}
        self.expressions: set[tuple[str, str, int]] = set()  # (function, "<listcomp>", line)
        chains: dict[str, str] = {}
        tree = ast.parse(text)
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "CHAINS":
                chains = ast.literal_eval(node.value)
        self._add_lines(tree, "<module>")
        self.chains = [
            (re.compile(names), re.compile(" " + chain.replace("DEPTH", str(depth)))) for names, chain in chains.items()
        ]
        if not self.chains:
            raise ValueError(f"{program} has no CHAINS")

    def _add_lines(self, node: ast.AST, function: str) -> None:
        for child in ast.iter_child_nodes(node):
            number: int | None = getattr(child, "lineno", None)
            if number is not None:
                last: int = getattr(child, "end_lineno", None) or number
                self.lines.setdefault(function, set()).update(range(number, last + 1))
                if type(child) in EXPRESSIONS:
                    kind = EXPRESSIONS[type(child)]
                    self.expressions.update((function, kind, line) for line in range(number, last + 1))
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                self.lines.setdefault(child.name, set()).add(child.lineno)
                self.definitions[child.name] = child.lineno
                self._add_lines(child, child.name)
            else:
                self._add_lines(child, function)

    def own(self, file: str) -> bool:
        return Path(file).parts[-2:] == self.path.parts[-2:]

    def impossible(self, stack: Iterable[Frame], thread: str = "") -> str | None:
        """Why the program cannot have this stack; None when it can."""
        frames = list(stack)
        reason = self._rounds(frames)
        if reason:
            return reason
        chain = self._chain(frames)
        if isinstance(chain, str):
            return chain
        if not chain:  # start-up, the end, a thread being born: nothing of the program yet
            return None
        words = "".join(" " + word for word in chain)
        wanted = [pattern for names, pattern in self.chains if names.fullmatch(thread)]
        if not any(pattern.fullmatch(words) for pattern in wanted or [pattern for _, pattern in self.chains]):
            return f"no such chain:{words}"
        return None

    def _chain(self, frames: list[Frame]) -> list[str] | str:
        chain: list[str] = []
        outside: list[str] = []
        before: Frame | None = None  # the innermost program frame so far
        if not any(self.own(file) for _, file, _ in frames):
            return []
        for frame in frames:
            function, file, line = frame
            name = bare(function)
            made = before is not None and name + "*" in self.calls.get(before[2], ()) and frame is frames[-1]
            if made and line == self.definitions.get(name):
                return chain
            if not self.own(file):
                leaves = before is None or before[0] == "<module>" or "library" in self.calls.get(before[2], ())
                if before and not outside and not leaves:
                    return f"{before[0]} line {before[2]} calls nothing outside, but {name} ({file}) is above it"
                outside.append(OLD_BOOT.get(name, name))
                continue
            if before and not outside and (before[0], name, line) in self.expressions:
                before = (before[0], file, line)
                continue
            if name not in self.lines:
                return f"no function {name}"
            if line and line not in self.lines[name]:
                return f"{name} has no line {line}"
            if outside and not chain and set(outside) <= RUNPY:
                pass  # python -m
            elif outside:
                chain.append("boot" if not chain and outside in BOOT else "lib")
            elif before and name not in self.calls.get(before[2], ()):
                return f"{before[0]} line {before[2]} does not call {name}"
            outside = []
            chain.append(name)
            before = (name, file, line)
        if outside and before and before[0] != "<module>":
            chain.append("lib")
        return chain

    def _rounds(self, frames: list[Frame]) -> str | None:
        """reuse.py: names, files and lines of one round only."""
        seen: set[int] = set()
        names: list[str] = []
        for function, file, line in frames:
            found = ROUND.search(file)
            name = bare(function)
            if not found:
                if re.search(r"(inner|outer)_\d+$", name):
                    return f"{name} in {file}"
                continue
            number = int(found[1])
            seen.add(number)
            offset = number % 50
            expected = {
                "<module>": (1, offset + 11),
                f"inner_{number}": (offset + 2, offset + 6),
                f"outer_{number}": (offset + 8, offset + 9),
            }.get(name)
            if expected is None:
                return f"{name} in {file}"
            if line and not expected[0] <= line <= expected[1]:
                return f"{name} of {file} has no line {line}"
            names.append(name.partition("_")[0])
        if len(seen) > 1:
            return f"rounds mixed: {sorted(seen)}"
        if names != ["<module>", "outer", "inner"][: len(names)]:
            return f"no such chain in a round: {names}"
        return None
