"""The cases that a derivation ends with: all sizes 1, a fact that shortens it, what is not formed.

Each is worked out by the system itself; a case that cannot be is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import numpy as np

from derivant.base.dims import Dim, Size, total
from derivant.base.errors import DerivantError
from derivant.carriers.evaluate import evaluate, evaluate_all, replaced
from derivant.carriers.expr import Expr, symbol
from derivant.derivation.cuts import Cut, dependents, variables_of
from derivant.derivation.working import Problem, Working
from derivant.notation import Forms
from derivant.notation.index_form import derivation_text, subscripted
from derivant.primitives import RECORD
from derivant.rewriting import derivative_form, form_of
from derivant.rewriting.plainer import plainer

LONGEST = 60  # characters of a case
CLOSE = 1e-9
"""Relative agreement of a case with the answer."""


def cases(work: Working, parts: Cut, answer: Expr, text: str) -> tuple[str, ...]:
    """The cases that hold and are short enough to be read."""
    found = [scalar_case(work, answer), fact_case(work, answer, text), not_formed(work, parts)]
    return tuple(case for case in found if case)


def scalar_case(work: Working, answer: Expr) -> str:
    """The formula with all sizes 1, differentiated as one of numbers, compared with the answer."""
    names = sorted(
        {n for v in variables_of([work.value, answer]) for s in v.shape for n in _names(s)}
    )
    if not names:
        return ""
    numbers = {v: symbol(str(v.params["name"]), ()) for v in variables_of([work.value])}
    ones = dict.fromkeys(names, 1)
    arrays = {v: _filled(numbers[v], v) for v in numbers}
    try:
        (value,) = evaluate_all([work.value], arrays, ones)
        value = RECORD.sum(value, axis=tuple(range(-value.ndim, 0)), keepdims=False)
        form = form_of(plainer(value))
        slope = derivative_form(value, numbers[work.variable])
        held = _agrees(work, answer, slope.to_expr(), ones)
    except (DerivantError, ValueError):
        return ""
    before = derivation_text(Forms(form).best(form.sum))
    after = derivation_text(Forms(slope).best(slope.sum))
    whole = before + after
    if not held or len(whole) > LONGEST or "ones(" in whole:
        return ""
    where = f"{names[0]} = 1" if len(names) == 1 else "all sizes 1"
    name = work.name
    return f"{where}: {name} = {before}, d{name}/d{subscripted(work.x, '')} = {after} ✓"


def _names(size: Size) -> list[str]:
    return [n for names, _ in size.terms for n in names] if isinstance(size, Dim) else []


def _filled(number: Expr, like: Expr) -> Expr:
    """An array of the rank of a variable whose one entry is a number."""
    shape = tuple(1 if isinstance(s, Dim) else s for s in like.shape)
    found: Expr = RECORD.broadcast_to(number, shape=shape) if shape else number
    return found


def _agrees(work: Working, answer: Expr, slope: Expr, ones: dict[str, int]) -> bool:
    """Whether the answer at sizes 1 is the derivative of the formula of numbers."""
    rng, compared = np.random.default_rng(1), 0
    for _ in range(4):
        point = {
            str(v.params["name"]): rng.uniform(0.3, 1.7) for v in variables_of([work.value, answer])
        }
        arrays = {
            str(v.params["name"]): np.full(
                [1 if isinstance(s, Dim) else s for s in v.shape], point[str(v.params["name"])]
            )
            for v in variables_of([work.value, answer])
        }
        with np.errstate(all="ignore"):
            one = float(np.sum(np.asarray(evaluate(answer, arrays, ones))))
            two = float(np.asarray(evaluate(slope, point)))
        if not (isfinite(one) and isfinite(two)):
            continue
        if abs(one - two) > CLOSE * max(1.0, abs(two)):
            return False
        compared += 1
    return compared > 1


def fact_case(work: Working, answer: Expr, text: str) -> str:
    """The answer where a square matrix is symmetric, if that makes it shorter."""
    for matrix in variables_of([answer]):
        shape, name = matrix.shape, str(matrix.params["name"])
        if len(shape) != 2 or shape[0] != shape[1] or matrix.params.get("facts"):
            continue
        fact = symbol(name, shape, matrix.dtype, facts=("symmetric",))
        form = form_of(replaced([answer], {matrix: fact})[0])
        found = derivation_text(Forms(form).best(form.sum))
        if len(found) < len(text) and len(found) <= LONGEST:
            own = subscripted(name, "")
            return f"{own} = {own}': {found}"
    return ""


def not_formed(work: Working, parts: Cut) -> str:
    """The Jacobian of an array by the variable, which the chain does without."""
    depend = dependents(parts.expanded(parts.top), work.variable)
    arrays = [
        (p.name, p.symbol)
        for p in parts.parts
        if p.symbol.ndim > 1 and id(parts.expanded(p.symbol)) in depend
    ]
    name, array = arrays[0] if arrays else (work.name, None)
    if array is None and work.problem.upstream is not None:
        array = work.value
    if array is None or work.variable.ndim < 2:
        return ""
    sizes = " · ".join(_count(shape) for shape in (array.shape, work.variable.shape))
    return f"never formed: ∂{subscripted(name, '')}/∂{subscripted(work.x, '')}, {sizes} numbers"


def _count(shape: Sequence[Size]) -> str:
    """How many entries an array has, in words of its sizes."""
    if all(isinstance(size, int) for size in shape):
        return str(total(shape))
    return " ".join(map(str, shape))


__all__ = ["Problem", "cases", "fact_case", "not_formed", "scalar_case"]
