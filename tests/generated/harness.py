"""Checks of one row, generated from what the row says about itself.

`check_row(name)` gives a text for each thing that is wrong, `python -m tests.generated.harness
NAME...` prints them. Each aspect is a function from a row, a dtype and one of the row's cases to
complaints; a new aspect is an entry of ASPECTS.
"""

from __future__ import annotations

import itertools
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from tests.generated.problems import (
    FLOOR,
    SAME,
    SIZES,
    Complaints,
    Problem,
    differences,
    far,
    filled,
    gradient_of,
    largest,
    like,
    names_of,
    outputs_of,
    paired,
    problem,
    seeds_for,
    sizes_of,
)
from tests.generated.symbolic import symbolic

from derivant.base.dims import Dim, size_of
from derivant.calculus.transforms import jvp, vjp
from derivant.carriers.tensor import constant
from derivant.primitives import TABLE, Case, Primitive, prepared

ORDERS = (1, 2, 3)
IDENTITY = {"float64": 1e-12, "float32": 1e-5}
VALUE = {"float64": 1e-12, "float32": 1e-5}
DIFFERENCES = 1e-7
# Rows that carriers handle themselves: they have no cases, and tests of their own.
STRUCTURE = ("leaf", "level", "structure")
OWN_TESTS = ("bind",)
SHOWN = 3  # complaints printed of one aspect

# Aspects: each yields complaints about one case


def value_rules(row: Primitive, case: Case, dtype: str) -> Complaints:
    """The value has the shape and the dtype that the rules say, sizes named or not."""
    names = {name: Dim.named(name) for name in names_of(case)}
    named_shapes, named_params = filled(case, names)
    general = row.shape(*named_shapes, **named_params)
    for turn in range(len(SIZES)):
        p = problem(row, case, dtype, turn)
        sizes = sizes_of(case, turn)
        results = outputs_of(row.evaluate(*p.arrays, **p.params))
        shapes = row.shape(*(a.shape for a in p.arrays), **p.params)
        dtypes = row.dtype(*(a.dtype for a in p.arrays), **p.params)
        several = row.outputs > 1
        for i, result in enumerate(results):
            actual = np.shape(result)
            said = tuple(shapes[i] if several else shapes)
            formula = tuple(general[i] if several else general)
            computed = tuple(size_of(s, sizes) for s in formula)
            kind = np.dtype(dtypes[i] if several else dtypes)
            if actual != said:
                yield f"value of shape {actual}, the shape rule says {said}"
            if actual != computed:
                yield f"value of shape {actual}, with named sizes {formula} = {computed}"
            if np.asarray(result).dtype != kind:
                yield f"value of dtype {np.asarray(result).dtype}, the dtype rule says {kind}"
            if not np.isfinite(np.asarray(result, dtype=float)).all():
                yield "the value is not finite: the domain is wrong"
    first = problem(row, case, dtype)
    yield from _weak_dtype(first)
    yield from _backward_value(first, dtype)
    yield from _prepared_value(first)


def _prepared_value(p: Problem) -> Complaints:
    """Parameters that are prepared for many uses evaluate the row as they are, to the bit."""
    settings = prepared(p.row, **p.params)
    if settings != p.params:
        yield f"prepared: {settings} in the place of {p.params}"
    for arrays in (p.arrays, [_backwards(a) for a in p.arrays]):
        pairs = (
            outputs_of(run) for run in (settings.run(*arrays), p.row.evaluate(*arrays, **p.params))
        )
        for a, b in zip(*pairs, strict=True):
            if np.asarray(a).dtype != np.asarray(b).dtype or not np.array_equal(a, b):
                yield "prepared: another value"


def _backward_value(p: Problem, dtype: str) -> Complaints:
    """Operands that lie backwards in memory have the same value."""
    backwards = [_backwards(a) for a in p.arrays]
    values = (outputs_of(p.row.evaluate(*arrays, **p.params)) for arrays in (backwards, p.arrays))
    for a, b in zip(*values, strict=True):
        if wrong := far(a, b, VALUE[dtype]):
            yield f"negative strides: value {wrong}"


