"""Rows that exist for the sake of numbers, written as what they stand for.

A formula is read at generic points: the guards of a rule at a hard point go, and what it keeps
finite there (a norm at 0, a cofactor of a singular matrix) is written as the textbook does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import is_

import numpy as np

from derivant.base.dims import Size, total
from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr, as_expr
from derivant.primitives import RECORD, TABLE
from derivant.rewriting.branching import widened
from derivant.rewriting.choices import share_of_extremum, share_of_larger
from derivant.rewriting.merged import factors_of, kron
from derivant.rewriting.settling import size_as_number

CHOICES = ("where", "equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
LOGIC = {"bitwise_and": "logical_and", "bitwise_or": "logical_or", "bitwise_invert": "logical_not"}
Rewrite = Callable[[Expr, Sequence[Expr]], Expr | None]


def plainer(expression: Expr, of: Expr | None = None) -> Expr:
    """The expression with such rows replaced.

    Where it is a derivative, `of` is what it is the derivative of: then the guards of rules go. A
    choice that the value itself makes, such as where(y = 1, a, b), is no guard and stays.

    >>> from derivant.carriers.trace import symbols
    >>> import derivant as dv
    >>> plainer(dv.linalg.norm(symbols("x: n"))).primitive.name
    'power'
    """
    made: dict[int, Expr] = {}
    own = None if of is None else {id(node) for node in ancestors([of])}
    for node in ancestors([expression]):
        operands = tuple([made[id(x)] for x in node.inputs])
        rewrite = REWRITES.get(node.primitive.name)
        if node.primitive.name == "where" and (own is None or id(node.inputs[0]) in own):
            rewrite = None
        if node.primitive.name in CHOICES and not node.levels:
            operands = widened(node, operands)
        found = rewrite(node, operands) if rewrite and not node.levels else None
        if found is None:
            same = all(map(is_, operands, node.inputs))
            found = node if same else Expr.derivant_apply(node.primitive, operands, node.params)
        made[id(node)] = found
    return made[id(expression)]


def _logic(node: Expr, operands: Sequence[Expr]) -> Expr | None:
    """a & b of conditions is logical_and(a, b)."""
    if node.dtype.kind != "b":
        return None
    row = TABLE[LOGIC[node.primitive.name]]
    found: Expr = Expr.derivant_apply(row, tuple(operands), {})
    return found


def _without_ones(node: Expr, operands: Sequence[Expr]) -> Expr | None:
    """A reduction along an axis that stays with size 1, as one that has the axis put back."""
    (x,), axis = operands, node.params.get("axis")
    if not node.params.get("keepdims") or not isinstance(axis, tuple) or not axis:
        return None
    params = {**node.params, "keepdims": False}
    reduced = Expr.derivant_apply(node.primitive, (x,), params)
    found: Expr = RECORD.expand_dims(reduced, axis=axis)
    return found


def _norm(node: Expr, operands: Sequence[Expr]) -> Expr | None:
    """norm(x) = (sum of squares)^(1/2)."""
    (x,) = operands
    if node.params["ord"] != 2.0:
        return None
    squares = RECORD.multiply(x, x)
    whole = RECORD.sum(squares, axis=node.params["axis"], keepdims=node.params["keepdims"])
    root: Expr = RECORD.power(whole, exponent=0.5)
    return root


def _variance(node: Expr, operands: Sequence[Expr]) -> Expr | None:
    """var(x) = sum of (x - mean x)^2 / d."""
    (x,) = operands
    axis, correction = node.params["axis"], node.params["correction"]
    if correction != int(correction):
        return None
    count = total(x.shape[a] for a in axis)
    mean = RECORD.over_size(RECORD.sum(x, axis=axis, keepdims=True), size=count)
    away = RECORD.subtract(x, mean)
    squares = RECORD.multiply(away, away)
    whole = RECORD.sum(squares, axis=axis, keepdims=node.params["keepdims"])
    found: Expr = RECORD.over_size(whole, size=count - int(correction))
    return found


def _deviation(node: Expr, operands: Sequence[Expr]) -> Expr | None:
    """std(x) = var(x)^(1/2)."""
    square = _variance(node, operands)
    root: Expr | None = None if square is None else RECORD.power(square, exponent=0.5)
    return root


def _clipped_below(node: Expr, operands: Sequence[Expr]) -> Expr | None:
    """clip(x, a, none) = a + relu(x - a), with the same slope at the bound."""
    x, low = operands
    found: Expr = RECORD.add(low, RECORD.relu(RECORD.subtract(x, low)))
    return found


def _clipped_above(node: Expr, operands: Sequence[Expr]) -> Expr | None:
    """clip(x, none, b) = b - relu(b - x), with the same slope at the bound."""
    x, high = operands
    found: Expr = RECORD.subtract(high, RECORD.relu(RECORD.subtract(high, x)))
    return found


def _cofactor(node: Expr, operands: Sequence[Expr]) -> Expr | None:
    """cofactor(X) = det(X) inv(X)'."""
    if len(operands) != 1 or len(node.shape) != 2:
        return None
    (x,) = operands
    turned = RECORD.matrix_transpose(RECORD.inv(x))
    found: Expr = RECORD.multiply(RECORD.det(x), turned)
    return found


