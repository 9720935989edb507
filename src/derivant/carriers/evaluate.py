"""From expressions to numbers: run a graph on values, and replace nodes by others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from derivant.base.dims import Dim, size_of
from derivant.base.errors import ArgumentError, ShapeError
from derivant.base.graph import ancestors
from derivant.base.types import Array, Operand, shape_of
from derivant.carriers.expr import Expr, as_expr
from derivant.carriers.levels import WEAK
from derivant.carriers.mode import FREE
from derivant.carriers.tensor import Tensor, constant
from derivant.primitives import RECORD, apply
from derivant.primitives.dispatch import plain_operand
from derivant.primitives.explain import explained


def evaluate(
    expression: Expr,
    values: Mapping[Expr, Operand] | Mapping[str, Operand],
    sizes: Mapping[str, int] | None = None,
) -> Array:
    """The value of an expression where its variables, or their names, have these values.

    Arrays give an array; Tensors among the values give a Tensor, recorded. `sizes` gives named
    dimensions that no variable shows. Raises ArgumentError where a variable or a dimension has no
    value, ShapeError where a value does not fit.

    >>> from derivant.carriers.trace import trace_graph
    >>> evaluate(trace_graph(lambda x: x * x, "n"), {"x": np.array([1.0, 3.0])})
    array([1., 9.])
    """
    result: Array = evaluate_all([expression], values, sizes)[0]
    return result


def evaluate_all(
    expressions: Sequence[Expr],
    values: Mapping[Any, Any],
    sizes: Mapping[str, int] | None = None,
) -> list[Any]:
    """The values of several expressions that share work; each node is computed once."""
    nodes = ancestors(expressions)
    values = {key: plain_operand(value) for key, value in values.items()}
    hidden = any(node.levels or node.primitive.family == "level" for node in nodes)
    known_sizes = _sizes(nodes, values, dict(sizes or {}))
    known: dict[int, Any] = {}
    for node in nodes:
        if node in values:
            known[id(node)] = values[node]
        elif not node.inputs:
            known[id(node)] = leaf_value(node, values)
        else:
            known[id(node)] = _run(node, [known[id(x)] for x in node.inputs], known_sizes)
        if hidden and not isinstance(known[id(node)], (Tensor, tuple)):
            levels = WEAK if node.weak else ()
            known[id(node)] = constant(np.asarray(known[id(node)])[()], levels)
    results = [known[id(e)] for e in expressions]
    results = [np.float64(r) if r.__class__ is float else r for r in results]
    carried = any(isinstance(value, Tensor) for value in values.values())
    return results if carried or not hidden else [_numbers(r) for r in results]


def _numbers(result: Any) -> Any:
    """What was wrapped for the sake of hidden axes, as plain numbers again."""
    plain = isinstance(result, Tensor) and result.tag == FREE and not result.levels
    return result.data if plain else result


def _sizes(
    nodes: Sequence[Expr], values: Mapping[Any, Any], sizes: dict[str, int]
) -> dict[str, int]:
    """What the named dimensions are: those given, and read off the values of the variables."""
    for node in nodes:
        if node.primitive.name == "variable":
            _match(node, shape_of(_value_of(node, values)), sizes)
    return sizes


def _value_of(node: Expr, values: Mapping[Any, Any]) -> Any:
    name = node.params["name"]
    if node in values:
        return values[node]
    if name in values:
        return values[name]
    given = sorted(str(getattr(v, "params", {}).get("name", v)) for v in values)
    raise ArgumentError(f"the variable {name} has no value; values are given for {given}")


def _match(node: Expr, shape: Any, sizes: dict[str, int]) -> None:
    name = node.params["name"]
    if len(shape) != len(node.shape):
        raise ShapeError(f"{name} has shape {node.shape}; the value has {shape}")
    for size, actual in zip(node.shape, shape, strict=True):
        wanted = size if isinstance(size, int) else sizes.setdefault(str(size), actual)
        if wanted != actual:
            raise ShapeError(
                f"{name} has shape {node.shape}, where {size} is {wanted}; the value has {shape}"
            )


def leaf_value(node: Expr, values: Mapping[Any, Any]) -> Any:
    """What a node without operands is: a variable, a constant, a captured input."""
    if node.primitive.name == "variable":
        return _value_of(node, values)
    return node.params["value" if node.primitive.name == "const" else "source"]


def _run(node: Expr, operands: list[Any], sizes: Mapping[str, int]) -> Any:
    """One node on values: the row's evaluator on arrays, the row applied where one is a carrier."""
    row = node.primitive
    params = {name: sized(value, sizes) for name, value in node.params.items()}
    if row.family == "level":
        return getattr(RECORD, row.name)(operands[0], **params)
    if row.name == "part":
        return operands[0][params["index"]]
    for x in operands:  # arrays are most of what comes here
        if x.__class__ is not np.ndarray and hasattr(x, "derivant_rank"):
            return apply(row, tuple(operands), params)
    try:
        result = row.evaluate(*operands, **params)
        return result.item() if node.weak and hasattr(result, "item") else result
    except Exception as error:
        raise explained(row, operands, params, error) from error


def sized(value: Any, sizes: Mapping[str, int]) -> Any:
    """A parameter with the named dimensions in it replaced by their sizes."""
    if isinstance(value, Dim):
        return size_of(value, sizes)
    if isinstance(value, tuple):
        return tuple(sized(v, sizes) for v in value)
    return value


def replaced(expressions: Sequence[Expr], changes: Mapping[Expr, Any]) -> list[Expr]:
    """The expressions with some nodes replaced; what does not depend on them stays itself."""
    new: dict[int, Any] = {}
    for node in ancestors(expressions):
        if node in changes:
            new[id(node)] = as_expr(changes[node])
        elif all(new[id(x)] is x for x in node.inputs):
            new[id(node)] = node
        else:
            new[id(node)] = rebuilt(node, tuple(new[id(x)] for x in node.inputs))
    return [new[id(e)] for e in expressions]


def rebuilt(node: Expr, inputs: tuple[Any, ...]) -> Any:
    """The node on other inputs, as the operations make it."""
    row = node.primitive
    if row.family == "level":
        return inputs[0].derivant_level(row, node.params)
    if row.name == "part":
        return inputs[0][node.params["index"]]
    return Expr.derivant_apply(row, inputs, node.params)
