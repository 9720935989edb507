"""How a sweep computes: on raw arrays, or by recording operations.

A sweep over Tensors that nothing else depends on runs the rows' evaluators on the arrays the
operations saw. Any other sweep applies rows to the nodes themselves and so can be differentiated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np

from derivant.base.types import shape_of
from derivant.primitives import FAST, RAW, RECORD, Primitive
from derivant.primitives.primitive import Namespace

NDARRAY = np.ndarray
# What looks at each cotangent and tangent of a node, while somebody searches for NaN.
WATCH: ContextVar[Callable[[Any, Any], None] | None] = ContextVar("derivant_watch", default=None)


class Setting(NamedTuple):
    """Whether to record, and what was already open: levels above `since` are summed away."""

    record: bool
    since: int
    names: Namespace

    def careful(self) -> Setting:
        """The same on raw arrays with the strong zero checked at every product.

        The first sweep multiplies plainly. What it finds is right where it is finite: a product
        0 * inf is NaN, and rules are linear in cotangents, so the NaN is either still there at the
        end or was selected away, as its repaired value would have been.
        """
        return Setting(self.record, self.since, RAW)

    def values(self, node: Any) -> tuple[Any, tuple[Any, ...]]:
        """The result and the operands of a node, as recorded rules read them.

        What depends on this transform alone is a number by now: no one differentiates by its
        binds a second time.
        """
        since = self.since
        operands = tuple([x.settled(since) if hasattr(x, "settled") else x for x in node.operands])
        if node.primitive.outputs > 1:
            return tuple([part.settled(since) for part in node.parts()]), operands
        return node.settled(since), operands


def setting(nodes: Sequence[Any], seeds: Sequence[Any], since: int, plain: bool) -> Setting:
    """Record exactly where a node or a seed is symbolic, hidden, or depends on something older."""
    record = not (plain or all(node.tag >= since and not node.levels for node in nodes))
    for seed in seeds:
        if seed.__class__ is not NDARRAY:
            record = record or hasattr(seed, "derivant_rank")
    return Setting(record, since, RECORD if record else FAST)


def lifted(nodes: Sequence[Any], values: Sequence[Any]) -> list[Any]:
    """Seeds and tangents as constants of their nodes' carrier; None stays a structural zero."""
    pairs = zip(nodes, values, strict=True)
    return [None if value is None else node.lifted(value) for node, value in pairs]


def fitted(g: Any, like: Any, record: bool) -> Any:
    """A cotangent or tangent in the dtype of what it belongs to."""
    kind = like.dtype
    if g.dtype == kind:
        return g
    if record:
        return RECORD.astype(g, dtype=kind)
    return g.astype(kind)


def without_levels(g: Any, node: Any, like: Any, since: int) -> Any:
    """Sum a cotangent over the hidden axes that the operand does not have.

    Those of the node only, opened after `since`: an axis that was open before belongs to the
    caller, and one that only the seeds have is one cotangent each.
    """
    for level in [v for v in _levels(node) if v > since and v not in _levels(like)]:
        if level in _levels(g):
            g = RECORD.reveal(g, axis=-1 - len(shape_of(g)), level=level, size=None)
            g = RECORD.sum(g, axis=(-len(g.shape),), keepdims=False)
    return g


def _levels(x: Any) -> tuple[int, ...]:
    return getattr(x, "levels", ())


def parts_of(cotangents: dict[int, Any], row: Primitive) -> tuple[Any, ...]:
    """The cotangents of all outputs of a node, None for those that got none."""
    return tuple(cotangents.get(i) for i in range(row.outputs))


def quiet() -> Any:
    """Partials at hard points divide by zero on purpose; the strong zero takes care of it."""
    return np.errstate(all="ignore")


def all_finite(arrays: Sequence[Any]) -> bool:
    """Whether no array holds a NaN or an infinity (a sum that overflows counts as holding one)."""
    total = 0.0
    for x in arrays:
        if x is not None:
            total += x.dot(x) if x.ndim == 1 else np.vdot(x, x)
    finite: bool = total - total == 0
    return finite
