"""An operation of the user's own: a row with the derivative that the user states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from derivant.base.dims import Shape
from derivant.base.errors import ArgumentError, DifferentiationError, ShapeError
from derivant.base.types import Array, Derived, Function, Slope, shape_of
from derivant.calculus.transforms import vjp as pull_of
from derivant.primitives import RECORD, Primitive, apply
from derivant.primitives.primitive import Data, Names, Params
from derivant.primitives.rules import accumulate, batch_loop, spread, unbroadcast

Rule: TypeAlias = Callable[..., Any]


def primitive(
    name: str,
    evaluate: Function,
    *,
    partials: tuple[Slope, ...] | None = None,
    vjp: Function | None = None,
    jvp: Function | None = None,
    shape: Callable[..., Shape] | None = None,
) -> Derived:
    """An operation of your own, with its derivative, for numbers, Tensors and formulas alike.

    `evaluate(*arrays, **params)` computes with NumPy. State the derivative in one of three ways,
    written with derivant's functions so that higher orders follow:
    `partials`, one `(out, *inputs, **params)` an operand, for an elementwise function;
    `vjp(g, out, *inputs, **params)`, a tuple with one cotangent (or None) an operand;
    `jvp(tangents, out, *inputs, **params)`, the tangent of the result, None being a zero tangent.
    Of vjp and jvp one is enough: the other is its transpose. `shape(*shapes, **params)` is needed
    for formulas with named sizes only. Try it with `check_grads(op, args)`.

    >>> cube = primitive("cube", lambda x: x**3, partials=(lambda out, x: 3 * x * x,))
    >>> from derivant.calculus.transforms import grad
    >>> grad(cube)(2.0)
    np.float64(12.0)
    """
    if partials is None and vjp is None and jvp is None:
        raise ArgumentError(f"primitive {name}: state its derivative as partials=, vjp= or jvp=")
    pull, push = _elementwise_rules(partials) if partials is not None else _stated_rules(vjp, jvp)
    row = Primitive(
        name=name,
        family="user",
        evaluate=lambda *arrays, **params: np.asarray(evaluate(*arrays, **params))[()],
        shape=shape or (lambda *shapes, **params: _tried(name, evaluate, shapes, params).shape),
        dtype=lambda *kinds, **params: np.result_type(
            *(k(0) if isinstance(k, type) else k for k in kinds), np.float32
        ),
        push=push,
        pull=pull,
        batch=batch_loop,
    )

    def operation(*operands: Any, **params: Any) -> Array:
        result: Array = apply(row, operands, params)
        return result

    operation.__name__ = name
    return operation


def _tried(name: str, evaluate: Rule, shapes: tuple[Shape, ...], params: Params) -> Any:
    """Find the shape of a result by evaluating at ones."""
    if not all(isinstance(size, int) for shape in shapes for size in shape):
        raise ArgumentError(f"primitive {name}: give shape= for formulas with named sizes")
    sizes: Any = shapes  # ints, all of them, by now
    ones: list[Any] = [np.ones(shape) for shape in sizes]
    return np.asarray(evaluate(*ones, **params))


def _elementwise_rules(partials: tuple[Any, ...]) -> tuple[Rule, Rule]:
    def through(xp: Names, g: Data, p: Any, out: Data, inputs: Any, params: Params) -> Data:
        return xp.scale(g, p(out, *inputs, **params)) if callable(p) else g * p

    def pull(xp: Names, g: Data, out: Data, inputs: Any, params: Params, wanted: Any) -> Any:
        return tuple(
            unbroadcast(xp, through(xp, g, p, out, inputs, params), x)
            if w and p is not None
            else None
            for x, p, w in zip(inputs, partials, wanted, strict=True)
        )

    def push(xp: Names, tangents: Any, out: Data, inputs: Any, params: Params) -> Data:
        total = None
        for t, p in zip(tangents, partials, strict=True):
            if t is not None and p is not None:
                total = accumulate(total, spread(xp, through(xp, t, p, out, inputs, params), out))
        return total

    return pull, push


def _stated_rules(vjp: Rule | None, jvp: Rule | None) -> tuple[Rule, Rule]:
    def pull(xp: Names, g: Data, out: Data, inputs: Any, params: Params, wanted: Any) -> Any:
        if vjp is None:
            return _transposed_jvp(_known(jvp), g, out, inputs, params, wanted)
        found = vjp(g, out, *inputs, **params)
        found = found if isinstance(found, tuple) else (found,)
        if len(found) != len(inputs):
            raise DifferentiationError(
                f"vjp= gives {len(found)} cotangents for {len(inputs)} operands"
            )
        for place, (cotangent, x) in enumerate(zip(found, inputs, strict=True)):
            given = wanted[place] and cotangent is not None
            if given and shape_of(cotangent) != shape_of(x):
                raise ShapeError(
                    f"vjp= gives a cotangent of shape {shape_of(cotangent)} for operand {place} of "
                    f"shape {shape_of(x)}"
                )
        return found

    def push(xp: Names, tangents: Any, out: Data, inputs: Any, params: Params) -> Data:
        if jvp is None:
            return _transposed_vjp(_known(vjp), tangents, out, inputs, params)
        return jvp(tangents, out, *inputs, **params)

    return pull, push


def _known(rule: Rule | None) -> Rule:
    assert rule is not None
    return rule


def _transposed_jvp(
    jvp: Rule, g: Data, out: Data, inputs: Any, params: Params, wanted: Any
) -> tuple[Data, ...]:
    """J'g as the pullback of the linear map t -> J t."""
    found: list[Any] = []
    for place, wants in enumerate(wanted):
        if not wants:
            found.append(None)
            continue

        def one(t: Any, place: int = place) -> Any:
            return jvp(
                tuple(t if i == place else None for i in range(len(inputs))), out, *inputs, **params
            )

        found.append(pull_of(one, _zero(inputs[place], (g, *inputs)))[1](g)[0])
    return tuple(found)


def _transposed_vjp(vjp: Rule, tangents: Any, out: Data, inputs: Any, params: Params) -> Data:
    """J t as the pullback of the linear map g -> J'g."""

    def all_cotangents(g: Any) -> Any:
        found = vjp(g, out, *inputs, **params)
        found = found if isinstance(found, tuple) else (found,)
        return [c for c, t in zip(found, tangents, strict=True) if t is not None and c is not None]

    start = _zero(out, (*inputs, *tangents))
    found = vjp(start, out, *inputs, **params)
    found = found if isinstance(found, tuple) else (found,)
    moving = [t for c, t in zip(found, tangents, strict=True) if t is not None and c is not None]
    return pull_of(all_cotangents, start)[1](moving)[0] if moving else None


def _zero(like: Any, beside: Any) -> Any:
    """Zeros to differentiate at, in a carrier that can meet the other operands."""
    if getattr(like, "derivant_rank", 0) > 1:
        return RECORD.zeros_like(like)
    sizes: Any = shape_of(like)
    zeros = np.zeros(sizes, getattr(like, "dtype", np.float64))[()]
    symbolic = [x for x in beside if getattr(x, "derivant_rank", 0) > 1]
    return symbolic[0].lifted(zeros) if symbolic else zeros
