"""One name for equal terms, whatever order their factors and letters come in."""

from __future__ import annotations

import random

import pytest

from derivant.base.dims import Dim
from derivant.carriers.expr import symbol
from derivant.rewriting.canonical import Namer
from derivant.rewriting.indexed import ONE, Atom, Term
from derivant.rewriting.labels import Labels

N = Dim.named("n")
A, B = (symbol(name, (N, N)) for name in ("left", "right"))
X = symbol("end", (N,))


def network(joins: list[tuple[int, int]], order: random.Random) -> Term:
    """Matrices between letters, some of them B, a vector at each end; shuffled."""
    letters = list(range(1 + max(map(max, joins))))
    chosen = order.sample(range(100, 100 + 2 * len(letters)), len(letters))
    names = dict(zip(letters, chosen, strict=True))
    atoms = [Atom(B if k % 7 == 3 else A, (names[i], names[j])) for k, (i, j) in enumerate(joins)]
    atoms += [Atom(X, (names[letters[0]],)), Atom(X, (names[letters[-1]],))]
    order.shuffle(atoms)
    bound = [(names[c], N) for c in letters]
    order.shuffle(bound)
    return Term(ONE, tuple(atoms), tuple(bound))


CHAINS = {
    "a chain of 5": [(k, k + 1) for k in range(5)],
    "a chain of 60": [(k, k + 1) for k in range(60)],
    "a ring of 40": [(k, (k + 1) % 40) for k in range(40)],
    "a tree of 63": [((k - 1) // 2, k) for k in range(1, 63)],
    "a ladder of 40": [(k, k + 1) for k in range(39)] + [(k, k + 2) for k in range(0, 38, 2)],
    "chains side by side": [(k, k + 1) for k in range(80) if k % 10 != 9],
}


@pytest.mark.parametrize("name", CHAINS)
def test_equal_networks_have_equal_codes(name: str) -> None:
    codes = set()
    for seed in range(6):
        namer = Namer(Labels(), set())
        named, code = namer.term(network(CHAINS[name], random.Random(seed)), 0)
        codes.add(code)
        assert namer.term(named, 0) == (named, code)
    assert len(codes) == 1


def test_networks_that_differ_in_one_join_have_codes_that_differ() -> None:
    joins = CHAINS["a chain of 60"]
    other = [*joins[:30], (31, 30), *joins[31:]]  # one matrix transposed
    codes = {
        Namer(Labels(), set()).term(network(j, random.Random(0)), 0)[1] for j in (joins, other)
    }
    assert len(codes) == 2
