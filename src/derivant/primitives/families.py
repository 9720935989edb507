"""Families: constructors that fill whole columns of a row from the little that differs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from derivant.primitives.primitive import (
    Batch,
    Case,
    Data,
    DTypeRule,
    Names,
    Params,
    Prepare,
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


Through: TypeAlias = Callable[[Names, Data, Data, tuple[Data, ...], Params], Data]


def _through(partial: Any) -> Through:
    """How a cotangent or tangent passes a partial: a number, or a function of the operands."""
    if callable(partial):
        return lambda xp, g, out, inputs, params: xp.scale(g, partial(xp, out, *inputs, **params))
    if partial == 1:
        return _unchanged
    if partial == -1:
        return lambda xp, g, out, inputs, params: -g
    return lambda xp, g, out, inputs, params: g * partial


def _unchanged(xp: Names, g: Data, out: Data, inputs: tuple[Data, ...], params: Params) -> Data:
    return g


def _pull_one(partial: Any) -> Pull:
    """Of one operand. This and `_pull_two` are written out: most of a network's nodes come here."""
    if not callable(partial):
        through = _through(partial)
        return lambda xp, g, out, inputs, params, wanted: (through(xp, g, out, inputs, params),)

    def pull(
        xp: Names, g: Data, out: Data, inputs: tuple[Data, ...], params: Params, wanted: Any
    ) -> tuple[Data]:
        if params:
            return (xp.scale(g, partial(xp, out, *inputs, **params)),)
        return (xp.scale(g, partial(xp, out, inputs[0])),)

    return pull


def _pull_two(left: Any, right: Any) -> Pull:
    """Of two operands, where both slopes depend on the operands."""
    if not (callable(left) and callable(right)):
        return _pull_sum(*(None if p is None else _through(p) for p in (left, right)))

    def pull(
        xp: Names, g: Data, out: Data, inputs: tuple[Data, ...], params: Params, wanted: Any
    ) -> tuple[Data, Data]:
        x, y = inputs
        gx = gy = None
        if wanted[0]:
            gx = xp.scale(g, left(xp, out, x, y, **params) if params else left(xp, out, x, y))
            if gx.shape != x.shape:
                gx = unbroadcast(xp, gx, x)
        if wanted[1]:
            gy = xp.scale(g, right(xp, out, x, y, **params) if params else right(xp, out, x, y))
            if gy.shape != y.shape:
                gy = unbroadcast(xp, gy, y)
        return gx, gy

    return pull


def _pull_sum(left: Through | None, right: Through | None) -> Pull:
    """Of two operands, where a slope is a number or zero: sums and their like."""

    def pull(
        xp: Names, g: Data, out: Data, inputs: tuple[Data, ...], params: Params, wanted: Any
    ) -> tuple[Data, Data]:
        x, y = inputs
        gx = gy = None
        if wanted[0] and left is not None:
            gx = g if left is _unchanged else left(xp, g, out, inputs, params)
            if gx.shape != x.shape:
                gx = unbroadcast(xp, gx, x)
        if wanted[1] and right is not None:
            gy = g if right is _unchanged else right(xp, g, out, inputs, params)
            if gy.shape != y.shape:
                gy = unbroadcast(xp, gy, y)
        return gx, gy

    return pull


def _pull_many(throughs: tuple[Through | None, ...]) -> Pull:
    return lambda xp, g, out, inputs, params, wanted: tuple(
        unbroadcast(xp, t(xp, g, out, inputs, params), x) if w and t is not None else None
        for x, w, t in zip(inputs, wanted, throughs, strict=True)
    )


def _push_each(throughs: tuple[Through | None, ...]) -> Push:
    def push(
        xp: Names, tangents: tuple[Data, ...], out: Data, inputs: tuple[Data, ...], params: Params
    ) -> Data:
        total = None
        for t, through in zip(tangents, throughs, strict=True):
            if t is not None and through is not None:
                total = accumulate(total, spread(xp, through(xp, t, out, inputs, params), out))
        return total

    return push


def elementwise_rules(partials: tuple[Any, ...]) -> tuple[Push, Pull]:
    """The rules of an elementwise function from its partials."""
    throughs = tuple(None if p is None else _through(p) for p in partials)
    if not any(throughs):
        return zero_push, zero_pull
    if len(throughs) == 1:
        return _push_each(throughs), _pull_one(partials[0])
    pull = _pull_two(*partials) if len(partials) == 2 else _pull_many(throughs)
    return _push_each(throughs), pull


def elementwise(
    name: str,
    evaluate: Callable[..., Any],
    *partials: Any,
    dtype: DTypeRule = inexact,
    prepare: Prepare | None = None,
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
    push, pull = elementwise_rules(partials)
    arity = len(partials)
    return register(
        Primitive(
            name=name,
            family="elementwise",
            evaluate=evaluate,
            shape=broadcast_shape,
            dtype=dtype,
            push=push,
            pull=pull,
            batch=batch_elementwise,
            constant=all(p is None for p in partials),
            prepare=prepare,
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


def _linear_rules(name: str, transpose: Callable[..., Any]) -> tuple[Push, Pull]:
    """The map itself for tangents, its transpose for cotangents."""

    def pull(
        xp: Names, g: Data, out: Data, inputs: tuple[Data, ...], params: Params, wanted: Any
    ) -> Any:
        return (transpose(xp, g, *inputs, **params),) + (None,) * (len(inputs) - 1)

    def push(
        xp: Names, tangents: tuple[Data, ...], out: Data, inputs: tuple[Data, ...], params: Params
    ) -> Data:
        return (
            None if tangents[0] is None else getattr(xp, name)(tangents[0], *inputs[1:], **params)
        )

    return push, pull


def linear(
    name: str,
    evaluate: Callable[..., Any],
    transpose: Callable[..., Any],
    *,
    shape: ShapeRule,
    dtype: DTypeRule = first_dtype,
    batch: Batch = batch_tail,
    needs_values: bool = False,
    weak: tuple[bool, ...] = (),
    prepare: Prepare | None = None,
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
    push, pull = _linear_rules(name, transpose)
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
            weak=weak,
            prepare=prepare,
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
    prepare: Prepare | None = None,
    text: str = "",
    latex: str = "",
    domain: tuple[str, ...] = ("real",),
    cases: tuple[Case, ...] = (),
    reading: Reading | None = None,
    family: str = "general",
    source: str = "",
) -> Primitive:
    """An operation with rules of its own."""
    first = (name, family, evaluate, shape, dtype, push, pull, batch, outputs)
    return register(
        Primitive(
            *first,
            needs_values=needs_values,
            prepare=prepare,
            text=text,
            latex=latex,
            domain=domain,
            cases=cases,
            reading=reading,
            source=source,
        )
    )


__all__ = ["constant", "elementwise", "general", "linear", "promoted"]
