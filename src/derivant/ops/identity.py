"""Functions that change no number, but what derivatives see."""

from __future__ import annotations

from derivant.base.types import Array, Operand
from derivant.ops.rows import call, read

__all__ = ["stop_gradient"]


def stop_gradient(x: Operand) -> Array:
    """The same numbers, as a constant: every derivative through it is zero.

    >>> import derivant as dv
    >>> dv.grad(lambda x: x * dv.stop_gradient(x))(3.0)
    np.float64(3.0)
    """
    return call("stop_gradient", read(x))
