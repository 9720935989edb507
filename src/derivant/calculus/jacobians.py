"""Jacobians and Hessians: as objects that stay maps, and dense by one sweep with leading axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from derivant.base.errors import DTypeError, ShapeError
from derivant.base.tree import unflatten
from derivant.base.types import Derived, Function, shape_of
from derivant.calculus.arguments import handed_out
from derivant.calculus.plans import Traced, traced
from derivant.calculus.transforms import (
    Recording,
    argument_places,
    call_plain,
    calling,
    grad,
    named_after,
)
from derivant.carriers.expr import Expr
from derivant.carriers.mode import serial
from derivant.carriers.tensor import Tensor, constant
from derivant.operators import Jacobian, structured
from derivant.primitives import RECORD

CHUNK = 1 << 26  # numbers in the widest seed of one sweep


def jacobian(f: Function, argnums: int | Sequence[int] = 0) -> Callable[..., Jacobian]:
    """The function that gives the generalized Jacobian of `f` as an object.

    Shape: that of the output, then that of the argument. For nested outputs or arguments a tree of
    Jacobians, the output's nesting outside. Nothing is formed: see `Jacobian`.

    >>> J = jacobian(lambda x: x * x)(np.array([1.0, 2.0, 3.0]))
    >>> J.shape, J @ np.array([1.0, 0.0, 0.0]), J[2, 2]
    ((3, 3), array([2., 0., 0.]), np.float64(6.0))
    """

    direct = _each_pair(f, argnums, _plain, "jacobian")

    def derived(*args: Any, **kwargs: Any) -> Any:
        places = argument_places(argnums, len(args), f)
        call = calling(args, kwargs, places)
        trace = traced(f, [args[i] for i in places], call, places)
        if trace is None:
            return direct(*args, **kwargs)
        later = _Later(trace)
        rows = [
            _grouped(trace, [_structured(trace, later, row, k) for k in range(len(trace.given))])
            for row in range(len(trace.plan.outputs))
        ]
        return unflatten(
            trace.structure, [r[0] if isinstance(argnums, int) else tuple(r) for r in rows]
        )

    return named_after(f, derived, "jacobian")


class _Later:
    """The recording that a traced call would have made, made when a sweep is asked for."""

    def __init__(self, trace: Traced) -> None:
        self._trace = trace
        self._made: Recording | None = None

    def __call__(self) -> Recording:
        if self._made is None:
            trace, leaves = self._trace, list(self._trace.given)
            values = [
                value
                if isinstance(value, float)
                else constant(value)
                if isinstance(leaf, Tensor)
                else value
                for leaf, value in zip(leaves, trace.leaves, strict=True)
            ]
            run = named_after(trace.run, lambda *x: trace.run(*x), trace.name)
            self._made = Recording(run, values, call_plain, range(len(values)))
        return self._made


def _plain(record: Recording, row: int, column: int) -> Jacobian:
    """The two sweeps as a map."""
    out, given = record.outputs[row], record.given[column]
    return _swept_map(lambda: record, row, column, ints(out), ints(given), _dtype(given))


def _swept_map(
    record: Callable[[], Recording], row: int, column: int, out: Any, given: Any, dtype: Any
) -> Jacobian:
    def push(t: Any) -> Any:
        made = record()
        return made.push(_alone(t, column, made.given, made.given[column]))[row]

    def pull(g: Any) -> Any:
        made = record()
        return made.pull(_alone(g, row, made.outputs, made.outputs[row]))[column]

    return Jacobian(out, given, dtype, push, pull, lambda: _dense(record(), row, column))


def _structured(trace: Traced, later: _Later, row: int, column: int) -> Jacobian:
    """The map of one output and one variable with its terms, where they are known."""
    out, given = trace.plan.outputs[row], trace.given[column]
    plain = _swept_map(later, row, column, ints(out), shape_of(given), _dtype(given))
    form = trace.plan.forms[row][column]
    if form is None:
        return plain
    labels = [(slot, trace.names) for slot in form.slots]
    kept = isinstance(given, Tensor)
    return structured(plain, form, trace.parts(form), labels, out.dtype, kept)


def _grouped(trace: Traced, columns: Sequence[Any]) -> list[Any]:
    """One tree of Jacobians for each argument."""
    source = iter(columns)
    return [a.shaped([next(source) for _ in a.moving]) for a in trace.arguments]


def _dtype(given: Any) -> Any:
    return np.dtype(getattr(given, "dtype", np.float64))


def jacrev(f: Function, argnums: int | Sequence[int] = 0) -> Derived:
    """The function that gives the dense Jacobian of `f`: one reverse sweep of the identity.

    >>> jacrev(lambda x: x * x)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return _each_pair(f, argnums, _by_rows, "jacrev")


