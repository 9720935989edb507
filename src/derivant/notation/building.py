"""From operations whose shapes are known to an expression.

Orientation ends here: a row and a column are both arrays of one axis.
"""

from __future__ import annotations

from fractions import Fraction
from math import isfinite
from typing import Any

import numpy as np

from derivant.base.dims import Dim, Shape
from derivant.base.errors import DerivantError
from derivant.carriers.evaluate import evaluate
from derivant.carriers.expr import Expr, as_expr, symbol
from derivant.notation.index_keys import key_of
from derivant.notation.inference import Reading
from derivant.notation.items import POWERS, Item, Program, Static
from derivant.notation.kinds import NUMBER, ROW, VECTOR
from derivant.notation.symmetry import seems_symmetric
from derivant.notation.vocabulary import FUNCTIONS, as_number, identity, size_number
from derivant.ops.linalg import matrix_power
from derivant.ops.rows import call
from derivant.rewriting.numbers import LARGEST_QUOTIENT

ROWS = {"+": "add", "-": "subtract", "neg": "negative"}
COMPARED = {
    "<": "less", ">": "greater", "<=": "less_equal", ">=": "greater_equal", "==": "equal",
    "!=": "not_equal",
}  # fmt: skip


def expressions_of(
    program: Program, reading: Reading, facts: dict[str, tuple[str, ...]]
) -> dict[int, Expr]:
    """The expression of each item that the value or a name of the text needs."""
    wanted = _needed(program)
    made: dict[int, Expr] = {}
    numbers: set[int] = set()
    for i, item in enumerate(program.items):
        if i not in wanted:
            continue
        if item.op == "variable":
            name = str(item.fixed)
            made[i] = symbol(name, reading.shapes[i], facts=facts.get(name, ()))
            continue
        kinds = [reading.kinds[a] for a in item.args]
        try:
            made[i] = as_expr(_lowered(program, item, kinds, made, reading.shapes[i]))
        except DerivantError as error:
            raise program.fail(item.span, str(error).splitlines()[0]) from None
        if _is_number(item, made[i], numbers):
            numbers.add(i)
            if item.static is None and not _is_finite(made[i]):
                raise program.fail(item.span, "this is no finite real number", "correct the number")
    return made


def _is_number(item: Item, made: Expr, numbers: set[int]) -> bool:
    """Whether an item is a number of which no variable and no size is a part."""
    if item.static is not None:
        return not isinstance(item.static, Dim)
    return bool(item.args) and made.shape == () and numbers.issuperset(item.args)


def _is_finite(number: Expr) -> bool:
    with np.errstate(all="ignore"):
        return isfinite(float(np.asarray(evaluate(number, {}, {}))))


def _needed(program: Program) -> set[int]:
    stack = [program.value, *program.assigned.values(), *program.variables.values()]
    found: set[int] = set()
    while stack:
        place = stack.pop()
        if place not in found:
            found.add(place)
            stack += program.items[place].args
    return found


def _lowered(
    program: Program, item: Item, kinds: list[int], made: dict[int, Expr], shape: Shape
) -> Any:
    """One operation on expressions."""
    if item.op == "number":
        assert item.static is not None
        return _number(item.static)
    if item.op == "identity":
        return identity(shape[0])
    operands = [made[a] for a in item.args]
    function = FUNCTIONS.get(item.op)
    if function is not None:
        if function.symmetric:
            _check_symmetric(operands[0], item.op)
        return function.lower(*operands, *(() if item.fixed is None else (item.fixed,)))
    if item.op in COMPARED:
        return as_number(call(COMPARED[item.op], *operands))
    if item.op == "array":
        return np.array(item.fixed)
    if item.op == "index":
        assert isinstance(item.fixed, tuple)
        key = key_of(item.fixed, operands[0].shape)
        if key is None:
            raise DerivantError(f"an index that does not fit an array of {operands[0].shape}")
        return call("getitem", operands[0], key=key)
    if item.op in ROWS:
        return call(ROWS[item.op], *operands)
    if item.op == "transpose":
        return call("matrix_transpose", *operands) if len(shape) == 2 else operands[0]
    right = program.items[item.args[1]].static
    if item.op in POWERS:
        return _raised(item, operands, right)
    if item.op.endswith("/"):
        return _divided(operands[0], operands[1], right)
    return _product(item, kinds, operands)


def _number(value: Static) -> Any:
    """A number, 1/3 exactly; a size as the sum of its products of dimensions."""
    if not isinstance(value, Dim):
        share = Fraction(value).limit_denominator(LARGEST_QUOTIENT)
        if float(share) == value and Fraction(repr(float(value))) != share:
            return call("divide", as_expr(float(share.numerator)), float(share.denominator))
        return float(value)
    result: Any = None
    for names, count in value.terms:
        term: Any = as_expr(float(count))
        for name in names:
            size = size_number(Dim.named(name))
            term = size if term is not None and _is_one(term) else term * size
        result = term if result is None else result + term
    return result


def _is_one(term: Expr) -> bool:
    return term.primitive.name == "const" and term.params["value"] == 1.0


def _check_symmetric(x: Expr, function: str) -> None:
    if not seems_symmetric(x):
        raise DerivantError(
            f"{function} is read of a symmetric matrix only: "
            'say so, as in assume={"A": "symmetric"}, or write (A + A\')/2'
        )


def _raised(item: Item, operands: list[Expr], power: Static | None) -> Any:
    base, exponent = operands
    if item.op == "^" and len(base.shape) == 2:
        assert isinstance(power, (int, float))
        return matrix_power(base, int(power)) if power != 1 else base
    if isinstance(power, (int, float)):
        whole = float(power).is_integer()
        return call("power", base, exponent=int(power) if whole else power)
    return call("pow", base, exponent)


def _divided(x: Expr, y: Expr, size: Static | None) -> Any:
    if isinstance(size, Dim):
        return call("over_size", x, size=size)
    return call("divide", x, y)


def _product(item: Item, kinds: list[int], operands: list[Expr]) -> Any:
    """By entries, or the matrix product; a column times a row is the outer product."""
    matrices = item.op == "@" or (item.op == "*" and not item.rule.numpy)
    if not matrices or NUMBER in kinds:
        return call("multiply", *operands)
    if kinds == [VECTOR, ROW]:
        return call("einsum", *operands, spec="i,j->ij")
    return call("matmul", *operands)
