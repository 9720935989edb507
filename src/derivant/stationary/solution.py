"""A solved problem as an answer: closed forms, multipliers, value, conditions, steps, code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from derivant.base.errors import ArgumentError
from derivant.carriers.expr import Expr
from derivant.notation import Forms, Node, numpy_text, shown_name, text_of
from derivant.rewriting import form_of
from derivant.stationary.verifying import Verdict

PARTS = ("solution", "multipliers", "value")


@dataclass(frozen=True, slots=True)
class SolutionStep:
    """One line of the derivation: what was done, and what it gave."""

    rule: str
    result: str

    def __str__(self) -> str:
        return f"{self.rule:<34}{self.result}"


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """The optimum of a problem in closed form, verified before it is given.

    L = f + <λ, left - right>; for g <= 0 the multiplier is not negative; the maximum of f is the
    minimum of -f. The solutions are expressions of the data, so that `derive` takes them.

    >>> from derivant.stationary import solve
    >>> s = solve("x'*x", over="x", subject_to=["lam: A*x = y"])
    >>> print(s.text)
    x = A' inv(A A') y
    >>> s.expression("numpy", of="multipliers")
    {'lam': '-2 * inv(A @ A.T) @ y'}
    """

    solution: Mapping[str, Expr]
    multipliers: Mapping[str, Expr]
    value: Expr
    conditions: tuple[str, ...]
    kind: str
    pattern: str
    steps: tuple[SolutionStep, ...]
    check: Verdict
    said: str

    @property
    def text(self) -> str:
        """The unknowns in matrix notation, a line each."""
        return "\n".join(f"{shown_name(n)} = {_text(x)}" for n, x in self.solution.items())

    def expression(self, target: str = "numpy", of: str = "solution") -> str | dict[str, str]:
        """The right-hand sides in NumPy notation: by unknown, by constraint, or of the value.

        Raises ArgumentError for another target or part, DerivantError where a part has no name in
        the notation or the multipliers are not known.

        >>> from derivant.stationary import solve
        >>> solve("x'*x", over="x", subject_to="A*x = y").expression("numpy", of="value")
        'y @ inv(A @ A.T) @ y'
        """
        if target != "numpy":
            raise ArgumentError(f"the target of an expression is 'numpy', not {target!r:.40}")
        if of not in PARTS:
            raise ArgumentError(f"of is one of {', '.join(PARTS)}, not {of!r:.40}")
        if of == "value":
            return numpy_text(document(self.value))
        if of == "multipliers":
            return {k: numpy_text(document(x)) for k, x in self.multipliers.items()}
        return {n: numpy_text(document(x)) for n, x in self.solution.items()}

    def __str__(self) -> str:
        lines = [self.said, self.text]
        lines += [f"{shown_name(k)} = {_text(x)}" for k, x in self.multipliers.items()]
        lines.append(f"value = {_text(self.value)}")
        if self.conditions:
            lines.append("needs: " + "; ".join(self.conditions))
        return "\n".join([*lines, self.kind, str(self.check)])


def document(expression: Expr) -> Node:
    """The document of an expression; DerivantError where matrix notation does not reach it."""
    form = form_of(expression)
    forms = Forms(form)
    found = forms.matrix(form.sum)
    return forms.contractions(form.sum) if found is None else found


def _text(expression: Expr) -> str:
    form = form_of(expression)
    return text_of(Forms(form).best(form.sum))
