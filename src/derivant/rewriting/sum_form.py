"""A sum of contractions read as the terms of a linear map: some axes of the output, the rest in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from derivant.base.dims import Size, size_of
from derivant.carriers.expr import Expr
from derivant.primitives import RECORD
from derivant.rewriting.indexed import Atom, Sum, Term, as_number
from derivant.rewriting.jacobian_form import UnstructuredError
from derivant.rewriting.linear_form import Factor, LinearForm, LinearTerm, like_added, unified


def form_of_sum(total: Sum, split: int) -> LinearForm:
    """The map whose entries a sum has; its first `split` axes are those of the output.

    Raises UnstructuredError where a payload is no array.

    >>> from derivant.carriers.trace import symbols
    >>> from derivant.rewriting.derivative import derivative_form
    >>> X, W = symbols("X: N D, W: D M")
    >>> (term,) = form_of_sum(derivative_form(X @ W, X).sum, 2).terms
    >>> term.rows, term.cols, term.factors[0].index
    ((0, 1), (0, 3), (3, 1))
    """
    sizes: dict[int, Size] = dict(enumerate(total.shape))
    slots: dict[int, tuple[int, Expr]] = {}
    terms = []
    for term in total.terms:
        names = {c: len(sizes) + k for k, (c, _) in enumerate(term.bound)}
        sizes.update({names[c]: size for c, size in term.bound})
        terms.append(_read(term, total, names, slots, split))
    return LinearForm(
        tuple(total.shape[:split]),
        tuple(total.shape[split:]),
        like_added(terms),
        sizes,
        tuple(expr for _, expr in slots.values()),
    )


def _read(
    term: Term, total: Sum, names: Mapping[int, int], slots: dict[int, tuple[int, Expr]], split: int
) -> LinearTerm:
    """One term with its own names of bound letters; a unit tensor makes two letters one."""
    atoms = [a.renamed(names) for a in term.atoms]
    factors = []
    for atom in atoms:
        if atom.payload is not None:
            payload = _powered(atom, total)
            slot, _ = slots.setdefault(id(payload), (len(slots), payload))
            factors.append(Factor(slot, atom.index))
    free = tuple(range(total.rank))
    read = LinearTerm(float(term.coefficient), free[:split], free[split:], tuple(factors))
    return read.renamed(unified((a.index[0], a.index[1]) for a in atoms if a.payload is None))


def _powered(atom: Atom, total: Sum) -> Expr:
    """An atom as an expression, a float."""
    payload = atom.payload
    if payload is None or payload.primitive.outputs > 1:
        raise UnstructuredError("a factor is no array")
    if payload.dtype.kind != "f":
        payload = RECORD.astype(payload, dtype=total.dtype)
    if atom.power == 1:
        return payload
    found: Expr = RECORD.power(payload, exponent=as_number(atom.power))
    return found


def sized(form: LinearForm, sizes: Mapping[str, int]) -> LinearForm:
    """The form with numbers for its named sizes."""
    return replace(
        form,
        out_shape=tuple(size_of(s, sizes) for s in form.out_shape),
        in_shape=tuple(size_of(s, sizes) for s in form.in_shape),
        sizes={c: size_of(s, sizes) for c, s in form.sizes.items()},
    )
