"""What the map of names is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from derivant.base.types import shape_of

Table: TypeAlias = dict[str, Callable[..., Any]]


class NoCounterpartError(Exception):
    """A sample asks for an option that derivant does not offer; the message names it."""


def rank_of(x: object) -> int:
    """The number of axes."""
    return len(shape_of(x))


__all__ = ["NoCounterpartError", "Table", "rank_of", "shape_of"]
