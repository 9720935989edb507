"""A derivative in closed form as a linear map at given arrays, and the chain rule of two of them.

The map has the terms of the printed form, so that it keeps the structure one reads there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from derivant.base.dims import Dim, Shape, Size
from derivant.base.errors import ArgumentError, DerivantError, ShapeError
from derivant.base.types import Array, shape_of
from derivant.carriers.evaluate import evaluate_all
from derivant.carriers.expr import Expr
from derivant.carriers.trace import variables
from derivant.derivation.checking import TOLERANCE, Check
from derivant.derivation.draws import drawn, least_size, sizes_for
from derivant.operators import Jacobian, structured
from derivant.primitives import RECORD
from derivant.primitives.dispatch import plain_array
from derivant.rewriting import Form, form_of
from derivant.rewriting.jacobian_form import UnstructuredError
from derivant.rewriting.sum_form import form_of_sum, sized

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def operator_of(form: Form, expr: Expr, wrt: str, rank: int, values: Mapping[str, Any]) -> Jacobian:
    """The map of a derivative by a variable with `rank` axes, at the values of the variables."""
    arrays = {name: np.array(plain_array(value)) for name, value in values.items()}
    split = len(expr.shape) - rank
    sizes = _sizes_read(expr, wrt, split, arrays)
    kind = np.dtype(expr.dtype)
    known = {v.params["name"]: arrays[v.params["name"]] for v in variables(expr)}

    def dense() -> Any:
        return evaluate_all([expr], known, sizes)[0]

    shape = tuple(_size(s, sizes) for s in expr.shape)
    plain = Jacobian(
        shape[:split],
        shape[split:],
        kind,
        lambda t: _result(np.tensordot(dense(), np.asarray(t), rank)),
        lambda g: _result(np.tensordot(np.asarray(g), dense(), split)),
        dense,
    )
    try:
        terms = sized(form_of_sum(form.sum, split), sizes)
    except UnstructuredError:
        return plain
    parts = [np.asarray(p) for p in evaluate_all(terms.slots, known, sizes)]
    labels: list[tuple[Expr, Mapping[str, str]]] = [(slot, {}) for slot in terms.slots]
    return structured(plain, terms, parts, labels, kind)


def _result(value: npt.NDArray[np.generic]) -> Array:
    found: Any = value[()]
    array: Array = found
    return array


def _size(size: Size, sizes: Mapping[str, int]) -> int:
    if isinstance(size, int):
        return size
    missing = sorted({n for names, _ in size.terms for n in names} - {*sizes})
    if missing:
        raise ArgumentError(
            f"the size {missing[0]} is not known from the arrays; give an array that shows it"
        )
    return sum(k * int(np.prod([sizes[n] for n in names])) for names, k in size.terms)


def _sizes_read(
    expr: Expr, wrt: str, split: int, arrays: Mapping[str, npt.NDArray[np.generic]]
) -> dict[str, int]:
    """The named sizes, from the arrays of the variables and of the variable of differentiation."""
    leaves = variables(expr)
    missing = [v.params["name"] for v in leaves if v.params["name"] not in arrays]
    if missing:
        raise ArgumentError(f"the operator needs an array for {', '.join(missing)}")
    sizes: dict[str, int] = {}
    shapes = [(v.params["name"], v.shape) for v in leaves]
    if wrt in arrays:
        shapes.append((wrt, expr.shape[split:]))
    for name, shape in shapes:
        _matched(name, shape, shape_of(arrays[name]), sizes)
    return sizes


def _matched(name: str, shape: Shape, given: Shape, sizes: dict[str, int]) -> None:
    fits = len(shape) == len(given)
    for size, actual in zip(shape, given, strict=False):
        plain = isinstance(size, Dim) and str(size).isidentifier()
        wanted = sizes.setdefault(str(size), int(str(actual))) if plain else size
        fits = fits and (not isinstance(wanted, int) or wanted == actual)
    if not fits:
        raise ShapeError(f"{name} has the shape {shape}; the array has {given}")


def chained(outer: Expr, rank: int, inner: Expr) -> tuple[Expr, Form]:
    """d z/d y times d y/d x: summed over the `rank` axes of y."""
    split = len(outer.shape) - rank
    if tuple(outer.shape[split:]) != tuple(inner.shape[:rank]):
        raise ShapeError(
            f"the chain rule: the first derivative is by a variable of shape "
            f"{outer.shape[split:]}, the second is of a value of shape {inner.shape[:rank]}"
        )
    left, middle = LETTERS[:split], LETTERS[split : split + rank]
    right = LETTERS[split + rank : len(outer.shape) + len(inner.shape) - rank]
    spec = f"{left}{middle},{middle}{right}->{left}{right}"
    product: Expr = RECORD.einsum(outer, inner, spec=spec)
    return product, form_of(product)


def checked_product(product: Expr, found: Expr, checks: Sequence[Check]) -> Check:
    """A product of two derivatives in normal form, compared with the product as it stands."""
    leaves = variables([product, found])
    names = sorted({n for v in leaves for s in v.shape for n in _names(s)})
    worst = max(c.max_relative_error for c in checks)
    tried, least = list[dict[str, int]](), least_size([product, found])
    for turn in range(3):
        sizes, rng = sizes_for(names, turn, least), np.random.default_rng(turn)
        point = {v: drawn(v, tuple(_size(s, sizes) for s in v.shape), rng) for v in leaves}
        with np.errstate(all="ignore"):
            one, two = (np.asarray(a) for a in evaluate_all([product, found], point, sizes))
        if np.isfinite(one).all() and np.isfinite(two).all():
            scale = max(1.0, float(np.abs(one).max(initial=0.0)))
            worst = max(worst, float(np.abs(one - two).max(initial=0.0)) / scale)
            tried.append(sizes)
    if worst > TOLERANCE:
        raise DerivantError(
            f"the product of the derivatives differs from its normal form by {worst:.0e}; it is "
            "not shown. This is a fault of derivant: please report the formulas"
        )
    return Check(worst, tuple(tried), min(len(tried), *(c.samples for c in checks)))


def _names(size: Size) -> list[str]:
    return [n for names, _ in size.terms for n in names] if isinstance(size, Dim) else []


__all__ = ["chained", "checked_product", "operator_of"]
