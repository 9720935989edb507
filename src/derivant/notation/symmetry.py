"""Whether an expression is seen to be a symmetric matrix, in time that grows with its size.

A signature of a node tells its structure with transposes pushed down to the leaves; a matrix whose
signature is that of its transpose is symmetric. What is not recognised counts as different from
its transpose, so that a yes is always right.
"""

from __future__ import annotations

from typing import TypeAlias

from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr

Signature: TypeAlias = tuple[object, ...]
Terms: TypeAlias = tuple[tuple[int, int], ...]  # numbers with their signs
SYMMETRIC_FACTS = frozenset(
    ("symmetric", "spd", "psd", "symmetric-invertible", "diagonal", "distance")
)
# Rows that commute with transposes: by entries, or functions of a matrix.
KEEPS = frozenset(
    ("positive", "power", "over_size", "inv", "expm", "cofactor", "matrix_function")
    + ("exp", "log", "sqrt", "sin", "cos", "sinh", "cosh", "tan", "tanh", "asin", "acos", "atan")
    + ("abs", "sign", "erf", "sigmoid", "relu", "softplus", "step", "square", "reciprocal")
)
SIGNS = {"add": (1, 1), "subtract": (1, -1), "negative": (-1,)}
PAIRED = ("add", "subtract", "multiply", "divide", "maximum", "minimum", "pow")
COMMUTES = ("multiply", "maximum", "minimum")
LONGEST = 128  # factors of a product, terms of a sum


def seems_symmetric(x: Expr) -> bool:
    """Whether a matrix is symmetric by its structure and the facts on its variables.

    >>> from derivant.carriers.trace import symbols
    >>> A, B = symbols("A: n n, B: n n")
    >>> seems_symmetric(A + A.mT), seems_symmetric(A.mT @ A), seems_symmetric(A @ B)
    (True, True, False)
    """
    signatures = _Signatures()
    for node in ancestors([x]):
        signatures.enter(node)
    return signatures.of(x, False) == signatures.of(x, True)


class _Signatures:
    """Numbers of the signatures of nodes and of their transposes."""

    def __init__(self) -> None:
        self._numbers: dict[Signature, int] = {}
        self._known: dict[tuple[int, bool], int] = {}
        self._factors: dict[int, tuple[int, ...]] = {}  # of the products among the numbers
        self._terms: dict[int, Terms] = {}  # of the sums

    def of(self, x: Expr, flipped: bool) -> int:
        """The number of a node or of its transpose; what is no matrix is its own."""
        return self._known[id(x), flipped and len(x.shape) == 2]

    def enter(self, x: Expr) -> None:
        """The numbers of a node whose inputs have theirs."""
        for flipped in (False, True)[: 1 + (len(x.shape) == 2)]:
            self._known[id(x), flipped] = self._entered(x, flipped)

    def _entered(self, x: Expr, flipped: bool) -> int:
        name, inputs = x.primitive.name, x.inputs
        if len(x.shape) != 2:
            return self._number("itself", id(x))
        if name == "matrix_transpose":
            return self.of(inputs[0], not flipped)
        if name == "matmul" and all(len(y.shape) == 2 for y in inputs):
            return self._product(x, flipped)
        if name in SIGNS and all(y.shape == x.shape for y in inputs):
            return self._sum(x, flipped)
        if name == "einsum" and x.params["spec"] == "i,j->ij":
            numbers = [self.of(y, False) for y in inputs]
            return self._number("outer", *(reversed(numbers) if flipped else numbers))
        if name in KEEPS and len(inputs) == 1:
            params = repr(sorted(x.params.items()))
            return self._number(name, params, self.of(inputs[0], flipped))
        if name in PAIRED and all(y.shape in ((), x.shape) for y in inputs):
            numbers = [self.of(y, flipped) for y in inputs]
            return self._number(name, *(sorted(numbers) if name in COMMUTES else numbers))
        return self._number("itself", id(x), flipped and not _plain(x))

    def _number(self, *signature: object) -> int:
        return self._numbers.setdefault(signature, len(self._numbers))

    def _product(self, x: Expr, flipped: bool) -> int:
        numbers = [self.of(y, flipped) for y in x.inputs]
        factors: tuple[int, ...] = ()
        for number in reversed(numbers) if flipped else numbers:
            factors += self._factors.get(number, (number,))
        if len(factors) > LONGEST:
            return self._number("itself", id(x), flipped)
        number = self._number("matmul", *factors)
        self._factors[number] = factors
        return number

    def _sum(self, x: Expr, flipped: bool) -> int:
        terms: Terms = ()
        for y, sign in zip(x.inputs, SIGNS[x.primitive.name], strict=True):
            number = self.of(y, flipped)
            terms += tuple((n, s * sign) for n, s in self._terms.get(number, ((number, 1),)))
        if len(terms) > LONGEST:
            return self._number("itself", id(x), flipped)
        number = self._number("add", *sorted(terms))
        self._terms[number] = terms
        return number


def _plain(x: Expr) -> bool:
    """A leaf that is symmetric by itself."""
    if x.primitive.name == "variable":
        return not SYMMETRIC_FACTS.isdisjoint(x.params["facts"])
    if x.primitive.name == "broadcast_to":
        return x.inputs[0].shape == () and bool(x.shape[0] == x.shape[1])
    return x.primitive.name == "diag_embed" and bool(x.params["offset"] == 0)
