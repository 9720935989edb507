"""A name for each expression that depends on its structure alone, to sort atoms by.

Two processes that build the same formula sort it the same way: no label depends on ids. Only what
has no structure (a captured Tensor, a function) is told apart by the order in which it was made.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TypeAlias

import numpy as np

from derivant.base.dims import Dim
from derivant.base.graph import enter_all, inputs_of
from derivant.carriers.expr import Expr

Label: TypeAlias = tuple[int, str, bytes]
UNIT_TENSOR: Label = (0, "", b"")
PLAIN = (int, float, str, bytes, bool, type(None), type(Ellipsis), np.dtype, np.generic, Dim, slice)


class Labels:
    """Labels of expressions, each computed once."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[int, tuple[Expr, Label]] = {}

    def of(self, payload: Expr | None) -> Label:
        """The label of an atom's payload: variables first, by name, then the rest by row."""
        if payload is None:
            return UNIT_TENSOR
        if id(payload) not in self._known:
            enter_all(self._known, [payload], inputs_of, self._labelled)
        return self._known[id(payload)][1]

    def _labelled(self, node: Expr) -> tuple[Expr, Label]:
        params, row = node.params, node.primitive.name
        parts = [repr((row, node.shape, _name_of(node.dtype), node.weak))]
        names = sorted(name for name in params if name != "bits") if params else ()
        parts += [repr((name, _frozen(params[name], node))) for name in names]
        inputs = [self._known[id(x)][1][2] for x in node.inputs]
        state = hashlib.blake2b(b"".join(["".join(parts).encode(), *inputs]), digest_size=16)
        first = 1 if row == "variable" else 2
        return node, (first, str(params.get("name", row)), state.digest())


@cache
def _name_of(dtype: np.dtype[np.generic]) -> str:
    return str(dtype)


def _frozen(value: object, node: Expr) -> object:
    """A parameter as something whose repr says what it is."""
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype.str, hashlib.blake2b(value.tobytes()).hexdigest()
    if isinstance(value, (tuple, list)):
        return tuple(_frozen(v, node) for v in value)
    return value if isinstance(value, PLAIN) else ("made", node.serial)
