"""A law as data: the name it is shown by, where it holds, where it comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

From = TypeVar("From")
To = TypeVar("To")
C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Rule(Generic[C, From, To]):
    """A rewrite with its name; `where` says what it needs, beyond what the input needs itself.

    Where `rows` names any, only a sum with one of these among its factors can be changed.
    """

    name: str
    rewrite: Callable[[C, From], To]
    where: str = ""
    source: str = ""
    rows: frozenset[str] = frozenset()