def _weak_dtype(p: Problem) -> Complaints:
    """Python numbers in the place of operands without axes give way in the dtype."""
    arrays = [
        float(a) if a.ndim == 0 and a.dtype.kind == "f" and len(p.arrays) > 1 else a
        for a in p.arrays
    ]
    weak = [isinstance(a, float) for a in arrays]
    if p.row.outputs > 1 or all(weak) or not any(weak):
        return
    kinds = [float if isinstance(a, float) else a.dtype for a in arrays]
    said = np.dtype(p.row.dtype(*kinds, **p.params))
    actual = np.asarray(p.row.evaluate(*arrays, **p.params)).dtype
    if actual != said:
        yield f"with a Python number: value of dtype {actual}, the dtype rule says {said}"


def batching(row: Primitive, case: Case, dtype: str) -> Complaints:
    """`row.batch` under leading axes is one evaluation for each place, whoever has the axes."""
    p = problem(row, case, dtype)
    count = len(p.arrays)
    plans = [((2,),) * count, ((3, 2),) * count]
    plans += [tuple((2,) if i == j else (1,) for j in range(count)) for i in range(count)]
    plans += [tuple((3, 1) if i % 2 else (1, 2) for i in range(count))]
    yield from _empty_batch(p)
    for leads in dict.fromkeys(plans):
        arrays = [_stacked(p, i, lead) for i, lead in enumerate(leads)]
        yield from _batch_agrees(p, arrays, len(leads[0]), f"leading axes {leads}")
        if any(
            a.ndim == len(lead) and set(lead) == {1} for a, lead in zip(arrays, leads, strict=True)
        ):
            weak = [
                a.item() if a.ndim == len(lead) and set(lead) == {1} else a
                for a, lead in zip(arrays, leads, strict=True)
            ]
            yield from _batch_agrees(
                p, weak, len(leads[0]), f"leading axes {leads}, Python numbers"
            )


def _empty_batch(p: Problem) -> Complaints:
    """No place at all along a leading axis: only the shape and the dtype are left."""
    arrays = [np.zeros((0, *a.shape), a.dtype) for a in p.arrays]
    got = outputs_of(p.row.batch(p.row, 1, tuple(arrays), p.params))
    for a, b in zip(got, outputs_of(p.row.evaluate(*p.arrays, **p.params)), strict=True):
        if np.shape(a) != (0, *np.shape(b)) or np.asarray(a).dtype != np.asarray(b).dtype:
            kind = np.asarray(a).dtype
            yield f"batch, leading axis of size 0: {np.shape(a)} {kind} for {np.shape(b)}"


def _stacked(p: Problem, place: int, lead: tuple[int, ...]) -> Any:
    """Operand `place` under leading axes, another sample in each place of them."""
    original = p.arrays[place]
    if original.dtype.kind != "f":
        return np.broadcast_to(original, lead + original.shape)
    factors = 1.0 - 0.02 * np.arange(np.prod(lead)).reshape(lead + (1,) * original.ndim)
    return (original * factors).astype(original.dtype)


def _batch_agrees(p: Problem, arrays: list[Any], count: int, where: str) -> Complaints:
    row = p.row
    got = outputs_of(row.batch(row, count, tuple(arrays), p.params))
    wanted = outputs_of(_looped(row, count, tuple(arrays), p.params))
    for a, b in zip(got, wanted, strict=True):
        difference = far(
            a, b, VALUE[np.asarray(b).dtype.name] if np.asarray(b).dtype.kind == "f" else 0
        )
        if difference:
            yield f"batch, {where}: {difference}"
        elif np.asarray(a).dtype != np.asarray(b).dtype:
            yield f"batch, {where}: dtype {np.asarray(a).dtype} against {np.asarray(b).dtype}"


