"""200,000 texts: each is read or refused by one of our own errors, and none takes long."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import pytest

from derivant.base.errors import DerivantError
from derivant.notation import read_formula

LIMIT = 0.1  # seconds for a text of up to LONGEST characters
LONGEST = 10_000
CHUNK = 2_500
NAMES = "x y z w A B X W c t n m theta θ Σ lambda W1 x₂ I pi T".split()
NUMBERS = "0 1 2 3 0.5 .5 1e-3 2. 1e300 12".split()
MAPS = "exp log tanh sum norm2 tr det inv relu softmax diag vec mean max logdet expm".split()
PAIRS = "dot outer kron max minimum hcat gt matmul solve".split()
CLOSED = "eye(n) ones(m) ones(m, n) zeros(n) K(m, n)".split(", ")
FIXED = (
    "sum({0}, 0)",
    "mean({0}, axis=1)",
    "matpow({0}, -2)",
    "lam({0} + {0}', 0)",
    "eigv({0}.T @ {0})",
    "unvec({0}, m, n)",
    "einsum('ij,j->i', {0}, {1})",
    "||{0} - {1}||^2",
    "lambda_max({0}'*{0})",
    "np.linalg.norm({0})",
)
OPERATORS = {
    "matrix": ["+", "-", "*", ".*", "./", "/", "∘", "·"],
    "numpy": ["+", "-", "@", "*", "/"],
}
BEHIND = {"matrix": ["'", "^2", "^-1", "^T", ".^2", "²", "⁻¹", "ᵀ"], "numpy": [".T", "**2"]}
PIECES = (
    "x A X θ ( ) ' * .* ./ .^ ^ @ .T ** + - / 2 .5 1e9 sum( exp( norm2( det( inv( , axis=1 = ; I "
    "eye(n) ones(m) K(m,n) kron( vec( einsum('ij,j->i', pi n diag( lambda_max( max( ^-1 ^T ^{ } "
    "|| ‖ ² ⁻¹ ᵀ ∘ ⊙ · lam( eigv( eigvecs( hcat( unvec( pinv( sqrtm( gt( np. np.linalg. jnp. e "
    "\0 é [ \\ 0 1e308 .. __class__ lambda softmax( tr( \n \t \" ' # ; : ! % ~ ` $ ? < > | & _ 9 "
    "9999999999 ones(1e9) matpow(A,64) n*n*n power( transpose("
).split(" ")
SHAPES = (None, None, None, "A: n n, x: n", "X: m n, x: n, A: n n", {"c": "", "x": "3"})
FACTS = (None, None, {"A": "symmetric"}, {"A": "spd", "x": "positive"})


def formula(random: Random, depth: int, notation: str) -> str:
    """A text that the grammar allows; its shapes may fit or not."""
    draw = random.random()
    if depth == 0 or draw < 0.15:
        return random.choice(NUMBERS if random.random() < 0.15 else NAMES)
    inner = formula(random, depth - 1, notation)
    if draw < 0.55:
        other = formula(random, depth - 1, notation)
        return f"{inner} {random.choice(OPERATORS[notation])} {other}"
    if draw < 0.68:
        return f"({inner}){random.choice(BEHIND[notation])}"
    if draw < 0.73:
        return "-" + inner
    if draw < 0.88:
        return f"{random.choice(MAPS)}({inner})"
    other = formula(random, depth - 1, notation)
    if draw < 0.94:
        return f"{random.choice(PAIRS)}({inner}, {other})"
    return random.choice(FIXED).format(inner, other) if draw < 0.99 else random.choice(CLOSED)


def valid(random: Random) -> str:
    """A formula, or a program of several lines."""
    notation = random.choice(("matrix", "numpy"))
    lines = [formula(random, random.randrange(1, 5), notation) for _ in range(random.randrange(3))]
    named = [f"v{i} = {line}" for i, line in enumerate(lines)]
    return "; ".join([*named, formula(random, random.randrange(1, 6), notation)])


def mutated(random: Random) -> str:
    """A formula in which pieces are left out, doubled, exchanged or put in."""
    text = valid(random)
    for _ in range(random.randrange(1, 5)):
        i, j = sorted(random.choices(range(len(text) + 1), k=2))
        j = min(j, i + 6)
        piece = random.choice((random.choice(PIECES), text[i:j], text[i:j] * 2, "", text[j:i:-1]))
        text = text[:i] + piece + text[j:]
    return text


def tokens(random: Random) -> str:
    return random.choice(("", " ")).join(random.choices(PIECES, k=random.randrange(1, 30)))


def characters(random: Random) -> str:
    """Code points of any plane, lone surrogates among them, and plain letters between."""
    top = random.choice((0x80, 0x250, 0x3000, 0x110000))
    odd = [chr(random.randrange(top)) for _ in range(random.randrange(1, 12))]
    return "".join(
        random.choices([*odd, "x", "A", "2", "'", "*", "(", ")"], k=random.randrange(40))
    )


def repeated(random: Random) -> str:
    """A few pieces over and over, up to the longest text that is read."""
    unit = "".join(random.choices(PIECES, k=random.randrange(1, 5))) or "x"
    if random.random() < 0.5:
        operator = random.choice((*OPERATORS["matrix"], *OPERATORS["numpy"]))
        unit = f"{formula(random, random.randrange(3), 'numpy')} {operator} "
    count = min(random.choice((3, 10, 30, 100, 300, 10_000)), LONGEST // len(unit) - 2)
    middle = random.choice((*NAMES, random.choice(PIECES)))
    closing = random.choice(("", ")" * unit.count("(") * count, "'", "'" * count))
    return (unit * count + middle + closing)[:LONGEST]


MAKERS: dict[Callable[[Random], str], int] = {
    valid: 50_000,
    mutated: 60_000,
    tokens: 50_000,
    characters: 35_000,
    repeated: 5_000,
}
CHUNKS = [(maker, seed) for maker, count in MAKERS.items() for seed in range(count // CHUNK)]


def seconds(text: str, shapes: Any, facts: Any, notation: str) -> float:
    """The processor's time for one text; an error that is not ours comes out."""
    start = time.process_time()
    with suppress(DerivantError):
        read_formula(text, shapes, facts, notation)
    return time.process_time() - start


def slowness(text: str, shapes: Any, facts: Any, notation: str) -> float:
    """The time of a text; what looks slow is measured again, without the collector's pauses."""
    took = seconds(text, shapes, facts, notation)
    if took < LIMIT:
        return took
    gc.collect()
    return min(seconds(text, shapes, facts, notation) for _ in range(3))


def test_there_are_as_many_texts_as_promised() -> None:
    assert sum(MAKERS.values()) == len(CHUNKS) * CHUNK == 200_000


@pytest.mark.parametrize(("maker", "seed"), CHUNKS, ids=lambda v: getattr(v, "__name__", str(v)))
def test_each_text_is_read_or_refused_in_no_time(maker: Callable[[Random], str], seed: int) -> None:
    random = Random(f"{maker.__name__} {seed}")
    for _ in range(CHUNK):
        text = maker(random)
        notation = random.choice(("auto", "auto", "auto", "matrix", "numpy"))
        asked = (text, random.choice(SHAPES), random.choice(FACTS), notation)
        try:
            took = slowness(*asked)
        except Exception as error:
            raise AssertionError(
                f"read_formula{asked!r}: {type(error).__name__}: {error}"
            ) from error
        assert took < LIMIT, f"read_formula{asked!r} took {took:.3f} s"