def jacfwd(f: Function, argnums: int | Sequence[int] = 0) -> Derived:
    """The function that gives the dense Jacobian of `f`: one forward sweep of the identity.

    >>> jacfwd(lambda x: x * x)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return _each_pair(f, argnums, _by_columns, "jacfwd")


def hessian(f: Function, argnums: int | Sequence[int] = 0) -> Callable[..., Jacobian]:
    """The function that gives the Hessian of a scalar function as a `Jacobian` of its gradient.

    >>> H = hessian(lambda x: (x**3).sum())(np.array([1.0, 2.0]))
    >>> H.materialize()
    array([[ 6.,  0.],
           [ 0., 12.]])
    """
    general = jacobian(grad(f, argnums), argnums)

    def derived(*args: Any, **kwargs: Any) -> Any:
        if isinstance(argnums, int):
            places = argument_places(argnums, len(args), f)
            call = calling(args, kwargs, places)
            trace = traced(f, [args[i] for i in places], call, places, slope=True)
            if trace is not None:
                return _structured(trace, _Later(trace), 0, 0)
        return general(*args, **kwargs)

    return named_after(f, derived, "hessian")


def _each_pair(
    f: Function,
    argnums: int | Sequence[int],
    build: Callable[[Recording, int, int], Any],
    prefix: str,
) -> Callable[..., Any]:
    """Build something for each leaf of the output and each variable, in their nesting."""

    def derived(*args: Any, **kwargs: Any) -> Any:
        places = argument_places(argnums, len(args), f)
        record = Recording(f, [args[i] for i in places], calling(args, kwargs, places), places)
        check_outputs(record)
        rows = []
        for row in range(len(record.outputs)):
            columns = [build(record, row, column) for column in range(len(record.given))]
            trees = record.split(columns)
            rows.append(trees[0] if isinstance(argnums, int) else tuple(trees))
        return unflatten(record.structure, rows)

    return named_after(f, derived, prefix)


def ints(x: Any) -> tuple[int, ...]:
    """The shape of what has numbers, or is to have as many: refused where a size is a name."""
    shape = shape_of(x)
    sizes = tuple(size for size in shape if isinstance(size, int))
    if len(sizes) != len(shape):
        raise ShapeError(f"the Jacobian of a formula with the named sizes {shape} is not an array")
    return sizes


def check_outputs(record: Recording) -> None:
    """Refuse outputs that have no derivative."""
    for out in record.outputs:
        kind = getattr(out, "dtype", None)
        if kind is not None and kind.kind != "f":
            raise DTypeError(
                f"{record.name} gives an array of dtype {kind}, which has no derivative"
            )


def _alone(value: Any, place: int, leaves: Sequence[Any], like: Any) -> list[Any]:
    """The value in its place, nothing elsewhere."""
    if not hasattr(value, "derivant_rank"):
        dtype = getattr(like, "dtype", np.dtype(np.float64))
        value = np.asarray(value, dtype=dtype)[()]
    return [value if i == place else None for i in range(len(leaves))]


def _dense(record: Recording, row: int, column: int) -> Any:
    tall = math.prod(ints(record.outputs[row])) > math.prod(ints(record.given[column]))
    return (_by_columns if tall else _by_rows)(record, row, column)


def _by_rows(record: Recording, row: int, column: int) -> Any:
    """One reverse sweep, a hidden axis for the entries of the output."""
    out, given = record.outputs[row], record.given[column]

    def sweep(seed: Any) -> Any:
        return record.pull(_alone(seed, row, record.outputs, out))[column]

    seeded, found = ints(out), ints(given)
    whole = _reshaped(_swept(sweep, seeded, found, out), (*seeded, *found))
    return handed_out(whole, given)


def _by_columns(record: Recording, row: int, column: int) -> Any:
    """One forward sweep, a hidden axis for the entries of the argument."""
    out, given = record.outputs[row], record.given[column]

    def sweep(seed: Any) -> Any:
        return record.push(_alone(seed, column, record.given, given))[row]

    seeded, found = ints(given), ints(out)
    turned = _permuted(_swept(sweep, seeded, found, given), (*range(1, 1 + len(found)), 0))
    return handed_out(_reshaped(turned, (*found, *seeded)), given)


def _swept(sweep: Function, seeded: Any, found: Any, like: Any) -> Any:
    """Sweeps seeded with the identity under a hidden axis, that axis brought out in front."""
    count = math.prod(seeded)
    step = max(1, CHUNK // max(1, math.prod(found), count))
    dtype = getattr(like, "dtype", np.dtype(np.float64))
    pieces = [
        _one_sweep(sweep, seeded, found, range(start, min(start + step, count)), dtype)
        for start in range(0, count, step)
    ] or [constant(np.zeros((0, *found), dtype))]
    return pieces[0] if len(pieces) == 1 else RECORD.concat(*pieces, axis=-1 - len(found))


def _one_sweep(sweep: Function, seeded: Any, found: Any, places: range, dtype: Any) -> Any:
    level = serial()
    identity = np.zeros((len(places), math.prod(seeded)), dtype)
    identity[np.arange(len(places)), places] = 1
    result = sweep(constant(identity.reshape(len(places), *seeded), (level,)))
    if not isinstance(result, (Tensor, Expr)):
        result = constant(result)
    return RECORD.reveal(result, axis=-1 - len(found), level=level, size=len(places))


def _reshaped(x: Any, shape: Any) -> Any:
    return RECORD.reshape(x, shape=tuple(shape))


def _permuted(x: Any, axes: Any) -> Any:
    return RECORD.permute_dims(x, axes=tuple(a - len(axes) for a in axes))


__all__ = ["hessian", "jacfwd", "jacobian", "jacrev"]
