"""Expressions that are run at many points and sizes: their graph is looked at once.

`evaluate_all` walks over a graph at each call; beside a formula's few small arrays that costs more
than the numbers do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from derivant.base.dims import Dim
from derivant.base.graph import ancestors
from derivant.carriers.evaluate import evaluate_all, leaf_value, sized
from derivant.carriers.expr import Expr
from derivant.primitives.explain import explained
from derivant.primitives.primitive import prepared


class Step(NamedTuple):
    """One node as a call: its place among the values, its operands' places, what computes it."""

    place: int
    inputs: tuple[int, ...]
    run: Callable[..., Any] | None  # None where a parameter has a named size
    node: Expr


class ManyPoints:
    """A value that one variable moves, and an expression that is asked for at each point itself.

    >>> from derivant.carriers.trace import symbols
    >>> x, y = symbols("x: n, y: n")
    >>> graph = ManyPoints(x * y, y, by=x)
    >>> at_x, moved = graph.at({x: np.array([1.0, 2.0]), y: np.array([3.0, 4.0])}, {"n": 2})
    >>> at_x, moved(np.array([5.0, 6.0]))
    (array([3., 4.]), array([15., 24.]))
    """

    __slots__ = ("_by", "_first", "_leaves", "_moving", "_outputs", "_places", "_whole")

    def __init__(self, value: Expr, expression: Expr, by: Expr) -> None:
        self._outputs, self._by = (value, expression), by
        nodes = ancestors([value, expression, by])
        self._places = {id(node): place for place, node in enumerate(nodes)}
        self._whole = any(n.levels or n.primitive.family == "level" for n in nodes)
        self._leaves = [node for node in nodes if not node.inputs]
        changing = {id(by)}
        for node in nodes:
            if any(id(x) in changing for x in node.inputs):
                changing.add(id(node))
        of_value, asked = _ids(value), _ids(expression)
        self._moving = self._steps(n for n in nodes if id(n) in changing and id(n) in of_value)
        self._first = self._steps(n for n in nodes if id(n) not in changing or id(n) in asked)

    def _steps(self, nodes: Iterable[Expr]) -> list[Step]:
        steps = []
        for node in nodes:
            if node.inputs:
                inputs = tuple(self._places[id(x)] for x in node.inputs)
                steps.append(Step(self._places[id(node)], inputs, _runner(node, None), node))
        return steps

    def at(
        self, values: Mapping[Expr, Any], sizes: Mapping[str, int]
    ) -> tuple[Any, Callable[[Any], Any]]:
        """The expression where variables have these values, and the value as its variable moves.

        Raises what evaluating one of them raises.
        """
        leaves = [leaf_value(node, values) for node in self._leaves]
        if self._whole or any(hasattr(leaf, "derivant_rank") for leaf in leaves):
            value, expression = self._outputs
            (there,) = evaluate_all([expression], values, sizes)
            return there, lambda x: evaluate_all([value], {**values, self._by: x}, sizes)[0]
        known: list[Any] = [None] * len(self._places)
        for node, leaf in zip(self._leaves, leaves, strict=True):
            known[self._places[id(node)]] = leaf
        _run(_ready(self._first, sizes), known)
        value_at, there = (self._places[id(output)] for output in self._outputs)
        place, steps = self._places[id(self._by)], _ready(self._moving, sizes)

        def moved(x: Any) -> Any:
            found = known.copy()
            found[place] = x
            _run(steps, found)
            return found[value_at]

        return known[there], moved


def _ids(expression: Expr) -> set[int]:
    return {id(node) for node in ancestors([expression])}


def _ready(steps: Sequence[Step], sizes: Mapping[str, int]) -> list[Step]:
    """The steps with numbers for the named sizes of their parameters."""
    return [s if s.run else s._replace(run=_runner(s.node, sizes)) for s in steps]


def _runner(node: Expr, sizes: Mapping[str, int] | None) -> Callable[..., Any] | None:
    """What computes a node; None where it takes sizes and there are none yet."""
    row, params = node.primitive, node.params
    if sizes is None and any(map(_has_sizes, params.values())):
        return None
    if sizes is not None:
        params = {name: sized(value, sizes) for name, value in params.items()}
    if row.name == "part":
        place = params["index"]
        return lambda whole: whole[place]
    run: Callable[..., Any] = prepared(row, **params).run if params else row.evaluate
    return run if not node.weak else lambda *operands: _number(run(*operands))


def _has_sizes(value: Any) -> bool:
    return isinstance(value, Dim) or (isinstance(value, tuple) and any(map(_has_sizes, value)))


def _number(found: Any) -> Any:
    """A number that gives way to the dtype of an array, as Python's do."""
    return found.item() if hasattr(found, "item") else found


def _run(steps: Sequence[Step], known: list[Any]) -> None:
    """Each step on what is known, which grows by its value."""
    get = known.__getitem__
    for place, inputs, run, node in steps:
        try:
            known[place] = run(*map(get, inputs))  # type: ignore[misc]  # `_ready` made it
        except Exception as error:
            raise explained(node.primitive, list(map(get, inputs)), node.params, error) from error
