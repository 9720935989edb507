"""What the current thread or task records, and the counter that orders everything made."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

# One counter for nodes and for transforms: what is younger than a bind may depend on it.
serial = itertools.count(1).__next__
FREE = 1 << 62  # the tag of what depends on no bind and no leaf
LEAF = 0  # the tag of what depends on a requires_grad leaf


class Mode(NamedTuple):
    """Whether operations are recorded, and whether results are searched for NaN."""

    record: bool = True
    debug_nans: bool = False


DEFAULT = Mode()
MODE: ContextVar[Mode] = ContextVar("derivant_mode", default=DEFAULT)


@contextmanager
def changed(**settings: bool) -> Iterator[None]:
    """The mode with these settings, inside the block, in this thread or task alone."""
    token = MODE.set(MODE.get()._replace(**settings))
    try:
        yield
    finally:
        MODE.reset(token)
