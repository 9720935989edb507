"""The bridge from a Python function to an expression."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

import numpy as np

from derivant.base.dims import Dim, Shape
from derivant.base.errors import ArgumentError
from derivant.base.graph import ancestors
from derivant.base.tree import flatten, unflatten
from derivant.base.types import Function, shape_of
from derivant.carriers.expr import Expr, as_expr, symbol


def trace_graph(function: Function, *specs: object) -> Expr:
    """The expression that a function computes, one variable for each leaf of its arguments.

    A spec is an Expr, an array (its shape and dtype are taken), a shape, or a text of named sizes
    such as "n m". Variables bear the names of the function's parameters. The result has the
    nesting that the function returns.

    >>> e = trace_graph(lambda x, A: x @ (A @ x), "n", "n n")
    >>> e.shape, [v.params["name"] for v in variables(e)]
    ((), ['x', 'A'])
    """
    names = parameter_names(function, len(specs))
    arguments: list[Any] = []
    for name, spec in zip(names, specs, strict=True):
        if not isinstance(spec, (dict, list)):
            arguments.append(_symbol(name, spec))
            continue
        leaves, structure = flatten(spec)
        made = [_symbol(f"{name}{i}", leaf) for i, leaf in enumerate(leaves)]
        arguments.append(unflatten(structure, made))
    leaves, structure = flatten(function(*arguments))
    traced: Any = unflatten(structure, [as_expr(leaf) for leaf in leaves])
    return traced  # type: ignore[no-any-return]  # one Expr, or the tree that the function returns


def _symbol(name: str, spec: Any) -> Expr:
    if isinstance(spec, Expr):
        return spec
    if isinstance(spec, str):
        return symbol(name, sizes(spec))
    if isinstance(spec, tuple):
        return symbol(name, spec)
    dtype = getattr(spec, "dtype", None)
    return symbol(name, shape_of(spec), np.float64 if dtype is None else dtype)


def sizes(text: str) -> Shape:
    """The shape that a text such as "n m" or "64 n" names."""
    parts = text.replace(",", " ").split()
    if not all(p.isdigit() or p.isidentifier() for p in parts):
        raise ArgumentError(
            f"a shape is written as sizes and names, as in 'n m' or '3 n': {text!r}"
        )
    return tuple(int(p) if p.isdigit() else Dim.named(p) for p in parts)


def parameter_names(function: Callable[..., Any], count: int) -> list[str]:
    """The names of the first positional parameters, `x0`, `x1`, ... where there are none."""
    if function.__class__ is FunctionType and not function.__dict__:  # nothing says otherwise
        code = function.__code__
        plain = list(code.co_varnames[: code.co_argcount])
    else:
        plain = _positional(function)
    return [plain[i] if i < len(plain) else f"x{i}" for i in range(count)]


def _positional(function: Callable[..., Any]) -> list[str]:
    """The names of the positional parameters of anything that can be called."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def variables(expressions: Expr | Sequence[Expr]) -> list[Expr]:
    """The variables of expressions, in order of first making."""
    from_one = [expressions] if isinstance(expressions, Expr) else expressions
    return [n for n in ancestors(from_one) if n.primitive.name == "variable"]


def symbols(text: str) -> Expr | tuple[Expr, ...]:
    """Variables of formulas with their shapes: one Expr, or a tuple of several.

    `text` lists names with sizes, `"x: n, A: n n"`; without sizes a variable is a number. Raises
    ArgumentError where the text cannot be read.

    >>> x, A = symbols("x: n, A: n n")
    >>> x.shape, (A @ x).shape
    ((n,), (n,))
    """
    if not isinstance(text, str):
        raise ArgumentError(f"symbols are written as in 'x: n, A: n n', not {text!r:.40}")
    made = []
    for part in text.split(","):
        name, _, shape = part.partition(":")
        if not name.strip().isidentifier():
            raise ArgumentError(
                f"symbols are written as in 'x: n, A: n n'; {part.strip()!r} is not"
            )
        made.append(symbol(name.strip(), sizes(shape)))
    return made[0] if len(made) == 1 else tuple(made)
