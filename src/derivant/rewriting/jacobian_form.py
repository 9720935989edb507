"""An expression that is linear in a symbol, read as a sum of terms: the structure of a Jacobian.

A pulled back cotangent is such an expression. Each node between the symbol and the result is read
by its row: contractions give letters, what moves entries gives selections, a convolution gives a
band, and any other row that is linear gives a map known by its two products. No law of algebra is
used: the factors are the nodes that the rules of the rows made, with the values these have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np

from derivant.base.dims import Size
from derivant.base.errors import DerivantError
from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr, as_expr
from derivant.primitives import RECORD, TABLE
from derivant.rewriting.linear_form import (
    Factor,
    Kind,
    Letters,
    LinearForm,
    LinearTerm,
    MapOf,
    counted,
    like_added,
    unified,
)
from derivant.rewriting.readings import Reading, reading_of
from derivant.rewriting.regions import SIGNS
from derivant.rewriting.selections import moved

MOST_TERMS = 32
MOST_FACTORS = 64
JOINED = ("where", "concat", "stack", "setitem")  # linear in several operands together
SAME = ("bind", "positive", "astype")
MAPS = {"solve": (1,), "solve_triangular": (1,), "convolution": (0, 1), "cross": (0, 1)}
ALONG = ("cumsum",)  # of one axis; the transposed map too takes axes before it
STRIPPED = ("matrix_transpose", "permute_dims", "expand_dims", "squeeze", "broadcast_to", "bind")


class UnstructuredError(DerivantError):
    """No structure was found; the map is known by its products alone."""


def linear_form(value: Expr, seed: Expr) -> LinearForm:
    """The terms of `value`, which is linear in `seed`: rows are axes of the seed, cols of value.

    Raises UnstructuredError where a node between is not understood or there are too many terms.

    >>> from derivant.carriers.trace import symbols
    >>> G, W = symbols("G: 2 3, W: 4 3")
    >>> (term,) = linear_form(G @ W.T, G).terms
    >>> term.rows, term.cols, term.factors[0].index
    ((0, 1), (0, 2), (2, 1))
    """
    reader = _Reader(seed)
    terms = reader.read(value)
    return LinearForm(
        tuple(seed.shape), tuple(value.shape), terms, reader.sizes, tuple(reader.slots.values())
    )


class _Reader:
    """The terms of each node that depends on the seed, operands before results."""

    def __init__(self, seed: Expr) -> None:
        self.seed = seed
        self.sizes: dict[int, Size] = {}
        self.slots: dict[int, Expr] = {}
        self._numbers: dict[int, int] = {}
        self._known: dict[int, tuple[LinearTerm, ...]] = {}

    def read(self, value: Expr) -> tuple[LinearTerm, ...]:
        """The terms of the root."""
        rows = tuple(self.fresh(s) for s in self.seed.shape)
        known = self._known
        known[id(self.seed)] = (LinearTerm(1.0, rows, rows),)
        for node in ancestors([value]):
            places = [i for i, x in enumerate(node.inputs) if id(x) in known]
            if not places or node is self.seed:
                continue
            if node.levels or node.primitive.outputs > 1:
                raise UnstructuredError(f"{node.primitive.name} has hidden axes or several results")
            found = [t for i in places for t in self._through(node, i, known[id(node.inputs[i])])]
            known[id(node)] = like_added(found)
            if len(known[id(node)]) > MOST_TERMS:
                raise UnstructuredError(f"more than {MOST_TERMS} terms")
        return known.get(id(value), ())

    def fresh(self, size: Size) -> int:
        """A new letter."""
        self.sizes[len(self.sizes)] = size
        return len(self.sizes) - 1

    def slot(self, payload: Expr) -> int:
        """The number of an expression among the factors."""
        number = self._numbers.setdefault(id(payload), len(self._numbers))
        self.slots[number] = payload
        return number

    def _through(self, node: Expr, place: int, terms: Sequence[LinearTerm]) -> list[LinearTerm]:
        """The terms of a node that come from one of its operands."""
        if TABLE.get(node.primitive.name) is not node.primitive:
            raise UnstructuredError(f"{node.primitive.name} is a row of a user")
        if not all(self._vanishes(node, i, place) for i in range(len(node.inputs))):
            raise UnstructuredError(f"{node.primitive.name} is not linear there")
        found = []
        for term in terms:
            term = self._one(node, place, term)
            if len(term.factors) > MOST_FACTORS:
                raise UnstructuredError(f"more than {MOST_FACTORS} factors")
            found.append(term)
        return found

    def _vanishes(self, node: Expr, other: int, place: int) -> bool:
        """Whether the row is linear in one operand whatever stands in the other."""
        name, x = node.primitive.name, node.inputs[other]
        if other == place or name in SIGNS:
            return True
        if name in JOINED:
            return (name == "where" and other == 0) or id(x) in self._known or _is_zero(x)
        return id(x) not in self._known

    def _one(self, node: Expr, place: int, term: LinearTerm) -> LinearTerm:
        """One term through one node."""
        name, operand = node.primitive.name, node.inputs[place]
        if name in SIGNS:
            signed = replace(term, number=term.number * SIGNS[name][place])
            return self._read(node, _spread(operand, node), 0, signed)
        if name in SAME:
            return term
        if name in ("divide", "quotient") and place == 0:
            product = RECORD.multiply(operand, RECORD.divide(1.0, node.inputs[1]))
            return self._one(product, 0, term) if product.shape == node.shape else _no(name)
        if name == "over_size":
            return replace(term, number=term.number / _float(node.params["size"], name))
        if name in ("where", "tril", "triu", "triangle", "setitem"):
            masked = self._masked(node, place, term)
            if masked is not None:
                return masked
        found = moved(node, place, term.cols, self.fresh)
        if found is not None:
            return self._selected(term, *found)
        reading = reading_of(node) if name != "inside" else None
        if reading is not None and reading.operands:
            return self._read(node, reading, place, term)
        if name == "convolution" and place == 0 and node.params["groups"] == 1:
            return self._band(node, term)
        return self._mapped(node, place, term)

    def _masked(self, node: Expr, place: int, term: LinearTerm) -> LinearTerm | None:
        """Entries kept and entries set to 0: a factor of ones and zeros."""
        name = node.primitive.name
        if name == "where":
            condition = node.inputs[0]
            kept = condition if place == 1 else RECORD.logical_not(condition)
            mask = RECORD.astype(kept, dtype=node.dtype)
        elif name == "setitem":
            if place == 1:
                return None
            ones = as_expr(np.ones(node.shape, node.dtype))
            nothing = as_expr(np.zeros(node.inputs[1].shape, node.dtype))
            mask = RECORD.setitem(ones, nothing, key=node.params["key"])
        else:
            ones = as_expr(np.ones(node.shape[-2:], node.dtype))
            mask = Expr.derivant_apply(node.primitive, (ones,), node.params)
        product = RECORD.multiply(node.inputs[place], mask)
        return self._one(product, 0, term) if product.shape == node.shape else _no(name)

    def _read(self, node: Expr, reading: Reading, place: int, term: LinearTerm) -> LinearTerm:
        """A contraction: letters of the operand stay, the other operands become factors."""
        local = reading.operands[place]
        names: dict[int, int] = {}
        same = []
        for letter, own in zip(local, term.cols, strict=True):
            same.append((names.setdefault(letter, own), own))
        merge = unified(same)
        old = term.cols
        if merge:
            term = term.renamed(merge)
            names = {k: merge.get(c, c) for k, c in names.items()}
        factors = list(term.factors)
        for i, letters in enumerate(reading.operands):
            if i == place:
                continue
            x = node.inputs[i]
            for letter, size in zip(letters, x.shape, strict=True):
                if letter not in names:
                    names[letter] = self.fresh(size)
            number, factor = self._factor(x, tuple(names[c] for c in letters))
            term = replace(term, number=term.number * number)
            factors += factor
        for letter, size in zip(reading.output, node.shape, strict=True):
            if letter not in names:
                names[letter] = self.fresh(size)
        cols = tuple(names[c] for c in reading.output)
        gone = [c for c in (*(merge.get(c, c) for c in old), *names.values()) if c not in cols]
        found = counted(replace(term, cols=cols, factors=tuple(factors)), gone, self.sizes)
        return _no("a named size") if found is None else found

    def _factor(self, x: Expr, index: Letters) -> tuple[float, list[Factor]]:
        """An operand as a factor: its number in front, what only moves its axes read away."""
        number = 1.0
        while True:
            known = _known_number(x)
            if known is not None:
                return number * known, []
            step = _numbered(x)
            if step is not None:
                number, x = number * step[0], step[1]
                continue
            reading = reading_of(x) if x.primitive.name in STRIPPED else None
            if reading is None or len(reading.operands) != 1:
                return number, [Factor(self.slot(x), index)]
            names = dict(zip(reading.output, index, strict=True))
            x = x.inputs[0]
            index = tuple(
                names[c] if c in names else self.fresh(size)
                for c, size in zip(reading.operands[0], x.shape, strict=True)
            )

    def _selected(self, term: LinearTerm, cols: Letters, moves: Sequence[Any]) -> LinearTerm:
        """Selections between the letters before and the letters after."""
        factors = [
            Factor(self.slot(places), (*gives, *reads), Kind.SELECT, len(gives))
            for gives, reads, places in moves
        ]
        changed = replace(term, cols=cols, factors=term.factors + tuple(factors))
        found = counted(changed, (c for c in term.cols if c not in cols), self.sizes)
        return _no("a named size") if found is None else found

    def _band(self, node: Expr, term: LinearTerm) -> LinearTerm:
        """A convolution: windows of the array, which are selections, times the kernel."""
        x, w = node.inputs
        if not all(isinstance(s, int) for s in (*x.shape, *w.shape, *node.shape)):
            return _no("a named size")
        items, channel, *space = term.cols
        out, each = self.fresh(w.shape[0]), [self.fresh(s) for s in node.shape[2:]]
        taps = [self.fresh(s) for s in w.shape[2:]]
        factors = []
        for k, (q, p, s) in enumerate(zip(space, each, taps, strict=True)):
            places = _windows(node, k)
            factors.append(Factor(self.slot(as_expr(places)), (p, s, q), Kind.SELECT, 2, band=True))
        number, kernel = self._factor(w, (out, channel, *taps))
        return replace(
            term,
            number=term.number * number,
            cols=(items, out, *each),
            factors=(*term.factors, *factors, *kernel),
        )

    def _mapped(self, node: Expr, place: int, term: LinearTerm) -> LinearTerm:
        """A row that is linear in one operand, as it is."""
        row, axes = node.primitive, term.cols
        allowed = MAPS.get(row.name, (0,) if row.family == "linear" else ())
        if place not in allowed or len(set(axes)) < len(axes):
            return _no(row.name)
        shapes, params = (tuple(node.inputs[place].shape), tuple(node.shape)), node.params
        kept: Letters = ()
        if row.name in ALONG:
            at = params["axis"] % node.ndim
            kept, axes = axes[:at], axes[at : at + 1]
            rest = term.cols[at + 1 :]
            params = {**params, "axis": -1}
            shapes = (shapes[0][at : at + 1], shapes[1][at : at + 1])
        else:
            rest = ()
        given = tuple(self.fresh(s) for s in shapes[1])
        others = tuple(self.slot(x) for i, x in enumerate(node.inputs) if i != place)
        of = MapOf(row, params, place, others, *shapes)
        factor = Factor(-1, (*given, *axes), Kind.MAP, len(given), of)
        return replace(term, cols=(*kept, *given, *rest), factors=(*term.factors, factor))


def _no(what: str) -> NoReturn:
    raise UnstructuredError(f"{what} has no structure that is known")


def _float(size: object, name: str) -> float:
    return float(size) if isinstance(size, (int, float)) else _no(name)


def _spread(x: Expr, node: Expr) -> Reading:
    """The reading of an operand that is broadcast to the shape of a sum."""
    skip = len(node.shape) - len(x.shape)
    letters = [
        skip + i if size == node.shape[skip + i] else len(node.shape) + i
        for i, size in enumerate(x.shape)
    ]
    return Reading((letters,), range(len(node.shape)))


def _is_zero(x: Expr) -> bool:
    """Whether an expression is 0 by its structure."""
    while x.primitive.name in ("broadcast_to", "astype", "reshape", "negative"):
        x = x.inputs[0]
    if x.primitive.name == "zeros_like":
        return True
    return x.primitive.name == "const" and not np.any(x.params["value"])


def _known_number(x: Expr) -> float | None:
    """The number that a constant without axes is."""
    while x.primitive.name in ("broadcast_to", "astype", "expand_dims") and x.dtype.kind == "f":
        x = x.inputs[0]
    if x.primitive.name != "const" or x.shape:
        return None
    value = x.params["value"]
    return float(value) if np.isfinite(value) else None


def _numbered(x: Expr) -> tuple[float, Expr] | None:
    """A number times an expression, apart."""
    name = x.primitive.name
    if name == "negative":
        return -1.0, x.inputs[0]
    if name in ("multiply", "scale") and not x.levels:
        for i, j in ((0, 1), (1, 0)):
            number, other = _known_number(x.inputs[i]), x.inputs[j]
            if number is not None and other.shape == x.shape and other.dtype == x.dtype:
                return number, other
    return None


def _windows(node: Expr, axis: int) -> Any:
    """For each place of a window and each tap, the place in the array, from 1 on; 0 for padding."""
    params = node.params
    size = node.inputs[0].shape[2 + axis]
    place = np.arange(node.shape[2 + axis])[:, None] * params["stride"][axis]
    tap = np.arange(node.inputs[1].shape[2 + axis]) * params["dilation"][axis]
    at = place + tap - params["padding"][axis][0]
    spread = params["spread"][axis]
    inside = (at >= 0) & (at % spread == 0) & (at // spread < size)
    return np.where(inside, at // spread + 1, 0)
