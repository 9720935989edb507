"""Random expressions of the contraction rows, of sums and of functions between them."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from derivant.base.dims import Dim
from derivant.carriers.expr import Expr, as_expr, symbol
from derivant.primitives import RECORD

N, M = Dim.named("n"), Dim.named("m")
SHAPES: dict[str, tuple[Any, ...]] = {
    "s": (),
    "x": (N,),
    "y": (N,),
    "z": (M,),
    "A": (N, N),
    "B": (N, M),
    "C": (M, N),
    "R": (1, M),
    "Q": (N, 1),
    "T": (N, M, N),
}
VARIABLES = {name: symbol(name, shape) for name, shape in SHAPES.items()}
NUMBERS = (1.0, -1.0, 2.0, 0.5, -3.0, 0.1)


def values(n: int, m: int, seed: int) -> dict[str, np.ndarray]:
    """A value for each variable."""
    rng = np.random.default_rng(seed)
    sizes = {"n": n, "m": m}
    return {
        name: rng.uniform(-1, 1, [sizes.get(str(s), 1) for s in shape])
        for name, shape in SHAPES.items()
    }


def unary(e: Expr) -> list[Expr]:
    """What a row makes of one expression, numbers and rearrangements included."""
    rank = len(e.shape)
    made = [-e, RECORD.square(e), RECORD.tanh(e), RECORD.power(e, exponent=3)]
    made.append(RECORD.over_size(e, size=4))
    made.append(1.0 / (2.0 + RECORD.square(e)))
    made += [RECORD.sum(e, axis=(k,), keepdims=k % 2 == 0) for k in range(-rank, 0)]
    if rank:
        made.append(RECORD.expand_dims(e, axis=(-1,)) if rank < 3 else e)
    if rank >= 2:
        made.append(RECORD.matrix_transpose(e))
        made.append(RECORD.permute_dims(e, axes=tuple(range(-1, -rank - 1, -1))))
        if e.shape[-1] == e.shape[-2]:
            made += [RECORD.trace(e, offset=0), RECORD.diagonal(e, offset=0)]
    if rank in (1, 2):
        made.append(RECORD.diag_embed(e, offset=0))
    return made


def fits(one: Any, two: Any) -> bool:
    """Whether two shapes broadcast."""
    return all(a == b or 1 in (a, b) for a, b in zip(one[::-1], two[::-1], strict=False))


def binary(a: Expr, b: Expr) -> list[Expr]:
    """What rows make of two expressions."""
    made = []
    if fits(a.shape, b.shape):
        made += [a + b, a - b, a * b, RECORD.scale(a, b), a / (2.0 + RECORD.square(b))]
    if a.shape and b.shape:
        inner = b.shape[-2] if len(b.shape) > 1 else b.shape[0]
        if a.shape[-1] == inner and fits(a.shape[:-2], b.shape[:-2]):
            made.append(RECORD.matmul(a, b))
        if len(a.shape) == len(b.shape) == 1:
            made.append(RECORD.einsum(a, b, spec="i,j->ij"))
    if a.shape == b.shape and len(a.shape) == 2:
        made.append(RECORD.einsum(a, b, spec="ij,ij->j"))
    return made


@st.composite
def expressions(draw: st.DrawFn, most: int = 8, without: str = "") -> Expr:
    """An expression of at most `most` rows on the variables, shared nodes among them."""
    number = as_expr(draw(st.sampled_from(NUMBERS)))
    constants = [number, *(RECORD.broadcast_to(number, shape=s) for s in ((N,), (N, M)))]
    variables = [v for name, v in VARIABLES.items() if name not in without]
    pool = [*variables, *constants, RECORD.identity_like(VARIABLES["A"])]
    e = draw(st.sampled_from(pool))
    for _ in range(draw(st.integers(1, most))):
        other = draw(st.sampled_from(pool))
        options = unary(e) + binary(e, other) + binary(other, e)
        e = draw(st.sampled_from([o for o in options if len(o.shape) <= 4]))
        pool.append(e)
    return e
