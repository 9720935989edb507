"""A selection as numbers: for each entry the place that it is read from, or none."""

from __future__ import annotations

from math import prod
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from derivant.base.errors import BoundsError
from derivant.primitives.indexing import add_at

Numbers: TypeAlias = npt.NDArray[np.floating]
Places: TypeAlias = npt.NDArray[np.intp]


class Selection:
    """P[a, b] = 1 where entry a reads place b, else 0. Places count from 1; 0 reads nothing."""

    __slots__ = ("full", "places", "size")

    def __init__(self, places: npt.NDArray[np.generic], size: int) -> None:
        counted = np.asarray(places).astype(np.intp, copy=False)
        low, high = (counted.min(), counted.max()) if counted.size else (1, 0)
        if low < 0 or high > size:
            raise BoundsError(f"a place outside of the {size} that there are is read")
        self.places: Places = counted - 1
        self.size = size
        self.full = bool(low > 0)

    @property
    def nbytes(self) -> int:
        """Bytes of the places."""
        return int(self.places.nbytes)

    def read(self, x: Numbers, lead: int) -> Numbers:
        """Entries of x (batch, *lead, size): (batch, *lead, *rest), its places having lead too."""
        shape = self.places.shape
        count, kept = x.shape[0], prod(shape[:lead])
        flat = x.reshape(count, kept, self.size)
        places = self.places.reshape(kept, -1)
        if not self.size:
            return np.zeros((count, *shape), x.dtype)
        if kept == 1:
            found = flat[:, 0].take(places[0], axis=1, mode="wrap")
        else:
            found = flat[:, np.arange(kept)[:, None], places]
        if not self.full:
            there = np.greater_equal(places, 0).reshape(found.shape[1:])
            found = np.where(there, found, found.dtype.type(0))
        return np.asarray(found.reshape(count, *shape))

    def added(self, z: Numbers, lead: int) -> Numbers:
        """Entries of z (batch, *places) added at their places: (batch, *lead, size)."""
        shape = self.places.shape
        count, kept = z.shape[0], prod(shape[:lead])
        places = np.arange(kept)[:, None] * self.size + self.places.reshape(kept, -1)
        places, flat = places.reshape(-1), z.reshape(count, -1)
        if not self.full:
            chosen = (self.places >= 0).reshape(-1)
            places, flat = places[chosen], flat[:, chosen]
        total = kept * self.size
        every = (np.arange(count)[:, None] * total + places).reshape(-1)
        added: Numbers = add_at(every, flat, count * total)
        return added.reshape(count, *shape[:lead], self.size)

    def dense(self, dtype: np.dtype[np.generic]) -> Numbers:
        """The array with axes of the entries, then one of the places."""
        return np.asarray(np.equal(self.places[..., None], np.arange(self.size)), dtype)
