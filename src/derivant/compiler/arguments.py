"""The arguments of a call taken apart: what is an input, what is static, and of which kind."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from derivant.base.errors import ArgumentError, DTypeError
from derivant.base.tree import flatten, unflatten
from derivant.carriers.expr import Expr
from derivant.carriers.interning import frozen
from derivant.carriers.levels import is_weak
from derivant.carriers.tensor import Tensor
from derivant.primitives.dispatch import REAL


class Arguments:
    """Leaves of the arguments of one call: `values` are the inputs, `key` tells of what kind."""

    __slots__ = ("_leaves", "key", "owners", "places", "structure", "symbolic", "values")

    def __init__(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], static: frozenset[int]
    ) -> None:
        wrapped = [_Whole(a) if k in static else a for k, a in enumerate(args)]
        self._leaves: list[Any] = []
        structures = []
        self.owners: list[int] = []  # the argument that each leaf belongs to
        for number, argument in enumerate([*wrapped, dict(kwargs)]):
            leaves, structure = flatten(argument)
            self._leaves += map(native, leaves)
            self.owners += [number] * len(leaves)
            structures.append(structure)
        self.structure = tuple(structures)
        kinds = [_kind(leaf) for leaf in self._leaves]
        self.places = [k for k, kind in enumerate(kinds) if kind[0] == "input"]
        self.values = tuple(self._leaves[k] for k in self.places)
        self.symbolic = any(isinstance(x, Expr) for x in self.values)
        self.key: Hashable = tuple(kinds)

    @property
    def statics(self) -> list[Any]:
        """The leaves that are no inputs."""
        inputs = set(self.places)
        found = [x for k, x in enumerate(self._leaves) if k not in inputs]
        return [x.value if isinstance(x, _Whole) else x for x in found]

    @property
    def keeps_tensors(self) -> bool:
        """Whether results are Tensors, because an argument is one."""
        return any(isinstance(x, Tensor) for x in self.values)

    def rebuilt(self, inputs: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
        """The arguments with these in place of the inputs."""
        leaves = list(self._leaves)
        for place, value in zip(self.places, inputs, strict=True):
            leaves[place] = value
        source = iter(leaves)
        made: list[Any] = []
        for number, structure in enumerate(self.structure):
            count = self.owners.count(number)
            made.append(unflatten(structure, [next(source) for _ in range(count)]))
        *args, kwargs = made
        return [a.value if isinstance(a, _Whole) else a for a in args], kwargs


class _Whole:
    """A static argument: one leaf, whatever it is."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def native(leaf: Any) -> Any:
    """An array whose bytes lie in this machine's order; another one as a copy, to be read only."""
    if leaf.__class__ is not np.ndarray or leaf.dtype.isnative:
        return leaf
    copy = leaf.astype(leaf.dtype.name)
    copy.flags.writeable = False
    return copy


def _kind(leaf: Any) -> tuple[Any, ...]:
    """The part of the key that a leaf is: an input's dtype and shape, or a static value."""
    if isinstance(leaf, np.ndarray):
        if leaf.dtype.kind not in REAL:
            raise DTypeError(f"jit takes real numbers; an argument has dtype {leaf.dtype}")
        return "input", leaf.dtype, leaf.shape
    if is_weak(leaf) and not isinstance(leaf, int):
        return "input", float, ()
    if hasattr(leaf, "derivant_rank") or isinstance(leaf, np.generic):
        return "input", leaf.dtype, tuple(leaf.shape)
    if isinstance(leaf, _Whole):
        return "static", *_static(leaf.value)
    return "static", *_static(leaf)


def _static(value: Any) -> tuple[Any, ...]:
    """A value as part of a key: by value where it has one, else the object itself."""
    if isinstance(value, complex):
        raise DTypeError("jit takes real numbers; an argument is complex")
    if callable(value):
        return type(value), id(value)
    try:
        hash(value)
    except TypeError:
        raise ArgumentError(
            f"a static argument of type {type(value).__name__} cannot be hashed; pass arrays and "
            "numbers as inputs, and settings as tuples, strings or numbers"
        ) from None
    return type(value), frozen(value)
