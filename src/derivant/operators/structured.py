"""A Jacobian whose terms are known: every question is answered by its factors.

Where an answer is not finite, or asks for what no factor has, the sweeps of the plain map give it:
so a strong zero is one here too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from derivant.base.errors import LinAlgError
from derivant.base.loader import load
from derivant.base.types import Array, Operand
from derivant.carriers.tensor import constant
from derivant.operators.assembly import assembled, diagonal_terms, entries, flat, is_finite
from derivant.operators.cores import Places
from derivant.operators.jacobian import DEFAULT_LIMIT, Jacobian, as_result
from derivant.operators.joined import after, combined
from derivant.operators.products import Numbers, Parts, Sizes, applied
from derivant.operators.selection import Selection
from derivant.operators.solving import blocks, log_determinant, solved
from derivant.operators.writing import Label, structure_text
from derivant.rewriting.jacobian_form import UnstructuredError
from derivant.rewriting.linear_form import Kind, LinearForm, LinearTerm

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Structured(Jacobian):
    """A Jacobian as a sum of products of factors; `forward`, `reverse`, `dense` are the sweeps."""

    form: LinearForm
    parts: tuple[Any, ...]
    labels: tuple[Label, ...]
    out_dtype: np.dtype[np.generic]
    is_tensor: bool = False
    memo: dict[str, Any] = field(init=False, default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays that the factors are."""
        owners = {}
        for part in self.parts:
            owner = part
            while isinstance(owner, np.ndarray) and isinstance(owner.base, np.ndarray):
                owner = owner.base
            owners[id(owner)] = part.nbytes
        return sum(owners.values())

    @property
    def structure(self) -> str:
        """The entries in index form, letters of the output first; repeated letters are summed."""
        return structure_text(self.form, self.labels)

    @property
    def T(self) -> Jacobian:
        """The transposed map: cotangents of the output to cotangents of the input."""
        plain = Jacobian.T.__get__(self)
        turned = [LinearTerm(t.number, t.cols, t.rows, t.factors[::-1]) for t in self.form.terms]
        form = replace(
            self.form, out_shape=self.in_shape, in_shape=self.out_shape, terms=tuple(turned)
        )
        return replace(
            self,
            out_shape=self.in_shape,
            in_shape=self.out_shape,
            forward=plain.forward,
            reverse=plain.reverse,
            dense=plain.dense,
            form=form,
            out_dtype=self.dtype,
            dtype=self.out_dtype,
        )

    @property
    def _sizes(self) -> Sizes:
        sizes: Any = self.form.sizes
        return sizes  # type: ignore[no-any-return]  # ints: the values had shapes

    # Products

    def _pushed(self, tangent: Operand) -> Array:
        return self._product(tangent, False, self.in_shape, self.forward)

    def _pulled(self, cotangent: Operand) -> Array:
        return self._product(cotangent, True, self.out_shape, self.reverse)

    def _product(
        self, given: Operand, to_input: bool, shape: tuple[int, ...], plain: Callable[..., Array]
    ) -> Array:
        if hasattr(given, "derivant_rank"):
            return plain(given)
        kinds = (self.out_dtype, self.dtype) if to_input else (self.dtype, self.out_dtype)
        start = np.asarray(given, dtype=kinds[0])

        def product() -> Numbers:
            found = None
            for term in self.form.terms:
                value = applied(term, self.parts, self._sizes, start, to_input)
                found = _accumulated(found, value, term.number, (start, *self.parts))
            if found is None:
                found = np.zeros(self.in_shape if to_input else self.out_shape)
            return found.astype(kinds[1], copy=False)

        return self._answered(product, lambda: plain(given))

    def _answered(
        self,
        structured: Callable[[], Numbers],
        plain: Callable[[], Array],
        finite: Callable[[Numbers], bool] = is_finite,
    ) -> Array:
        """What the structure answers, in the kind of the argument; else what the sweeps answer."""
        found = attempted(structured, finite)
        if found is None:
            return plain()
        return as_result(constant(found) if self.is_tensor else found[()])

    # Entries

    def __getitem__(self, index: int | slice | tuple[int | slice, ...]) -> Array:
        places = self._places(index)
        chosen = {
            k: int(p) % self.shape[k] for k, p in enumerate(places) if not isinstance(p, slice)
        }
        rest = tuple(p for p in places if isinstance(p, slice))
        smaller = np.prod([s for k, s in enumerate(self.shape) if k not in chosen], dtype=float)
        if smaller * self.dtype.itemsize > DEFAULT_LIMIT:
            self._check_limit()
        found = self._answered(
            lambda: self._entries(chosen), lambda: Jacobian.__getitem__(self, index)
        )
        return found[rest] if rest and found.ndim == len(self.shape) - len(chosen) else found

    def _entries(self, chosen: Mapping[int, int]) -> Numbers:
        return assembled(
            self.form.terms, self.parts, self._sizes, self.shape, np.dtype(self.dtype), chosen
        )

    def _whole(self) -> Array:
        # finite where its factors are, which is seen without reading all of it
        return self._answered(lambda: self._entries({}), self.dense, lambda whole: True)

    def diagonal(self) -> Array:
        """The entries J[i, i], for an output of the shape of the input; no other is formed."""
        self._check_diagonal()
        kind = np.dtype(self.dtype)

        def found() -> Numbers:
            terms = diagonal_terms(self.form.terms)
            return assembled(terms, self.parts, self._sizes, self.out_shape, kind, {})

        return self._answered(found, lambda: Jacobian.diagonal(self))

    def to_sparse(self) -> object:
        """A scipy.sparse.csr_array of the entries that are not zero, from the structure."""
        found = attempted(self._listed, lambda lists: is_finite(lists[0]))
        if found is None:
            return Jacobian.to_sparse(self)
        values, rows, cols, shape = found
        matrix = load("scipy.sparse").csr_array((values, (rows, cols)), shape=shape)
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        return matrix

    def _listed(self) -> tuple[Numbers, Any, Any, tuple[int, int]]:
        """All entries: values, rows, columns, the shape as a matrix."""
        sizes = self._sizes
        lists = list[tuple[Numbers, Places, Places]]()
        for term in self.form.terms:
            places, values = entries(term, self.parts, sizes)
            rows = flat(term.rows, places, sizes, len(values))
            lists.append((values, rows, flat(term.cols, places, sizes, len(values))))
        empty = (np.zeros(0), np.zeros(0, np.intp), np.zeros(0, np.intp))
        values, rows, cols = (np.concatenate(c) for c in zip(*(lists or [empty]), strict=True))
        shape = (int(np.prod(self.out_shape)), int(np.prod(self.in_shape)))
        return values.astype(self.dtype), rows, cols, shape

    # Systems

    def solve(self, b: npt.ArrayLike) -> Array:
        """The tangent t with J @ t = b, by factorisations of blocks where J has blocks.

        Raises LinAlgError where J is singular.
        """
        self._check("solve", "right side", b, self.out_shape)
        self._check_square("solve")
        right = np.asarray(b, dtype=np.result_type(np.asarray(b), self.dtype))

        def found() -> Numbers:
            layout, square, sizes = self._blocks()
            return solved(layout, square, sizes, right)

        return self._answered(found, lambda: Jacobian.solve(self, right))

    def _blocks(self) -> Any:
        """The blocks, computed once: the parts do not change."""
        if "blocks" not in self.memo:
            self.memo["blocks"] = blocks(
                self.form.terms, self.parts, self._sizes, np.dtype(self.dtype)
            )
        return self.memo["blocks"]

    def logdet(self) -> float:
        """log |det J|, block by block where J has blocks."""
        self._check_square("logdet")

        try:
            value = attempted(lambda: log_determinant(*self._blocks()), lambda v: not np.isnan(v))
        except LinAlgError:  # singular by its structure
            return -np.inf
        return Jacobian.logdet(self) if value is None else value

    # Sums and products of maps

    def _plus(self, other: Jacobian, sign: int) -> Jacobian:
        plain = Jacobian._plus(self, other, sign)
        if not isinstance(other, Structured):
            return plain
        joined = combined(self.form, self.parts, other.form, other.parts, sign)
        return self._rebuilt(plain, other, joined)

    def _times(self, number: float) -> Jacobian:
        plain = Jacobian._times(self, number)
        terms = tuple(replace(t, number=t.number * float(number)) for t in self.form.terms)
        return replace(
            self,
            forward=plain.forward,
            reverse=plain.reverse,
            dense=plain.dense,
            form=replace(self.form, terms=tuple(t for t in terms if t.number)),
        )

    def _after(self, first: Jacobian) -> Jacobian:
        plain = Jacobian._after(self, first)
        if not isinstance(first, Structured):
            return plain
        return self._rebuilt(plain, first, after(self.form, self.parts, first.form, first.parts))

    def _rebuilt(
        self, plain: Jacobian, other: Structured, joined: tuple[LinearForm, list[Any]] | None
    ) -> Jacobian:
        """The plain map with the structure that was found for it."""
        if joined is None:
            return plain
        return Structured(
            plain.out_shape,
            plain.in_shape,
            plain.dtype,
            plain.forward,
            plain.reverse,
            plain.dense,
            joined[0],
            tuple(joined[1]),
            self.labels + other.labels,
            np.result_type(self.out_dtype, other.out_dtype),
            self.is_tensor or other.is_tensor,
        )


