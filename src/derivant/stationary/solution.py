"""A solved problem as an answer: closed forms, multipliers, value, conditions, steps, code."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from derivant.base.dims import Dim
from derivant.base.errors import ArgumentError
from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr
from derivant.notation import latex_of, name_latex, numpy_text, shown_name
from derivant.notation.numpy_text import python_name
from derivant.stationary.algebra import documented, shown
from derivant.stationary.code import Code
from derivant.stationary.problem import WORD
from derivant.stationary.verifying import Verdict

PARTS = ("solution", "multipliers", "value")
QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|#.*")


@dataclass(frozen=True, slots=True)
class SolutionStep:
    """One line of the derivation: what was done, and what it gave.

    >>> print(SolutionStep("set to zero", "X'X w = X'y"))
    set to zero                         X'X w = X'y
    """

    rule: str
    result: str

    def __str__(self) -> str:
        return f"{self.rule:<34}  {self.result}"


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
    derivation: Callable[[], tuple[SolutionStep, ...]]
    check: Verdict
    said: str
    data: tuple[Expr, ...]

    @property
    def steps(self) -> tuple[SolutionStep, ...]:
        """How it was found, a line each; written when it is asked for.

        >>> from derivant.stationary import solve
        >>> print(solve("x'*x", over="x", subject_to=["A*x = y"]).steps[-4].result)
        x = A' inv(A A') y
        """
        return self.derivation()

    @property
    def text(self) -> str:
        """The unknowns in matrix notation, a line each."""
        return "\n".join(f"{shown_name(n)} = {shown(x)}" for n, x in self.solution.items())

    @property
    def latex(self) -> str:
        r"""The unknowns as LaTeX, for between dollar signs; amsmath's commands at most.

        >>> from derivant.stationary import solve
        >>> print(solve("x'*x", over="x", subject_to=["A*x = y"]).latex)
        x = A^{\top} \left(A A^{\top}\right)^{-1} y
        """
        lines = (
            f"{name_latex(name)} = {latex_of(documented(x, anyhow=True))}"
            for name, x in self.solution.items()
        )
        return r", \quad ".join(lines)

    def expression(self, target: str = "numpy", of: str = "solution") -> str | dict[str, str]:
        """The right-hand sides in NumPy notation: by unknown, by constraint, or of the value.

        Raises ArgumentError for another target or part, DerivantError where a part has no name in
        the notation or the multipliers are not known.

        >>> from derivant.stationary import solve
        >>> s = solve("x'*Q*x/2 + q'*x", over="x", assume={"Q": "spd"})
        >>> s.expression("numpy", of="value")
        '-0.5 * (q @ inv(Q) @ q)'
        """
        if target != "numpy":
            raise ArgumentError(f"the target of an expression is 'numpy', not {target!r:.40}")
        if of not in PARTS:
            raise ArgumentError(f"of is one of {', '.join(PARTS)}, not {of!r:.40}")
        if of == "value":
            return numpy_text(documented(self.value))
        return self.expressions(of)

    def expressions(self, of: str = "solution") -> dict[str, str]:
        """The right-hand sides of the unknowns or of the multipliers in NumPy notation, by name.

        Raises DerivantError where a part has no name in the notation.

        >>> from derivant.stationary import solve
        >>> solve("norm2(A*x - b)^2", over="x").expressions()
        {'x': 'inv(A.T @ A) @ A.T @ b'}
        """
        values = self.multipliers if of == "multipliers" else self.solution
        return {name: numpy_text(documented(x)) for name, x in values.items()}

    def code(self, target: str = "numpy", name: str = "solution") -> str:
        """A self-contained function of the data, in order of appearance in the problem.

        No inverse that can be avoided is formed: Gram matrices go to least squares or QR, positive
        definite ones to Cholesky, others to a solve. With several unknowns it returns a tuple.

        >>> from derivant.stationary import solve
        >>> print(solve("norm2(A*x - b)^2", over="x").code("numpy"))
        import numpy as np
        import scipy.linalg
        <BLANKLINE>
        <BLANKLINE>
        def solution(A, b):
            # least squares by orthogonal factors: the condition number is not squared
            z = scipy.linalg.lstsq(A, b)[0]
            return z
        """
        if target != "numpy":
            raise ArgumentError(f"the target of code is 'numpy', not {target!r:.40}")
        return written(name, self.solution, self.data)

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {self.latex}$"

    def __str__(self) -> str:
        lines = [self.said, self.text]
        lines += [f"{shown_name(k)} = {shown(x)}" for k, x in self.multipliers.items()]
        lines.append(f"value = {shown(self.value)}")
        if self.conditions:
            lines.append("needs: " + "; ".join(self.conditions))
        return "\n".join([*lines, self.kind, str(self.check)])


def written(name: str, values: Mapping[str, Expr], data: tuple[Expr, ...]) -> str:
    """The text of a function of the data that returns the values."""
    facts = {str(v.params["name"]): tuple(v.params.get("facts", ())) for v in data}
    sizes = sorted({n for x in (*values.values(), *data) for n in names_in(x)})
    code = Code(facts, sizes)
    results = [code.text(documented(x)) for x in values.values()]
    body = [*code.lines, f"return {', '.join(results)}"]
    read, asked = [], []
    words = {word for line in body for word in WORD.findall(QUOTED.sub("", line))}
    for size in (s for s in sizes if s in words):
        place = next(((v, v.shape.index(s)) for v in data for s in v.shape if str(s) == size), None)
        if place is None:
            asked.append(size)
        else:
            read.append(f"{size} = {python_name(str(place[0].params['name']))}.shape[{place[1]}]")
    lines = [*read, *body]
    names = [n for n in ("scipy.linalg", "scipy.special") if any(n in line for line in lines)]
    head = ["import numpy as np", *(f"import {n}" for n in names)]
    arguments = ", ".join([*map(python_name, facts), *asked])
    return "\n".join(
        [*head, "", "", f"def {name}({arguments}):", *(f"    {line}" for line in lines)]
    )


def names_in(expression: Expr) -> set[str]:
    """The named sizes of an expression and of all that it is made of."""
    plain = [n for n in ancestors([expression]) if n.primitive.outputs == 1]
    sizes = [s for n in plain for s in n.shape if isinstance(s, Dim)]
    return {name for s in sizes for names, _ in s.terms for name in names}
