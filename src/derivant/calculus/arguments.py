"""Arguments of a transform: bind their leaves, and give results back in the kind that came.

Every transform wraps each leaf it differentiates by in a fresh node; a result that depends on
nothing else is handed out as plain numbers, in the kind of the argument.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from derivant.base.errors import ArgumentError, DTypeError
from derivant.base.graph import ancestors
from derivant.base.tree import LEAF, Structure, flatten, unflatten
from derivant.carriers import expr as symbolic
from derivant.carriers import tensor as eager
from derivant.carriers.evaluate import replaced
from derivant.carriers.expr import Expr
from derivant.carriers.leaves import check_variable
from derivant.carriers.levels import WEAK
from derivant.carriers.mode import FREE
from derivant.carriers.tensor import Tensor
from derivant.primitives import RECORD
from derivant.primitives.dispatch import plain_array

SIMPLE = (np.ndarray, float, Tensor)
REAL = (np.dtype(np.float64), np.dtype(np.float32))


class Argument(NamedTuple):
    """One argument: its leaves, those that are variables, and the kinds they came in."""

    structure: Structure
    leaves: tuple[Any, ...]
    moving: tuple[int, ...]

    def rebuilt(self, values: Sequence[Any]) -> Any:
        """The argument with these in place of its variables."""
        leaves = list(self.leaves)
        for place, value in zip(self.moving, values, strict=True):
            leaves[place] = value
        return unflatten(self.structure, leaves)

    def shaped(self, values: Sequence[Any]) -> Any:
        """The tree of these values, None where the argument has what is static."""
        leaves: list[Any] = [None] * len(self.leaves)
        for place, value in zip(self.moving, values, strict=True):
            leaves[place] = value
        return unflatten(self.structure, leaves)

    @property
    def variables(self) -> list[Any]:
        """The leaves that are differentiated by, as they came."""
        return [self.leaves[i] for i in self.moving]


def read_argument(value: Any, name: Callable[[], str]) -> Argument:
    """Take an argument apart; refuse what cannot be a variable, by its name."""
    if value.__class__ in SIMPLE:
        return Argument(LEAF, (value,), (0,) if is_variable(value, name, True) else ())
    leaves, structure = flatten(value)
    alone = structure is LEAF
    moving = tuple([i for i, leaf in enumerate(leaves) if is_variable(leaf, name, alone)])
    if alone and not moving:
        raise ArgumentError(
            f"{name()} is {type(value).__name__}, not something to differentiate by"
        )
    return Argument(structure, tuple(leaves), moving)


def is_variable(leaf: Any, name: Callable[[], str], alone: bool) -> bool:
    """Whether a leaf is differentiated by. Inside a container ints and the like are static."""
    if isinstance(leaf, float):
        return True
    dtype = getattr(leaf, "dtype", None)
    if dtype is not None and hasattr(leaf, "shape"):
        if dtype not in REAL:
            check_variable(np.dtype(dtype), name())
        return True
    if alone and isinstance(leaf, (bool, int)):
        raise DTypeError(
            f"{name()} is the {type(leaf).__name__} {leaf}; "
            f"write {float(leaf)} to differentiate by it"
        )
    if isinstance(leaf, complex):
        raise DTypeError(f"{name()} is complex; derivatives are taken of real numbers so far")
    return False


def bind_leaf(leaf: Any, tag: int) -> Any:
    """A fresh node that stands for a leaf inside the transform of that number."""
    if isinstance(leaf, Expr):
        return symbolic.bound(leaf, tag)
    if isinstance(leaf, Tensor):
        return eager.bound(leaf, tag)
    if isinstance(leaf, float) and not isinstance(leaf, np.generic):
        return eager.bound(eager.constant(np.float64(leaf), WEAK), tag)
    return eager.bound(eager.constant(np.array(plain_array(leaf))), tag)


def parameter_name(function: Callable[..., Any], place: int) -> str:
    """What to call a positional argument in an error."""
    called = getattr(function, "__name__", "the function")
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return f"argument {named[place] if place < len(named) else place} of {called}"


def handed_out(value: Any, like: Any) -> Any:
    """A derivative in the kind of the leaf it belongs to, None being zero.

    It stays a Tensor (or Expr) where it depends on something outside of the transform: a sweep
    reads what depends on the transform alone as numbers, so its own binds are not in the way.
    """
    if value is None:
        if isinstance(like, Expr):
            return RECORD.zeros_like(like)
        value = np.zeros(np.shape(like) if isinstance(like, float) else like.shape, _dtype(like))
    if isinstance(value, Tensor):
        if value.tag != FREE or value.levels or isinstance(like, Tensor):
            return value
        value = value.data
    if isinstance(value, Expr):
        return value
    if isinstance(like, Tensor):
        return eager.constant(value)
    return own(value, like)


def own(value: Any, like: Any) -> Any:
    """An array that the caller may write to; a scalar where a scalar came."""
    if isinstance(like, (float, np.generic)):
        return np.asarray(value)[()]
    array = np.asarray(value)
    return array if array.base is None and array.flags.writeable else array.copy()


def _dtype(like: Any) -> Any:
    return np.dtype(np.float64) if isinstance(like, float) else like.dtype


def settle_tree(tree: Any, tag: int, keep: bool) -> Any:
    """An output of the function as the caller gets it: no binds of this transform left in it.

    `keep` leaves Tensors as Tensors; otherwise numbers come out as NumPy has them.
    """
    leaves, structure = flatten(tree)
    symbolics = [leaf for leaf in leaves if isinstance(leaf, Expr)]
    if symbolics:
        freed = iter(without_binds(symbolics, tag))
        leaves = [next(freed) if isinstance(leaf, Expr) else leaf for leaf in leaves]
    return unflatten(structure, [_settled(leaf, tag, keep) for leaf in leaves])


def _settled(leaf: Any, tag: int, keep: bool) -> Any:
    if not isinstance(leaf, Tensor):
        return leaf
    leaf = leaf.settled(tag)
    if keep or leaf.tag != FREE or leaf.levels:
        return leaf
    return own(leaf.data, leaf.data)


def without_binds(expressions: Sequence[Expr], tag: int) -> list[Expr]:
    """Expressions with the binds of a transform replaced by what they stand for."""
    binds = {
        node: node.inputs[0]
        for node in ancestors(expressions)
        if node.primitive.name == "bind" and node.params["tag"] == tag
    }
    return replaced(expressions, binds) if binds else list(expressions)