def attempted(structured: Callable[[], Found], finite: Callable[[Found], bool]) -> Found | None:
    """What the structure answers, None where it cannot or where the answer is not finite."""
    try:
        with np.errstate(all="ignore"):
            found = structured()
    except UnstructuredError:
        return None
    return found if finite(found) else None


def _accumulated(
    total: Numbers | None, value: Numbers, number: float, others: Sequence[Any]
) -> Numbers:
    """A value times a number added to a total; nothing that others hold is written to."""
    if total is not None:
        value = value if number == 1 else value * value.dtype.type(number)
        if value.dtype != total.dtype:
            return total + value
        total += value
        return total
    shared = any(isinstance(x, np.ndarray) and np.may_share_memory(x, value) for x in others)
    if shared or not value.flags.writeable:
        return np.multiply(value, value.dtype.type(number))
    if number != 1:
        value *= value.dtype.type(number)
    return value


def structured(
    plain: Jacobian,
    form: LinearForm,
    values: Parts,
    labels: Sequence[Label],
    out_dtype: np.dtype[np.generic],
    is_tensor: bool = False,
) -> Jacobian:
    """The plain map with its terms; the values are arrays, places of selections from 1 on."""
    parts = list(values)
    sizes: Any = form.sizes
    for factor in (f for t in form.terms for f in t.factors if f.kind is Kind.SELECT):
        if not isinstance(parts[factor.slot], Selection):
            size = int(np.prod([sizes[c] for c in factor.reads]))
            parts[factor.slot] = Selection(np.asarray(parts[factor.slot]), size)
    return Structured(
        plain.out_shape,
        plain.in_shape,
        plain.dtype,
        plain.forward,
        plain.reverse,
        plain.dense,
        form,
        tuple(parts),
        tuple(labels),
        out_dtype,
        is_tensor,
    )


__all__ = ["Structured", "structured"]
