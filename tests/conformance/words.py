"""What the map of names is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

Table: TypeAlias = dict[str, Callable[..., Any]]


class NoCounterpart(Exception):
    """A sample asks for an option that derivant does not offer; the message names it."""
