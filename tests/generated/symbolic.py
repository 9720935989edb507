"""The aspect of the traced form: a row on expressions with named sizes, evaluated."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.generated.problems import (
    SAME,
    Complaints,
    Problem,
    far,
    filled,
    gradient_of,
    like,
    names_of,
    outputs_of,
    problem,
    seeds_for,
)

from derivant.base.dims import Dim
from derivant.calculus.transforms import jvp
from derivant.carriers.evaluate import evaluate_all
from derivant.carriers.expr import symbol
from derivant.primitives import Case, Primitive


def symbolic(row: Primitive, case: Case, dtype: str) -> Complaints:
    """The row traced with named sizes: value and derivatives evaluate to the eager ones."""
    p = problem(row, case, dtype)
    shapes, params = filled(case, {name: Dim.named(name) for name in names_of(case)})
    symbols = [
        symbol(f"x{i}", shape, a.dtype)
        for i, (shape, a) in enumerate(zip(shapes, p.arrays, strict=True))
    ]
    traced = Problem(row, symbols, params, p.rng)
    known: dict[Any, Any] = dict(zip(symbols, p.arrays, strict=True))
    places = p.variables
    eager, formula = p.function(places), traced.function(places)
    yield from _evaluates("value", formula(*traced.at(places)), eager(*p.at(places)), known, dtype)
    if row.constant or not places:
        return
    for order in (1, 2):
        xs, symbolic_xs = p.at(places), traced.at(places)
        vs = [like(p.rng, x) for x in xs]
        directions = [
            _symbol_for(known, f"v{order}_{i}", v, x)
            for i, (v, x) in enumerate(zip(vs, symbolic_xs, strict=True))
        ]
        moved = jvp(formula, symbolic_xs, directions)[1]
        yield from _evaluates(f"order {order}: Jv", moved, jvp(eager, xs, vs)[1], known, dtype)
        w = outputs_of(seeds_for(p.rng, eager(*xs)))
        likes = outputs_of(formula(*symbolic_xs))
        seeds = [
            _symbol_for(known, f"w{order}_{i}", g, o)
            for i, (g, o) in enumerate(zip(w, likes, strict=True))
        ]
        several = isinstance(eager(*xs), tuple)
        eager = gradient_of(eager, tuple(w) if several else w[0])
        formula = gradient_of(formula, tuple(seeds) if several else seeds[0])
        yield from _evaluates(
            f"order {order}: J'w", formula(*symbolic_xs), eager(*xs), known, dtype
        )


def _symbol_for(known: dict[Any, Any], name: str, value: Any, like: Any) -> Any:
    """A variable with the shape of an expression that will have this value."""
    variable = symbol(name, like.shape, value.dtype)
    known[variable] = value
    return variable


def _evaluates(
    what: str, formulas: Any, wanted: Any, known: dict[Any, Any], dtype: str
) -> Complaints:
    expressions = outputs_of(formulas)
    for e, b in zip(expressions, outputs_of(wanted), strict=True):
        # the operands too: a derivative need not hold a variable that has the size in its shape
        a = evaluate_all([e, *known], known)[0]
        if wrong := far(a, b, SAME[dtype]):
            yield f"traced, {what}: {wrong}"
        elif np.asarray(a).dtype != np.asarray(b).dtype or e.dtype != np.asarray(b).dtype:
            kinds = [np.asarray(value).dtype for value in (a, b)]
            yield f"traced, {what}: dtype {e.dtype}, evaluated {kinds[0]}, eager {kinds[1]}"