def _inverse(node: Expr, operands: Sequence[Expr]) -> Expr | None:
    """An inverse, whatever a singular matrix gives."""
    pair = factors_of(operands[0])
    if pair is not None:
        return kron(RECORD.inv(pair[0]), RECORD.inv(pair[1]))
    if "singular" not in node.params:
        return None
    found: Expr = RECORD.inv(operands[0])
    return found


def _determinant(node: Expr, operands: Sequence[Expr]) -> Expr | None:
    """det(kron(A, B)) = det(A)^m det(B)^n for A of n by n and B of m by m, and its logarithm."""
    pair = factors_of(operands[0])
    if pair is None:
        return None
    powers = [_count(other.shape[0]) for other in reversed(pair)]
    parts = [Expr.derivant_apply(node.primitive, (x,), node.params) for x in pair]
    found: Expr
    if node.primitive.name == "logdet":
        terms = [RECORD.multiply(n, x) for n, x in zip(powers, parts, strict=True)]
        found = RECORD.add(*terms)
    else:
        found = RECORD.multiply(*(RECORD.pow(x, n) for x, n in zip(parts, powers, strict=True)))
    return found


def _log_of_pair(node: Expr, operands: Sequence[Expr]) -> Expr | None:
    """log|det(kron(A, B))|, the second result of slogdet."""
    pair = operands[0]
    if pair.primitive.name != "slogdet" or node.params["index"] != 1:
        return None
    logdet: Expr = RECORD.logdet(pair.inputs[0])
    return _determinant(logdet, logdet.inputs)


def _identity(node: Expr, operands: Sequence[Expr]) -> Expr | None:
    """A constant array that is a multiple of the identity matrix."""
    if len(node.shape) != 2 or node.shape[0] != node.shape[1] or not 1 < int(node.shape[0]) < 1000:
        return None
    value = np.asarray(node.params["value"])
    if value.dtype.kind != "f" or not np.array_equal(value, value[0, 0] * np.eye(len(value))):
        return None
    ones = RECORD.broadcast_to(as_expr(np.ones((), node.dtype)), shape=node.shape[:1])
    unit: Expr = RECORD.diag_embed(ones, offset=0)
    multiple: Expr = RECORD.multiply(value[0, 0], unit)
    return unit if value[0, 0] == 1 else multiple


def _count(size: Size) -> Expr:
    """A size as a number."""
    return as_expr(float(size)) if isinstance(size, int) else size_as_number(size)


def _slope_of_tanh(node: Expr, operands: Sequence[Expr]) -> Expr | None:
    """sech(x)^2 = 1 - tanh(x)^2."""
    t = RECORD.tanh(operands[0])
    found: Expr = RECORD.subtract(1.0, RECORD.multiply(t, t))
    return found


def _product_without(node: Expr, operands: Sequence[Expr]) -> Expr | None:
    """The product of all other entries: prod(x) / x, where no entry is 0."""
    (x,) = operands
    if len(node.params["axis"]) != len(x.shape):
        return None
    whole = RECORD.prod(x, axis=node.params["axis"], keepdims=False)
    found: Expr = RECORD.divide(whole, x)
    return found


def _guard(node: Expr, operands: Sequence[Expr]) -> Expr | None:
    """where(u = a number, ..., y) = y but where u is that number; shares of extrema stay whole."""
    condition, _, other = operands
    share = share_of_larger(node, operands)
    if share is not None or not _is_rare(condition):
        return share
    if other.shape != node.shape:
        other = RECORD.broadcast_to(other, shape=node.shape)
    return other


def _is_rare(condition: Expr) -> bool:
    """Whether a condition is that something is one number, perhaps with others."""
    stack = [condition]
    while stack:
        x = stack.pop()
        if x.primitive.name == "logical_and":
            stack += x.inputs
        elif x.primitive.name == "equal" and any(
            y.primitive.name == "const" and not y.shape for y in x.inputs
        ):
            return True
    return False


def _rectified(node: Expr, operands: Sequence[Expr]) -> Expr | None:
    """max(0, x) = relu(x), min(0, x) = -relu(-x)."""
    x = _beside_zero(node, operands)
    if x is None:
        return None
    found: Expr = RECORD.relu(x) if node.primitive.name == "maximum" else -RECORD.relu(-x)
    return found


