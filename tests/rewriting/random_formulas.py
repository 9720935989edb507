"""Random formulas as people write them: matrices, vectors and numbers, inverses, norms, softmax.

Made from a seed alone. All functions are taken inside their domains and tamed where they grow, so
that a difference of two derivatives is a mistake and no rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np

import derivant as dv
from derivant.base.dims import Dim
from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr, as_expr, symbol
from derivant.derivation.draws import drawn

Pool = list[Expr]
N, M = Dim.named("n"), Dim.named("m")
FREE: dict[str, tuple[Any, ...]] = {
    "s": (),
    "t": (),
    "x": (N,),
    "y": (N,),
    "z": (M,),
    "A": (N, N),
    "B": (N, M),
    "C": (M, N),
    "D": (M, M),
    "R": (1, M),
    "Q": (N, 1),
    "T": (N, M, N),
}
KNOWN = {"K": "symmetric", "S": "spd", "V": "invertible", "L": "lower", "G": "diagonal"}
VARIABLES = {name: symbol(name, shape) for name, shape in FREE.items()}
VARIABLES |= {name: symbol(name, (N, N), facts=(fact,)) for name, fact in KNOWN.items()}
VARIABLES["p"] = symbol("p", (N,), facts=("positive",))
NUMBERS = (1.0, -1.0, 2.0, 0.5, -3.0, 0.1, 1 / 3)
WIDEST = 4  # axes of a formula on the way


def values(n: int, m: int, seed: int) -> dict[str, Any]:
    """A value for each variable, with the facts declared of it."""
    rng = np.random.default_rng(seed)
    sizes = {"n": n, "m": m}
    return {
        name: drawn(v, tuple(sizes.get(str(s), 1) for s in v.shape), rng)
        for name, v in VARIABLES.items()
    }


def eye(e: Expr) -> Any:
    """The identity beside a square matrix."""
    return dv.diag(dv.diag(e) * 0.0 + 1.0)


def tame(e: Expr) -> Any:
    """A square matrix with a strong diagonal, so that it is far from singular."""
    size = dv.sum(dv.diag(e) * 0.0 + 1.0)
    return 2.0 * size * eye(e) + dv.tanh(e)


ENTRYWISE: tuple[Callable[[Any], Any], ...] = (
    dv.tanh,
    dv.sin,
    dv.cos,
    dv.atan,
    dv.abs,
    dv.relu,
    dv.sigmoid,
    dv.softplus,
    dv.gelu,
    dv.erf,
    dv.square,
    lambda e: dv.exp(dv.tanh(e)),
    lambda e: dv.log(1.5 + dv.sin(e)),
    lambda e: dv.sqrt(1.0 + e * e),
    lambda e: 1.0 / (2.0 + e * e),
    lambda e: (1.5 + dv.sin(e)) ** -1.5,
    lambda e: (1.5 + dv.cos(e)) ** dv.tanh(e),
    lambda e: dv.tanh(e) ** 3,
    lambda e: -e,
)
WHOLE: tuple[Callable[[Any], Any], ...] = (
    dv.sum,
    dv.mean,
    lambda e: dv.linalg.norm(1.5 + dv.sin(e)),
    lambda e: dv.linalg.norm(e) ** 2,
    lambda e: dv.logsumexp(e),
    lambda e: dv.sum(e * e),
    lambda e: dv.sum(dv.abs(e)),
    lambda e: dv.prod(1.2 + dv.tanh(e) / 2),
)
SQUARE: tuple[Callable[[Any], Any], ...] = (
    dv.trace,
    dv.diag,
    dv.tril,
    lambda e: e + e.T,
    lambda e: eye(e) + e,
    lambda e: dv.linalg.inv(tame(e)),
    lambda e: dv.linalg.det(tame(e) / dv.sum(dv.diag(e) * 0.0 + 2.0)),
    lambda e: dv.linalg.logdet(tame(e)),
    lambda e: dv.linalg.inv(tame(e) @ tame(e).T),
    lambda e: dv.tanh(e) @ dv.tanh(e),
    lambda e: dv.linalg.expm(dv.tanh(e) / 2),
)


def unary(e: Any, random: Random) -> list[Any]:
    """What may be made of one formula."""
    rank = len(e.shape)
    made = [random.choice(ENTRYWISE)(e), random.choice(NUMBERS) * e]
    if rank:
        axis = random.randrange(rank)
        made.append(random.choice(WHOLE)(e))
        made += [
            dv.softmax(e, axis),
            dv.sum(e, axis, keepdims=random.random() < 0.5),
            dv.logsumexp(e, axis),
            dv.linalg.norm(1.5 + dv.sin(e), axis=axis),
            dv.mean(e, axis),
            e[(slice(None),) * axis + (random.choice((0, -1)),)],
            dv.expand_dims(e, axis),
            dv.cumsum(e, axis),
        ]
    if rank == 2:
        made += [e.T, e.T @ e, e @ e.T]
        if e.shape[0] == e.shape[1]:
            made += [random.choice(SQUARE)(e), random.choice(SQUARE)(e)]
    if rank == 1:
        made += [dv.diag(e), dv.outer(e, e), e @ e, dv.softmax(e, 0)]
    return made


def fits(one: Any, two: Any) -> bool:
    """Whether two shapes broadcast."""
    return all(a == b or 1 in (a, b) for a, b in zip(one[::-1], two[::-1], strict=False))


def binary(a: Any, b: Any) -> list[Any]:
    """What may be made of two formulas."""
    made = []
    if fits(a.shape, b.shape):
        made += [a + b, a - b, a * b, a / (2.0 + b * b), dv.where(b > 0.1, a, b)]
    if a.shape and b.shape and len(a.shape) < 3 and len(b.shape) < 3:
        inner = b.shape[0]
        if a.shape[-1] == inner:
            made.append(a @ b)
        if len(a.shape) == 2 and a.shape[0] == a.shape[1] == inner:
            made.append(dv.linalg.solve(tame(a), b))
        if len(a.shape) == len(b.shape) == 1:
            made.append(dv.outer(a, b))
    if len(a.shape) == len(b.shape) == 2:
        made.append(dv.kron(a, b))
    return made


def formula(seed: int, most: int = 7) -> tuple[Any, Expr]:
    """A formula and one of its variables without facts to differentiate by."""
    random = Random(seed)
    pool: list[Any] = [*VARIABLES.values(), as_expr(random.choice(NUMBERS))]
    e = random.choice(pool)
    for _ in range(random.randint(1, most)):
        other = random.choice(pool)
        options = unary(e, random) + binary(e, other) + binary(other, e)
        e = random.choice([o for o in options if len(o.shape) <= WIDEST])
        pool.append(e)
    while len(e.shape) > 2 or (len(e.shape) == 2 and random.random() < 0.5):
        e = dv.sum(e, random.randrange(len(e.shape)))
    found = [n for n in ancestors([e]) if n.params.get("name") in (*FREE, "p")]
    return e, random.choice(found) if found else VARIABLES["x"]
