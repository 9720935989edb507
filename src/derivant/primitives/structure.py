"""Rows of the graph itself: leaves, binds, parts of tuples, hidden axes. They compute nothing.

`hide` takes an axis out of sight under a level's number (vmap), `reveal` brings it back; carriers
apply both themselves, since only they know which hidden axes they hold.
"""

from __future__ import annotations

import numpy as np

from derivant.base.dims import Shape
from derivant.base.errors import DerivantError
from derivant.base.types import shape_of
from derivant.primitives.families import constant, general, linear
from derivant.primitives.primitive import Case, Data, Names, Params, Primitive
from derivant.primitives.rules import batch_tail, first_dtype, same_shape, zero_pull, zero_push


def _leaf(name: str, text: str) -> Primitive:
    """A node without operands: the carrier gives it shape and dtype, evaluation its value."""
    return general(
        name,
        _unevaluated,
        push=zero_push,
        pull=zero_pull,
        needs_values=False,
        domain=(),
        text=text,
        family="leaf",
    )


def _unevaluated(*operands: Data, **params: object) -> Data:
    raise DerivantError("leaves and hidden axes are handled by the carrier that has them")


variable = _leaf("variable", "{name}")
const = _leaf("const", "{value}")
capture = _leaf("capture", "{source}")


def _cast(x: Data, *, dtype: np.dtype[np.generic]) -> Data:
    """Another dtype; what is weak may come as a Python number."""
    return x.astype(dtype) if hasattr(x, "astype") else np.asarray(x).astype(dtype)[()]


bind = linear("bind", lambda x, *, tag: x, lambda xp, g, x, *, tag: g, shape=same_shape)
cast = linear(
    "astype",
    _cast,
    lambda xp, g, x, *, dtype: g,
    shape=same_shape,
    dtype=lambda kind, *, dtype: dtype,
    weak=(False,),  # a dtype that was asked for gives way to none
    cases=(Case((("n",),), {"dtype": np.dtype(np.float64)}),),
)

stop_gradient = constant("stop_gradient", np.positive, dtype=first_dtype)


def _part_pull(
    xp: Names,
    g: Data,
    out: Data,
    inputs: tuple[Data, ...],
    params: Params,
    wanted: tuple[bool, ...],
) -> tuple[dict[int, Data]]:
    return ({params["index"]: g},)


def _part_push(
    xp: Names, tangents: tuple[Data, ...], out: Data, inputs: tuple[Data, ...], params: Params
) -> Data:
    return tangents[0][params["index"]]


part = general(
    "part",
    lambda x, *, index: x[index],
    push=_part_push,
    pull=_part_pull,
    shape=lambda shapes, *, index: shapes[index],
    dtype=lambda kinds, *, index: kinds[index],
    batch=batch_tail,
    needs_values=False,
    family="structure",
)


def _hidden(shape: Shape, *, axis: int, level: int) -> Shape:
    place = axis + len(shape)
    return shape[:place] + shape[place + 1 :]


def _revealed(shape: Shape, *, axis: int, level: int, size: int) -> Shape:
    place = axis + len(shape) + 1
    return shape[:place] + (size,) + shape[place:]


def _hide_pull(
    xp: Names,
    g: Data,
    out: Data,
    inputs: tuple[Data, ...],
    params: Params,
    wanted: tuple[bool, ...],
) -> tuple[Data]:
    size = shape_of(inputs[0])[params["axis"]]
    return (xp.reveal(g, axis=params["axis"], level=params["level"], size=size),)


def _reveal_pull(
    xp: Names,
    g: Data,
    out: Data,
    inputs: tuple[Data, ...],
    params: Params,
    wanted: tuple[bool, ...],
) -> tuple[Data]:
    if params["level"] in getattr(inputs[0], "levels", ()):
        return (xp.hide(g, axis=params["axis"], level=params["level"]),)
    return (xp.sum(g, axis=(params["axis"],), keepdims=False),)


hide = general(
    "hide",
    _unevaluated,
    push=lambda xp, tangents, out, inputs, params: xp.hide(tangents[0], **params),
    pull=_hide_pull,
    shape=_hidden,
    dtype=first_dtype,
    needs_values=False,
    family="level",
)
reveal = general(
    "reveal",
    _unevaluated,
    push=lambda xp, tangents, out, inputs, params: xp.reveal(tangents[0], **params),
    pull=_reveal_pull,
    shape=_revealed,
    dtype=first_dtype,
    needs_values=False,
    family="level",
)