def rectified(expression: Expr) -> list[Expr]:
    """What is compared with 0 in an expression: the slope of a relu is another than at this tie."""
    extrema = (n for n in ancestors([expression]) if n.primitive.name in ("maximum", "minimum"))
    found = (_beside_zero(node, node.inputs) for node in extrema)
    return [x for x in found if x is not None]


def _beside_zero(node: Expr, operands: Sequence[Expr]) -> Expr | None:
    """The operand of an extremum of two whose other one is 0."""
    zeros = [_is_zero(x) for x in operands]
    if zeros.count(True) != 1:
        return None
    x = operands[zeros.index(False)]
    return x if x.shape == node.shape else None


def _is_zero(x: Expr) -> bool:
    while x.primitive.name == "broadcast_to":
        x = x.inputs[0]
    return x.primitive.name == "const" and x.shape == () and bool(x.params["value"] == 0)


def _of_one_eigenvalue(node: Expr, operands: Sequence[Expr]) -> Expr | None:
    """The gradient of one eigenvalue: c v v' with its unit eigenvector v."""
    matrix, g = operands
    if g.primitive.name != "place" or len(g.params["key"]) != 1 or g.inputs[0].shape:
        return None
    (at,) = g.params["key"]
    if isinstance(at, slice) or at in (None, ":"):
        return None
    vectors = RECORD.eigh(matrix)[1]
    v = RECORD.getitem(vectors, key=(":", at))
    outer: Expr = RECORD.einsum(v, v, spec="i,j->ij")
    found: Expr = RECORD.multiply(g.inputs[0], outer)
    return found


def _flat(x: Expr) -> Expr | None:
    """What a vector of all entries was before it was flat; None for anything else."""
    flat = x.primitive.name == "reshape" and len(x.shape) == 1 and len(x.inputs[0].shape) > 1
    return x.inputs[0] if flat else None


def _inner_of_flat(node: Expr, operands: Sequence[Expr]) -> Expr | None:
    """vec(X)'vec(Y) = sum(X o Y)."""
    one, two = map(_flat, operands)
    if one is None or two is None or one.shape != two.shape:
        return None
    axes = tuple(range(-len(one.shape), 0))
    whole: Expr = RECORD.sum(RECORD.multiply(one, two), axis=axes, keepdims=False)
    return whole


def _of_flat(node: Expr, operands: Sequence[Expr]) -> Expr | None:
    """f(vec(X)) = vec(f(X)) and sum(vec(X)) = sum(X)."""
    known = [x if not x.shape else _flat(x) for x in operands]
    wide = [x for x in known if x is not None and x.shape]
    if any(x is None for x in known) or not wide or any(x.shape != wide[0].shape for x in wide):
        return None
    found: Expr
    if node.primitive.name == "sum":
        axes = tuple(range(-len(wide[0].shape), 0))
        found = RECORD.sum(wide[0], axis=axes, keepdims=False)
        return found if not node.shape else None
    inner = Expr.derivant_apply(
        node.primitive, tuple(x for x in known if x is not None), node.params
    )
    found = RECORD.reshape(inner, shape=node.shape)
    return found


def _trace_of_kron(node: Expr, operands: Sequence[Expr]) -> Expr | None:
    """tr(kron(A, B)) = tr(A) tr(B): the trace before two axes were made one."""
    (x,) = operands
    if x.primitive.name != "reshape" or node.params.get("offset") or len(x.shape) != 2:
        return None
    wide = x.inputs[0]
    if len(wide.shape) != 4 or wide.shape[:2] != wide.shape[2:]:
        return None
    found: Expr = RECORD.einsum(wide, spec="ijij->")
    return found


REWRITES: dict[str, Rewrite] = {
    "vector_norm": _norm,
    "std": _deviation,
    "var": _variance,
    "clip_low": _clipped_below,
    "clip_high": _clipped_above,
    "cofactor": _cofactor,
    "inv": _inverse,
    "part": _log_of_pair,
    "const": _identity,
    **dict.fromkeys(("det", "logdet"), _determinant),
    "prod_except": _product_without,
    "sech2": _slope_of_tanh,
    "where": _guard,
    "divide": share_of_extremum,
    "matmul": _inner_of_flat,
    "trace": _trace_of_kron,
    **dict.fromkeys(("sum", "power", "multiply", "add", "subtract", "exp", "log", "abs"), _of_flat),
    "maximum": _rectified,
    "minimum": _rectified,
    "eigen_scale": _of_one_eigenvalue,
    **dict.fromkeys(LOGIC, _logic),
    **dict.fromkeys(("max", "min", "prod", "logsumexp"), _without_ones),
}
