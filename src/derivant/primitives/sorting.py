"""Rows of order: sort, and the permutation that sorts; stable, so that ties keep their places."""

from __future__ import annotations

from typing import Any

import numpy as np

from derivant.base.dims import Shape
from derivant.base.errors import ShapeError
from derivant.primitives.families import constant, general
from derivant.primitives.primitive import Case, Data, Names, Params
from derivant.primitives.rules import batch_loop, batch_tail, first_dtype, integer, same_shape

CASES = tuple(
    Case((shape,), {"axis": axis, "descending": flag})
    for shape, axis in [(("n",), -1), (("n", "m"), -2), ((2, "n", 1), -2), ((1,), -1), ((0, 2), -2)]
    for flag in (False, True)
)


def _sort(x: Data, *, axis: int, descending: bool) -> Data:
    ordered = np.sort(x, axis=axis, kind="stable")
    return np.flip(ordered, axis) if descending else ordered


def _sorter(*, axis: int, descending: bool) -> Any:
    def run(x: Data) -> Data:
        ordered = x.copy()
        ordered.sort(axis, "stable")
        return ordered

    return None if descending else run


def _argsort(x: Data, *, axis: int, descending: bool) -> Data:
    """The stable permutation; descending, it sorts the array read from its end, places renamed."""
    if not descending:
        return np.argsort(x, axis=axis, kind="stable")
    order = np.argsort(np.flip(x, axis), axis=axis, kind="stable")
    return np.shape(x)[axis] - 1 - np.flip(order, axis)


def _sort_push(
    xp: Names, tangents: tuple[Data, ...], out: Data, inputs: tuple[Data, ...], params: Params
) -> Data:
    order = xp.argsort(inputs[0], **params)
    return xp.take_along_axis(tangents[0], order, axis=params["axis"])


def _sort_pull(
    xp: Names, g: Data, out: Data, inputs: tuple[Data, ...], params: Params, wanted: Any
) -> tuple[Data]:
    order = xp.argsort(inputs[0], **params)
    inverse = xp.argsort(order, axis=params["axis"], descending=False)
    return (xp.take_along_axis(g, inverse, axis=params["axis"]),)


argsort = constant(
    "argsort",
    _argsort,
    shape=same_shape,
    dtype=integer,
    batch=batch_tail,
    domain=("distinct",),
    cases=CASES,
)
sort = general(
    "sort",
    _sort,
    push=_sort_push,
    pull=_sort_pull,
    dtype=first_dtype,
    prepare=_sorter,
    batch=batch_tail,
    domain=("distinct",),
    cases=CASES,
)


def _searched(x1: Shape, x2: Shape, *, side: str) -> Shape:
    if len(x1) != 1:
        raise ShapeError(f"the sorted numbers must have one axis, not the shape {x1}")
    return x2


searchsorted = constant(
    "searchsorted",
    lambda x1, x2, *, side: np.searchsorted(x1, x2, side=side),
    2,
    shape=_searched,
    dtype=integer,
    batch=batch_loop,
    cases=(
        Case((("n",), ("m",)), {"side": "left"}),
        Case((("n",), (2, 3)), {"side": "right"}),
        Case((("n",), ()), {"side": "left"}),
        Case(((0,), (2,)), {"side": "left"}),
    ),
)