def _looped(row: Primitive, count: int, arrays: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """One evaluation for each place of the leading axes, written here anew."""
    leading = np.broadcast_shapes(*(np.shape(a)[:count] for a in arrays))
    full = [
        a if np.ndim(a) == 0 else np.broadcast_to(a, leading + np.shape(a)[count:]) for a in arrays
    ]
    results = [
        outputs_of(row.evaluate(*(a if np.ndim(a) == 0 else a[place] for a in full), **params))
        for place in np.ndindex(*leading)
    ]
    stacked = tuple(
        np.stack(column).reshape(leading + np.shape(column[0]))
        for column in zip(*results, strict=True)
    )
    return stacked if row.outputs > 1 else stacked[0]


def derivatives(order: int) -> Callable[[Primitive, Case, str], Complaints]:
    """The aspect of the derivative of that order."""

    def aspect(row: Primitive, case: Case, dtype: str) -> Complaints:
        p = problem(row, case, dtype)
        places = p.variables
        if row.constant or not places:
            return
        f = p.function(places)
        for _ in range(order - 1):
            f = gradient_of(f, seeds_for(p.rng, f(*p.at(places))))
        xs = p.at(places)
        yield from _laws(p, f, xs, dtype)
        if order == 1:
            yield from _each_alone(p, dtype)
            yield from _mixed(p)
        if order < 3:
            yield from _reversed_strides(p, f, xs, dtype)

    return aspect


def _laws(p: Problem, f: Callable[..., Any], xs: list[Any], dtype: str) -> Complaints:
    """Forward against reverse, both against differences, shapes and dtypes."""
    vs = [like(p.rng, x) for x in xs]
    out, pull = vjp(f, *xs)
    w = seeds_for(p.rng, out)
    cotangents = pull(w)
    value, tangent = jvp(f, xs, vs)
    yield from _fits("cotangent", cotangents, xs)
    yield from _fits("tangent", outputs_of(tangent), outputs_of(out))
    for a, b in zip(outputs_of(value), outputs_of(out), strict=True):
        if not np.array_equal(a, b, equal_nan=True):
            yield "jvp and vjp give different values"
    forward, size = paired(tangent, w)
    backward, other = paired(vs, list(cotangents))
    if not abs(forward - backward) <= IDENTITY[dtype] * max(size, other, FLOOR):
        yield f"<Jv, w> = {forward!r}, <v, J'w> = {backward!r}"
    if dtype == "float64":
        moving = [(t, o) for t, o in zip(outputs_of(tangent), outputs_of(out), strict=True)]
        found = differences(f, xs, vs)
        for i, ((t, o), d) in enumerate(zip(moving, found, strict=True)):
            if np.asarray(o).dtype.kind == "f" and (
                wrong := far(t, d, DIFFERENCES, max(largest(o), FLOOR))
            ):
                yield f"Jv (result {i}) against differences: {wrong}"


def _fits(what: str, found: Sequence[Any], wanted: Sequence[Any]) -> Complaints:
    for i, (a, b) in enumerate(zip(found, wanted, strict=True)):
        if np.asarray(b).dtype.kind != "f":
            continue
        if np.shape(a) != np.shape(b):
            yield f"{what} {i} of shape {np.shape(a)} for {np.shape(b)}"
        if np.asarray(a).dtype != np.asarray(b).dtype:
            yield f"{what} {i} of dtype {np.asarray(a).dtype} for {np.asarray(b).dtype}"


def _each_alone(p: Problem, dtype: str) -> Complaints:
    """Each operand as the only variable: its part of what all together give."""
    places = p.variables
    if len(places) < 2:
        return
    out, pull = vjp(p.function(places), *p.at(places))
    w = seeds_for(p.rng, out)
    together = pull(w)
    for i, place in enumerate(places):
        x = p.arrays[place]
        g = vjp(p.function([place]), x)[1](w)[0]
        if wrong := far(g, together[i], SAME[dtype]):
            yield f"operand {place} alone: J'w {wrong}"
        v = like(p.rng, x)
        still = [v if j == i else np.zeros_like(p.arrays[q]) for j, q in enumerate(places)]
        alone = jvp(p.function([place]), [x], [v])[1]
        joint = jvp(p.function(places), p.at(places), still)[1]
        for a, b in zip(outputs_of(alone), outputs_of(joint), strict=True):
            if wrong := far(a, b, SAME[dtype]):
                yield f"operand {place} alone: Jv {wrong}"


def _mixed(p: Problem) -> Complaints:
    """One float32 operand among float64 ones: each gradient has the dtype of its operand."""
    places = p.variables
    if len(places) < 2:
        return
    for narrow in places:
        xs = [
            a.astype("float32" if i == narrow else "float64")
            for i, a in enumerate(p.arrays)
            if i in places
        ]
        out, pull = vjp(p.function(places), *xs)
        yield from _fits("float32 and float64 operands: cotangent", pull(seeds_for(p.rng, out)), xs)


def _reversed_strides(p: Problem, f: Callable[..., Any], xs: list[Any], dtype: str) -> Complaints:
    """The same numbers, lying backwards in memory, have the same derivatives."""
    out, pull = vjp(f, *xs)
    w = seeds_for(p.rng, out)
    backwards = [constant(_backwards(x)) for x in xs]
    seeds = tuple(_backwards(s) for s in w) if isinstance(w, tuple) else _backwards(w)
    other_out, other_pull = vjp(f, *backwards)
    for a, b in zip(outputs_of(out), outputs_of(other_out), strict=True):
        if wrong := far(b, a, SAME[dtype]):
            yield f"negative strides: value {wrong}"
    for a, b in zip(pull(w), other_pull(seeds), strict=True):
        if wrong := far(b, a, SAME[dtype]):
            yield f"negative strides: J'w {wrong}"


def _backwards(x: Any) -> Any:
    return np.flip(np.flip(np.asarray(x)).copy())


ASPECTS: dict[str, Callable[[Primitive, Case, str], Complaints]] = {
    "value": value_rules,
    "batch": batching,
    "symbolic": symbolic,
    **{f"order{k}": derivatives(k) for k in ORDERS},
}
DTYPES = ("float64", "float32")


def check_row(
    row: str | Primitive,
    *,
    aspects: Sequence[str] = tuple(ASPECTS),
    dtypes: Sequence[str] = DTYPES,
    cases: Sequence[Case] | None = None,
    enough: int = 1000,
) -> list[str]:
    """What is wrong with a row, one text each: empty when all is well. Stops at `enough`."""
    row = TABLE[row] if isinstance(row, str) else row
    given = row.cases if cases is None else cases
    if not given:
        return [f"{row.name} has no cases"]
    found: list[str] = []
    for aspect, dtype, case in itertools.product(aspects, dtypes, given):
        if len(found) >= enough:
            break
        params = filled(case, sizes_of(case))[1]
        where = f"{row.name} {aspect} {dtype} {case.shapes} {params or ''}"
        found += [f"{where}: {text}" for text in _complaints(ASPECTS[aspect], row, case, dtype)]
    return found


def _complaints(aspect: Any, row: Primitive, case: Case, dtype: str) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return list(aspect(row, case, dtype))
        except Exception as error:
            return [f"{type(error).__name__}: {error}"]


def generated_rows() -> list[str]:
    """The rows that these checks are for."""
    return [n for n, r in TABLE.items() if r.family not in STRUCTURE and n not in OWN_TESTS]


def main(names: Sequence[str]) -> int:
    """Print what is wrong with the rows of these names (all without names), a few each aspect."""
    chosen = list(names) or generated_rows()
    total = 0
    for name, aspect in itertools.product(chosen, ASPECTS):
        if name not in TABLE:
            wrong = [f"the table has no row {name}"]
        else:
            wrong = check_row(name, aspects=[aspect])
        total += len(wrong)
        more = (
            [f"... and {len(wrong) - SHOWN} more of {name} {aspect}"] if len(wrong) > SHOWN else []
        )
        sys.stdout.write("".join(f"{text}\n" for text in [*wrong[:SHOWN], *more]))
    sys.stdout.write(f"{len(chosen)} rows, {total} complaints\n")
    return 1 if total else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
