"""Reading formulas: a text in matrix or NumPy notation to an expression. Nothing is evaluated.

The text becomes tokens (lexer), a tree (grammar), operations (program); names get shapes
(inference); operations become rows (building).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeAlias

from derivant.base.dims import Dim, Shape, Size
from derivant.base.errors import ArgumentError, DerivantError, ShapeError
from derivant.carriers.expr import Expr
from derivant.notation.building import expressions_of
from derivant.notation.grammar import Grammar
from derivant.notation.inference import Reading, infer, value_words
from derivant.notation.items import Program
from derivant.notation.kinds import NUMBER
from derivant.notation.lexer import (
    BESIDE,
    NUMPY_MARKS,
    Token,
    check_names,
    marks_of,
    pointed,
)
from derivant.notation.program import program_of
from derivant.notation.spelling import canonical_name, is_name, meant, shown_name
from derivant.notation.vocabulary import ALIASES, FUNCTIONS, OPERATORS

Shapes: TypeAlias = str | Mapping[str, str | Sequence[Size]] | None
Facts: TypeAlias = str | Mapping[str, str | Sequence[str]] | None

NOTATIONS = ("auto", "matrix", "numpy")
NAMES = {"matrix": "matrix notation", "numpy": "NumPy notation"}
SQUARE_FACTS = frozenset(
    ("symmetric", "spd", "psd", "invertible", "symmetric-invertible", "diagonal", "lower")
    + ("upper", "distance")
)
FACTS = SQUARE_FACTS | frozenset(
    ("orthonormal", "full-column-rank", "full-row-rank", "positive", "nonzero", "simplex")
    + ("onehot", "pm1", "mask", "unit", "gt1", "big", "unitint")
)
SIZE_LIMIT = 10**9
CALLED = frozenset((*FUNCTIONS, *ALIASES, *OPERATORS))


@dataclass(frozen=True, slots=True)
class Formula:
    """What a text was read as.

    `variables` are in order of appearance, `assignments` in order of the lines; Greek letters are
    spelled out (theta) in both.
    """

    expression: Expr
    variables: Mapping[str, Expr]
    notation: str
    assignments: Mapping[str, Expr]
    said: str

    def variable(self, name: str) -> str:
        """The canonical name of a variable; ArgumentError, with a suggestion, where it is none.

        >>> read_formula("θ'*θ").variable("θ")
        'theta'
        """
        plain = canonical_name(name)
        if plain in self.variables:
            return plain
        if plain in self.assignments:
            raise ArgumentError(f"{name} is no variable: the formula gives it a value")
        raise ArgumentError(f"{name!r:.60} is not in the formula; {meant(name, self.variables)}")


def read_formula(
    text: str, shapes: Shapes = None, assume: Facts = None, notation: str = "auto"
) -> Formula:
    """The expression that a text means, with a variable for each of its names.

    `shapes` is a text such as "A: n n, x: n, c:" or a mapping of names to such sizes; what it
    leaves open follows from the use of the names. `assume` are facts, as {"A": "symmetric"}.
    Lines are separated by `;`, all but the last of the form `name = formula`. Raises ArgumentError
    where the text cannot be read or has two readings, ShapeError where shapes do not fit or stay
    open; both show the place.

    >>> formula = read_formula("x'*A*x")
    >>> formula.said
    'read as matrix notation: x (n), A (n, n); value: a number'
    >>> read_formula("X @ w - y").said
    'read as NumPy notation: X (m, n), w (n), y (m); value: a vector (m)'
    """
    if not isinstance(text, str):
        raise ArgumentError(f"a formula is a text, not {type(text).__name__}")
    if notation not in NOTATIONS:
        raise ArgumentError(f"the notation is one of {', '.join(NOTATIONS)}, not {notation!r}")
    given, facts = read_shapes(shapes), _facts(assume)
    grammar = Grammar(text, CALLED - {*given})
    grammar.read()
    check_names(text, grammar.tokens, given)
    candidates = _notations(text, grammar.tokens, notation)
    square = _square(given, facts)
    found: dict[str, tuple[Program, Reading]] = {}
    failed: list[DerivantError] = []
    for name in candidates:
        try:
            program = program_of(text, grammar, name == "numpy", given)
            found[name] = program, infer(program, square)
        except DerivantError as error:
            failed.append(error)
    if not found:
        raise failed[0]
    name = _chosen(text, found)
    return _formula(name, *found[name], facts)


def _square(given: dict[str, Shape], facts: dict[str, tuple[str, ...]]) -> frozenset[str]:
    """The names that a fact makes square matrices."""
    names = frozenset(n for n, words in facts.items() if SQUARE_FACTS & {*words})
    for name in sorted(names & {*given}):
        shape = given[name]
        if len(shape) != 2 or shape[0] != shape[1]:
            size = ", ".join(map(str, shape))
            raise ShapeError(f"{name} ({size}) is {' '.join(facts[name])}, so it must be square")
    return names


def _notations(text: str, tokens: list[Token], notation: str) -> tuple[str, ...]:
    """The notations that the marks of a text leave."""
    matrix, numpy = marks_of(tokens)
    if matrix is not None and numpy is not None:
        raise _mixed(text, matrix, numpy)
    mark = matrix or numpy
    if mark is None:
        return ("matrix", "numpy") if notation == "auto" else (notation,)
    said = "numpy" if mark.text in NUMPY_MARKS else "matrix"
    if notation not in ("auto", said):
        message = f"{_said_of(text, mark)} is not in {NAMES[notation]}, which was asked for"
        hint = f'leave `notation` out, or say notation="{said}"'
        raise pointed(text, mark.start, mark.end, message, hint)
    return (said,)


def _said_of(text: str, mark: Token) -> str:
    return "a product without a sign" if mark.text == BESIDE else text[mark.start : mark.end]


def _mixed(text: str, matrix: Token, numpy: Token) -> DerivantError:
    later = max(matrix, numpy, key=lambda t: t.start)
    return pointed(
        text,
        later.start,
        later.end,
        f"{_said_of(text, matrix)} belongs to matrix notation and "
        f"{text[numpy.start : numpy.end]} to NumPy notation",
        "write all of it in one: x'*A*x, or x.T @ A @ x",
    )


def _chosen(text: str, found: Mapping[str, tuple[Program, Reading]]) -> str:
    """The reading to take: the only one, the same in both notations, or the nearer one."""
    if len(found) == 1:
        return next(iter(found))
    places = [_star(*pair) for pair in found.values()]
    costs = {name: reading.cost for name, (_, reading) in found.items()}
    if costs["matrix"] != costs["numpy"]:
        return min(costs, key=lambda name: costs[name])
    place = next((p for p in places if p is not None), None)
    if place is None:
        return "matrix"
    raise pointed(
        text,
        place,
        place + 1,
        "this product has two readings: of matrices in matrix notation, by entries in NumPy's",
        'say notation="matrix" or notation="numpy"',
    )


def _star(program: Program, reading: Reading) -> int | None:
    """The place of a product of two that are no numbers."""
    for item in program.items:
        if item.op == "*" and all(reading.kinds[a] != NUMBER for a in item.args):
            return item.at
    return None


def _formula(
    notation: str, program: Program, reading: Reading, facts: dict[str, tuple[str, ...]]
) -> Formula:
    made = expressions_of(program, reading, facts)
    return Formula(
        made[program.value],
        {name: made[i] for name, i in program.variables.items()},
        notation,
        {name: made[i] for name, i in program.assigned.items()},
        _said(notation, program, reading),
    )


def _said(notation: str, program: Program, reading: Reading) -> str:
    """The sentence that tells how a text was read."""
    parts = []
    for name, place in program.variables.items():
        shape = reading.shapes[place]
        size = f"({', '.join(map(str, shape))})" if shape else "a number"
        parts.append(f"{shown_name(name)} {size}")
    parts += [_size_said(name, program, reading) for name in program.numbers]
    value = value_words(reading.kinds[program.value], reading.shapes[program.value])
    names = ", ".join(parts) or "no names"
    return f"read as {NAMES[notation]}: {names}; value: {value}"


def _size_said(dimension: str, program: Program, reading: Reading) -> str:
    """Where a dimension that stands as a number comes from."""
    for name, place in program.variables.items():
        shape = reading.shapes[place]
        if Dim.named(dimension) in shape:
            axis = shape.index(Dim.named(dimension))
            what = (
                "length" if len(shape) == 1 else ("rows", "columns")[axis] if axis < 2 else "axis"
            )
            return f"{dimension} {what} of {shown_name(name)}"
    return f"{dimension} a size"


# What is given besides the text


def read_shapes(shapes: Shapes) -> dict[str, Shape]:
    """Shapes by canonical names."""
    if shapes is None:
        return {}
    found: dict[str, Shape] = {}
    for name, sizes in _pairs(shapes, "shapes", '"A: n n, x: n"'):
        if name in found:
            raise ArgumentError(f"shapes: {name} is given twice")
        found[name] = _sizes_of(name, sizes)
    return found


def _pairs(given: object, what: str, example: str) -> list[tuple[str, object]]:
    """The names and what is said of each, from a text or a mapping."""
    if isinstance(given, Mapping):
        pairs = [(str(k), v) for k, v in given.items()]
    elif isinstance(given, str):
        pairs = []
        for part in re.split(r"[,;\n]", given):
            name, colon, rest = part.partition(":")
            if part.strip() and not colon:
                raise ArgumentError(f"{what}: {part.strip()!r} has no colon; write {example}")
            if part.strip():
                pairs.append((name.strip(), rest))
    else:
        raise ArgumentError(f"{what} is a text such as {example} or a mapping, not {given!r:.60}")
    for name, _ in pairs:
        if not is_name(name):
            raise ArgumentError(f"{what}: {name!r:.60} is no name; write {example}")
    return [(canonical_name(name), value) for name, value in pairs]


def _sizes_of(name: str, sizes: object) -> Shape:
    parts = sizes.replace(",", " ").split() if isinstance(sizes, str) else sizes
    if not isinstance(parts, (list, tuple)):
        raise ArgumentError(f"shapes: {name} is {sizes!r:.60}; write sizes as in 'n n' or '3 n'")
    if len(parts) > 8:
        raise ShapeError(f"shapes: {name} has {len(parts)} axes; at most 8 are read")
    return tuple(_size(name, part) for part in parts)


def _size(name: str, part: object) -> Size:
    if isinstance(part, Dim):
        return part
    if isinstance(part, int) and not isinstance(part, bool) and 0 <= part <= SIZE_LIMIT:
        return part
    if isinstance(part, str) and is_name(part):
        return Dim.named(canonical_name(part))
    if isinstance(part, str) and part.isascii() and part.isdigit() and len(part) < 10:
        return int(part)
    raise ArgumentError(f"shapes: {part!r:.60} is no size of {name}; write a name or a number")


def read_facts(assume: Facts, shapes: Mapping[str, Shape]) -> dict[str, tuple[str, ...]]:
    """Facts by canonical names; ShapeError where one needs a square matrix and there is none."""
    facts = _facts(assume)
    _square(dict(shapes), facts)
    return facts


def check_given(
    shapes: Shapes, assume: Facts, known: Mapping[str, Expr], assigned: Mapping[str, Expr]
) -> None:
    """Raise where shapes or facts are given of what is no variable: they would say nothing.

    A name that the formula gives a value, or a cotangent, has a shape that a given one must be.
    """
    made = {**known, **assigned}
    sizes = read_shapes(shapes)
    for what, names in (("shapes", sizes), ("assume", _facts(assume))):
        for name in names:
            if name not in made:
                raise ArgumentError(
                    f"{what}: {shown_name(name)} is not in the formula; {meant(name, known)}"
                )
    for name in _facts(assume):
        if name in assigned:
            raise ArgumentError(f"assume: {name} is no variable: the formula gives it a value")
    for name, given in sizes.items():
        if tuple(made[name].shape) != given:
            texts = [f"({', '.join(map(str, s))})" for s in (made[name].shape, given)]
            shown = shown_name(name)
            raise ShapeError(f"shapes: {shown} is {texts[0]} in the formula, not {texts[1]}")


def _facts(assume: Facts) -> dict[str, tuple[str, ...]]:
    """Facts by canonical names, each one that is known."""
    if assume is None:
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for name, value in _pairs(assume, "assume", '"A: symmetric"'):
        words = value.split() if isinstance(value, str) else value
        if not isinstance(words, (list, tuple, set, frozenset)):
            raise ArgumentError(f"assume: {name} is {value!r:.60}; write words such as 'symmetric'")
        for word in words:
            if word not in FACTS:
                near = get_close_matches(str(word)[:40], sorted(FACTS), 1)
                meant = f"did you mean {near[0]}? " if near else ""
                raise ArgumentError(
                    f"assume: {word!r:.60} is no fact that is known; "
                    f"{meant}the facts are {', '.join(sorted(FACTS))}"
                )
        found[name] = (*found.get(name, ()), *sorted(words))
    return found
