"""What a derivation is: a head, lines that follow from one another, and cases that it must meet.

Each line says which rule it used, what stood before and what stands after, where the rule is from
and what must hold for it; its two sides are expressions, so that each line can be tested by
numbers. Knows nothing of how lines are found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from textwrap import wrap

from derivant.carriers.expr import Expr

RULE, INDEX, PAGE = 30, 50, 118  # columns


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One action of a derivation.

    `before` and `after` are what the rule took and what it made of it, as text; `left` and `right`
    are two expressions in the variables of the formula that the line says are equal. `index` and
    `matrix` are the line as it is shown in either notation, `dimensions` the check of its products,
    `source` where the rule is from, `conditions` what must hold for it.
    """

    rule: str
    before: str
    after: str
    left: Expr
    right: Expr
    source: str = ""
    conditions: tuple[str, ...] = ()
    index: str = ""
    matrix: str = ""
    dimensions: str = ""

    def __str__(self) -> str:
        return "\n".join(_laid_out(self, RULE, INDEX))


@dataclass(frozen=True, slots=True, eq=False)
class Derivation:
    """The head with the shapes, the lines, and the cases at the end.

    Printed, it is numbered lines: the rule, index notation, and matrix notation beside it.
    """

    head: str
    lines: tuple[Line, ...]
    cases: tuple[str, ...]

    def __str__(self) -> str:
        shown = _each_once(self.lines)
        rule = min(RULE, max([len(_rule(line)) for line in shown], default=0))
        index = min(INDEX, max([len(line.index) for line in shown], default=0))
        texts = [self.head]
        wide = len(str(len(shown)))
        for k, line in enumerate(shown, 1):
            first, *rest = _laid_out(line, rule, index)
            texts += [f"{k:<{wide}} {first}", *(" " * (1 + wide) + text for text in rest)]
        if self.cases:
            texts.append("sanity: " + "    ".join(self.cases))
        return "\n".join(text.rstrip() for text in texts)


def following(lines: Sequence[Line]) -> tuple[Line, ...]:
    """Lines whose `before` is what the line before them ends with, where they do not say.

    What must hold for a line must hold for those that follow from it.
    """
    found: list[Line] = []
    needed: dict[str, None] = {}
    for line in lines:
        needed |= dict.fromkeys(line.conditions)
        before, after = line.before, line.after
        if not after:
            before, _, after = line.matrix.partition(" = ")
        if found and (not line.before or not line.after):
            before = found[-1].after
        found.append(replace(line, before=before, after=after, conditions=tuple(needed)))
    return tuple(found)


def _each_once(lines: Sequence[Line]) -> list[Line]:
    """The lines as they are printed: what must hold is said where it is first needed."""
    found, said = [], set[str]()
    for line in lines:
        new = tuple(c for c in line.conditions if c not in said)
        said.update(new)
        found.append(replace(line, conditions=new))
    return found


def _rule(line: Line) -> str:
    needs = f" [{', '.join(line.conditions)}]" if line.conditions else ""
    return line.rule + needs


def _laid_out(line: Line, rule: int, index: int) -> Sequence[str]:
    """The columns of a line; what is too wide has rows of its own."""
    matrix = line.matrix + (f"   {line.dimensions}" if line.dimensions else "")
    said, left = _rule(line), line.index
    rows = []
    if len(said) > rule:
        rows = wrap(said, PAGE, break_long_words=False)
        said = ""
    if matrix and len(left) > index and len(left) + len(matrix) > PAGE - rule:
        rows.append(f"{said:<{rule}}   {left}")
        said = left = ""
    if left or matrix:
        rows.append(f"{said:<{rule}}   {left:<{index}}   {matrix}")
    elif said:
        rows.append(said)
    return [row.rstrip() for row in rows]
