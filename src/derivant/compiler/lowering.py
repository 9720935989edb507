"""From expressions to a program: each node an instruction, hidden axes made leading ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from derivant.base.errors import DerivantError
from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr
from derivant.compiler.program import Instruction, Ints, Program, Value
from derivant.primitives import TABLE, Primitive
from derivant.primitives.primitive import Params

RESHAPE, PERMUTE, EXPAND, BROADCAST = (
    TABLE[n] for n in ("reshape", "permute_dims", "expand_dims", "broadcast_to")
)


def lowered(inputs: Sequence[Expr], outputs: Sequence[Expr]) -> Program:
    """The program that computes the outputs from the inputs.

    Raises DerivantError where a variable is none of the inputs, or a size is a name.
    """
    build = _Builder()
    places = [build.leaf(x) for x in inputs]
    for node in ancestors(outputs):
        if id(node) not in build.known:
            build.enter(node)
    return Program(
        tuple(build.values),
        tuple(places),
        tuple(build.constants),
        tuple(build.instructions),
        tuple(build.known[id(e)] for e in outputs),
    )


class _Builder:
    """The values and instructions so far, and which value each node is."""

    def __init__(self) -> None:
        self.values: list[Value] = []
        self.constants: list[tuple[int, Any]] = []
        self.instructions: list[Instruction] = []
        self.known: dict[int, int] = {}

    def leaf(self, node: Expr) -> int:
        """The value of a node that no instruction makes."""
        self.known[id(node)] = self._value(_full_shape(node), node.dtype, node.weak)
        return self.known[id(node)]

    def enter(self, node: Expr) -> None:
        """The value of a node whose operands have theirs."""
        name = node.primitive.name
        if name == "const":
            self.constants.append((self.leaf(node), node.params["value"]))
        elif not node.inputs:
            raise DerivantError(f"{node.params.get('name', name)} is no argument of the program")
        elif name == "hide":
            self.known[id(node)] = self._hidden(node)
        elif name == "reveal":
            self.known[id(node)] = self._revealed(node)
        else:
            operands = tuple(self._operand(x, node) for x in node.inputs)
            place = self._value(_full_shape(node), node.dtype, node.weak)
            self.known[id(node)] = place
            lead = len(node.levels)
            self.instructions.append(
                Instruction(node.primitive, operands, place, node.params, lead)
            )

    def _value(self, shape: Any, dtype: Any, weak: bool = False) -> int:
        self.values.append(Value(shape, dtype, weak))
        return len(self.values) - 1

    def _operand(self, x: Expr, node: Expr) -> int:
        """An operand with a leading axis for each hidden one of the node, of size 1 where it has
        none; a number stays a number."""
        place = self.known[id(x)]
        if x.levels == node.levels or isinstance(x.dtype, tuple) or (x.weak and not x.shape):
            return place
        sizes = dict(zip(x.levels, x.hidden, strict=True))
        leading = tuple(sizes.get(level, 1) for level in node.levels)
        return self._moved(place, RESHAPE, {"shape": leading + _ints(x, x.shape)})

    def _moved(self, place: int, row: Primitive, params: Params) -> int:
        """An instruction that only moves entries; nothing where it moves none."""
        value = self.values[place]
        shape = row.shape(value.shape, **params)
        moves = row is not PERMUTE or params["axes"] != tuple(range(-len(shape), 0))
        if shape == value.shape and (row is not PERMUTE or not moves):
            return place
        made = self._value(shape, value.dtype)
        self.instructions.append(Instruction(row, (place,), made, params))
        return made

    def _hidden(self, node: Expr) -> int:
        """An axis taken to its place among the leading ones."""
        (x,) = node.inputs
        rank = len(x.levels) + len(x.shape)
        start = node.params["axis"] + rank
        return self._to(self.known[id(x)], rank, start, node.levels.index(node.params["level"]))

    def _revealed(self, node: Expr) -> int:
        """A leading axis taken to its place in sight; repeated where there was none."""
        (x,) = node.inputs
        place, level, axis = self.known[id(x)], node.params["level"], node.params["axis"]
        full = _full_shape(node)
        if level in x.levels:
            rank = len(full)
            return self._to(place, rank, x.levels.index(level), axis + rank)
        wide = self._moved(place, EXPAND, {"axis": (axis,)})
        return self._moved(wide, BROADCAST, {"shape": full})

    def _to(self, place: int, rank: int, start: int, end: int) -> int:
        order = [k for k in range(rank) if k != start]
        order.insert(end, start)
        return self._moved(place, PERMUTE, {"axes": tuple(k - rank for k in order)})


def _full_shape(node: Expr) -> Any:
    """The hidden axes, then those in sight; one for each result of a node that has several."""
    if node.primitive.outputs > 1:
        return tuple(_ints(node, (*node.hidden, *shape)) for shape in node.shape)
    return _ints(node, (*node.hidden, *node.shape))


def _ints(node: Expr, shape: Sequence[Any]) -> Ints:
    if not all(isinstance(size, (int, np.integer)) for size in shape):
        raise DerivantError(
            f"{node.primitive.name} has the named sizes {tuple(shape)}; a program is for known ones"
        )
    return tuple(int(size) for size in shape)
