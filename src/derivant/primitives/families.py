"""Families: constructors that fill whole columns of a row from the little that differs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from derivant.primitives.primitive import (
    Batch,
    Case,
    Data,
    DTypeRule,
    Names,
    Params,
    Primitive,
    Pull,
    Push,
    Reading,
    ShapeRule,
    register,
)
from derivant.primitives.rules import (
    accumulate,
    batch_elementwise,
    batch_loop,
    batch_tail,
    boolean,
    broadcast_shape,
    first_dtype,
    inexact,
    promoted,
    same_shape,
    spread,
    unbroadcast,
    zero_pull,
    zero_push,
)

UNARY_CASES = tuple(Case((s,)) for s in [(), ("n",), ("n", "m"), (0,), (1, "n"), (2, "n", 1)])
BINARY_CASES = tuple(
    Case(pair)
    for pair in [
        ((), ()),
        (("n",), ("n",)),
        (("n", "m"), ("m",)),
        (("n", 1), ("m",)),
        ((), ("n", "m")),
        ((0,), ()),
        ((1,), ("n",)),
        ((2, 1, "n"), ("m", 1)),
    ]
)


def _times(xp: Names, g: Data, partial: Any, out: Data, inputs: tuple[Data, ...], params: Params) -> Data:
    """A cotangent or tangent through a partial: a number, or a function of the operands."""
    if callable(partial):
        return xp.scale(g, partial(xp, out, *inputs, **params))
    return g if partial == 1 else -g if partial == -1 else g * partial


def elementwise(
    name: str,
    evaluate: Callable[..., Any],
    *partials: Any,
    dtype: DTypeRule = inexact,
    text: str = "",
    latex: str = "",
    domain: tuple[str, ...] = (),
    cases: tuple[Case, ...] = (),
    reading: Reading | None = None,
    source: str = "",
) -> Primitive:
    """A function applied to each entry, operands broadcast; the partials are one an operand.

    A partial is a function of `(xp, out, *inputs, **params)`, a number, or None for zero.
    """

    def pull(xp: Names, g: Data, out: Data, inputs: tuple[Data, ...], params: Params, wanted: Any) -> Any:
        return tuple(
            unbroadcast(xp, _times(xp, g, p, out, inputs, params), x) if w and p is not None else None
            for x, w, p in zip(inputs, wanted, partials, strict=True)
        )

    def pull_one(xp: Names, g: Data, out: Data, inputs: tuple[Data, ...], params: Params, wanted: Any) -> Any:
        return (_times(xp, g, partials[0], out, inputs, params),)

    def push(xp: Names, tangents: tuple[Data, ...], out: Data, inputs: tuple[Data, ...], params: Params) -> Data:
        total = None
        for t, p in zip(tangents, partials, strict=True):
            if t is not None and p is not None:
                total = accumulate(total, spread(xp, _times(xp, t, p, out, inputs, params), out))
        return total

    zero = all(p is None for p in partials)
    arity = len(partials)
    return register(
        Primitive(
            name=name,
            family="elementwise",
            evaluate=evaluate,
            shape=broadcast_shape,
            dtype=dtype,
            push=zero_push if zero else push,
            pull=zero_pull if zero else pull_one if arity == 1 else pull,
            batch=batch_elementwise,
            constant=zero,
            needs_values=any(callable(p) for p in partials),
            partials=partials,
            reading=reading,
            text=text,
            latex=latex,
            domain=domain or ("real",) * arity,
            cases=cases or {1: UNARY_CASES, 2: BINARY_CASES}.get(arity, ()),
            source=source,
        )
    )


def constant(
    name: str,
    evaluate: Callable[..., Any],
    arity: int = 1,
    *,
    shape: ShapeRule = broadcast_shape,
    dtype: DTypeRule = boolean,
    batch: Batch = batch_elementwise,
    text: str = "",
    domain: tuple[str, ...] = (),
    cases: tuple[Case, ...] = (),
) -> Primitive:
    """An operation without a derivative: comparisons, rounding, indices of extrema."""
    return register(
        Primitive(
            name=name,
            family="constant",
            evaluate=evaluate,
            shape=shape,
            dtype=dtype,
            push=zero_push,
            pull=zero_pull,
            batch=batch,
            constant=True,
            needs_values=False,
            text=text,
            domain=domain or ("real",) * arity,
            cases=cases or {1: UNARY_CASES, 2: BINARY_CASES}.get(arity, ()),
        )
    )


def linear(
    name: str,
    evaluate: Callable[..., Any],
    transpose: Callable[..., Any],
    *,
    shape: ShapeRule,
    dtype: DTypeRule = first_dtype,
    batch: Batch = batch_tail,
    needs_values: bool = False,
    text: str = "",
    latex: str = "",
    domain: tuple[str, ...] = ("real",),
    cases: tuple[Case, ...] = (),
    reading: Reading | None = None,
    source: str = "",
) -> Primitive:
    """An operation linear in its first operand; further operands (indices) are constants.

    `transpose(xp, g, x, *rest, **params)` is the transposed map; of `x` it may read the shape only.
    `needs_values` where there are further operands, so that they are kept as they were.
    """

    def pull(xp: Names, g: Data, out: Data, inputs: tuple[Data, ...], params: Params, wanted: Any) -> Any:
        return (transpose(xp, g, *inputs, **params),) + (None,) * (len(inputs) - 1)

    def push(xp: Names, tangents: tuple[Data, ...], out: Data, inputs: tuple[Data, ...], params: Params) -> Data:
        return None if tangents[0] is None else getattr(xp, name)(tangents[0], *inputs[1:], **params)

    return register(
        Primitive(
            name=name,
            family="linear",
            evaluate=evaluate,
            shape=shape,
            dtype=dtype,
            push=push,
            pull=pull,
            batch=batch,
            needs_values=needs_values,
            text=text,
            latex=latex,
            domain=domain,
            cases=cases,
            reading=reading,
            source=source,
        )
    )


def general(
    name: str,
    evaluate: Callable[..., Any],
    *,
    push: Push,
    pull: Pull,
    shape: ShapeRule = same_shape,
    dtype: DTypeRule = inexact,
    batch: Batch = batch_loop,
    outputs: int = 1,
    needs_values: bool = True,
    text: str = "",
    latex: str = "",
    domain: tuple[str, ...] = ("real",),
    cases: tuple[Case, ...] = (),
    reading: Reading | None = None,
    family: str = "general",
    source: str = "",
) -> Primitive:
    """An operation with rules of its own."""
    return register(
        Primitive(
            name=name,
            family=family,
            evaluate=evaluate,
            shape=shape,
            dtype=dtype,
            push=push,
            pull=pull,
            batch=batch,
            outputs=outputs,
            needs_values=needs_values,
            text=text,
            latex=latex,
            domain=domain,
            cases=cases,
            reading=reading,
            source=source,
        )
    )


__all__ = ["constant", "elementwise", "general", "linear", "promoted"]
