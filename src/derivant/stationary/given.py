"""The data of a problem: values for its variables, the sizes they show, and what does not fit.

Where a text leaves the shape of a name open, the data tell it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from derivant.base.dims import Dim
from derivant.base.errors import ArgumentError, DerivantError, ShapeError
from derivant.carriers.expr import Expr
from derivant.carriers.trace import variables
from derivant.notation import Shapes, canonical_name, read_shapes, shown_name
from derivant.stationary.numeric import Data, Numbers, first_bad
from derivant.stationary.problem import Problem


def with_data(
    given: dict[str, dict[str, Any]], read: Callable[[Shapes], Problem], shapes: Shapes
) -> tuple[Problem, Data]:
    """The problem with shapes as the data have them where the text leaves them open."""
    arrays = {canonical_name(k): v for part in given.values() for k, v in part.items()}
    scalars = {k: "" for k, v in arrays.items() if np.ndim(v) == 0}
    floats = {k: "" for k in scalars if not isinstance(arrays[k], (int, np.integer))}
    known = read_shapes(shapes)
    first: DerivantError | None = None
    for guess in ({}, floats, scalars):
        sizes: Shapes = {**guess, **known} if guess else shapes
        for _ in range(2):
            try:
                problem = read(sizes)
                return problem, _bound_data(problem, given["data"], given["start"])
            except DerivantError as error:
                first = first or error
            ranks = {k: np.shape(v) for k, v in arrays.items() if np.ndim(v) > 0}
            sizes = {**{k: " ".join(map(str, s)) for k, s in ranks.items()}, **guess, **known}
    assert first is not None
    raise first


def _bound_data(problem: Problem, data: dict[str, Any], start: dict[str, Any]) -> Data:
    """Values for the variables, and the sizes that they and the start show."""
    given = {canonical_name(name): (name, value) for name, value in data.items()}
    own = {str(u.params["name"]) for u in problem.unknowns}
    roots = [problem.cost, *(c.gap for c in problem.constraints)]
    found = {str(v.params["name"]): v for v in variables(roots)}
    needed = {name: found[name] for name in problem.names if name in found}
    values: dict[Expr, Numbers] = {}
    sizes: dict[str, int] = {}
    for name, variable in needed.items():
        if name in own:
            continue
        if name not in given:
            has = ", ".join(data) or "nothing"
            raise ArgumentError(f"data has no {shown_name(name)}; it has {has}")
        values[variable] = _value(given[name][1], variable, sizes)
    for u in problem.unknowns:
        name = str(u.params["name"])
        begun = {canonical_name(k): v for k, v in start.items()}
        if name in begun:
            _value(begun[name], u, sizes)
    _named_sizes(problem, given, sizes)
    return Data(values, sizes)


def _value(value: Any, variable: Expr, sizes: dict[str, int]) -> Numbers:
    """A value as an array of the variable's shape; NaN and other shapes are refused."""
    name = shown_name(str(variable.params["name"]))
    try:
        array = np.asarray(value, float)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{name} is no array of numbers: {error}") from error
    wanted = ", ".join(map(str, variable.shape))
    if array.ndim != len(variable.shape):
        raise ShapeError(f"{name} has shape {array.shape}; the formula takes it as ({wanted})")
    for axis, (size, actual) in enumerate(zip(variable.shape, array.shape, strict=True)):
        if isinstance(size, Dim) and str(size).isidentifier():
            expected = sizes.setdefault(str(size), actual)
        elif isinstance(size, Dim):
            continue
        else:
            expected = size
        if expected != actual:
            raise ShapeError(
                f"{name} has shape {array.shape}; the formula takes it as ({wanted}), "
                f"and axis {axis}, {size}, is {expected} elsewhere"
            )
    if not np.all(np.isfinite(array)):
        raise first_bad(array, name)
    return array


def _named_sizes(problem: Problem, given: dict[str, Any], sizes: dict[str, int]) -> None:
    """Sizes that only the unknowns show must be given as numbers."""
    for u in problem.unknowns:
        for size in u.shape:
            for name in {n for names, _ in getattr(size, "terms", ()) for n in names}:
                if name in sizes:
                    continue
                if name not in given:
                    raise ArgumentError(
                        f"the size {name} of {shown_name(str(u.params['name']))} is not known; "
                        f"give it in data, as in {{{name!r}: 3}}, or give a start"
                    )
                sizes[name] = int(given[name][1])
    for name, (_, value) in given.items():
        if np.ndim(value) == 0 and isinstance(value, (int, np.integer)):
            sizes.setdefault(name, int(value))
