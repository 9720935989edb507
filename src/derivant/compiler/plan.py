"""From a program to steps: loops fused, products given to BLAS, the rest left to NumPy.

Instructions are taken in order. One that works entry by entry joins the open group of its shape; a
group is closed, that is planned as one loop, when something outside of it reads what it makes.
Moves of entries are views and cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from derivant.compiler.groups import Group
from derivant.compiler.ir import TYPES, literal
from derivant.compiler.ir_rows import emits, operand_kinds
from derivant.compiler.kernels import Apply, Literal
from derivant.compiler.loops import REDUCES, Loop, planned
from derivant.compiler.origins import Origins
from derivant.compiler.pieces import PIECES, Piece, filled, pieces
from derivant.compiler.products import Product, outer_factors, planned_product
from derivant.compiler.program import Instruction, Program, Value
from derivant.compiler.sums import PRODUCTS, ProductSum, found_sums
from derivant.compiler.views import View, diagonal, moved, ordered
from derivant.primitives.primitive import Params

MOST_STEPS = 96  # rows in one loop
MOST_READS = 24
FLOATS = ("float64", "float32")
NEAR = 1 << 16  # bytes up to which numbers that lie apart are gathered one by one


@dataclass(frozen=True, slots=True)
class Outside:
    """An instruction that NumPy does, on views of buffers, into the buffer of its result."""

    step: Instruction
    operands: tuple[View | int, ...]

    @property
    def reads(self) -> tuple[int, ...]:
        """The buffers it reads."""
        return tuple(x.root if isinstance(x, View) else x for x in self.operands)

    @property
    def writes(self) -> tuple[int, ...]:
        """The value it makes."""
        return (self.step.output,)

    def crosses(self, root: int) -> bool:
        """Whether what is written must not be the buffer that is read; here always."""
        return True


Step = Loop | Product | Outside


class Plan:
    """The steps of a program, and where each value is: a view of some buffer."""

    def __init__(self, program: Program, targets: Mapping[int, int] | None = None) -> None:
        self.program = program
        self._targets = targets or {}  # buffers of inputs: the results that are put there
        self.steps: list[Step] = []
        self.values: list[Value] = list(program.values)  # and buffers that are no value
        self.views: dict[int, View] = {}
        self._constants = dict(program.constants)
        self._open: dict[tuple[int, ...], Group] = {}
        self._in: dict[int, Group] = {}  # values of open groups
        self._users: dict[int, int] = {}
        for step in program.instructions:
            for x in step.inputs:
                self._users[x] = self._users.get(x, 0) + 1
        for x in program.outputs:
            self._users[x] = self._users.get(x, 0) + 1
        for place in (*program.inputs, *self._constants):
            self._buffer(place)
        self._sums = found_sums(program, self._users)
        self._origins = Origins(program, self.views, self._weights)
        self._late = {s.output for total in self._sums.values() for s in total.parts}
        for step in program.instructions:
            if step.output not in self._late:
                self._plan(step)
        for group in list(self._open.values()):
            self._close(group)
        self.results = self._results()

    def _results(self) -> list[View | int]:
        """What is handed out: of a program that is native all through, buffers that are nothing
        else, filled with copies where need be."""
        views = [self.views.get(x, x) for x in self.program.outputs]
        if any(isinstance(step, Outside) for step in self.steps):
            return views
        made = {root for step in self.steps for root in step.writes}
        found: list[View | int] = []
        for view in views:
            assert isinstance(view, View)
            value = self.values[view.root]
            own = view.root in made and view.whole and view.shape == value.shape
            kinds = value.dtype.name in TYPES and not value.weak
            near = view.contiguous or value.nbytes <= NEAR
            if own or not kinds or not near or 0 in view.shape or len(view.shape) > 6:
                made.discard(view.root)
                found.append(view)
            else:
                found.append(self._copied(view))
        return found

    def _copied(self, view: View) -> View:
        """The numbers of a view in a buffer of their own."""
        place = len(self.values)
        self.values.append(Value(view.shape, self.values[view.root].dtype))
        self._buffer(place)
        self.steps.append(filled(Piece(self.views[place], view), "copy", self.values))
        return self.views[place]

    def _buffer(self, place: int) -> None:
        """A value that has a buffer of its own."""
        value = self.values[place]
        if isinstance(value.dtype, np.dtype):
            size = value.dtype.itemsize
            self.views[place] = View(place, size, value.shape, ordered(value.shape, size))

    def _plan(self, step: Instruction) -> None:
        total = self._sums.get(step.output)
        if total is not None:
            if self._as_sum(step, total):
                return
            for part in total.parts:
                self._plan(part)
        if self._as_view(step) or self._as_entry(step) or self._as_reduction(step):
            return
        if self._as_product(step) or self._as_pieces(step):
            return
        reads = tuple(self._read(x) if x in self.views else x for x in step.inputs)
        self._buffer(step.output)
        self.steps.append(Outside(step, reads))

    def _read(self, place: int) -> View:
        """The view of a value that is wanted outside of its group."""
        view = self.views[place]
        group = self._in.get(view.root)
        if group is not None:
            self._close(group)
        return view

    # views

    def _as_view(self, step: Instruction) -> bool:
        value = self.values[step.output]
        place = step.inputs[0] if step.inputs else -1
        if len(step.inputs) != 1 or place not in self.views:
            return False
        old = self.values[place]
        if old.dtype != value.dtype or old.weak:
            return False
        view = moved(step, self.views[place], value.shape)
        if view is None:
            return False
        self.views[step.output] = view
        return True

    # entry by entry

    def _as_entry(self, step: Instruction) -> bool:
        kinds = self._kinds(step)
        if kinds is None:
            return False
        shape = self.values[step.output].shape
        views = [self.views[x] for x in step.inputs]
        padded = [self._padded(view, step, shape) for view in views]
        self._enter(step, step.row.name, padded, kinds, step.params)
        return True

    def _enter(
        self,
        step: Instruction,
        row: str,
        views: Sequence[View],
        kinds: tuple[str, ...],
        params: Params,
    ) -> None:
        """One more row in the group of its shape."""
        value = self.values[step.output]
        group = self._group(value.shape, views)
        operands = tuple(self._operand(group, view) for view in views)
        given = tuple(sorted(params.items(), key=lambda item: item[0]))
        group.body.append(Apply(row, operands, kinds, value.dtype.name, given))
        group.made[step.output] = len(group.body) - 1
        group.members.append(step)
        self._buffer(step.output)
        self._in[step.output] = group

    def _kinds(self, step: Instruction) -> tuple[str, ...] | None:
        """The kinds that the operands are brought to; None where this is no loop of ours."""
        values = [self.values[x] for x in step.inputs]
        out = self.values[step.output]
        if not isinstance(out.dtype, np.dtype) or out.dtype.name not in TYPES or 0 in out.shape:
            return None
        if any(not isinstance(v.dtype, np.dtype) or v.dtype.name not in TYPES for v in values):
            return None
        if len(out.shape) > 6:
            return None
        weak = {"f": float, "i": int, "b": bool}
        kinds = tuple(weak[v.dtype.kind] if v.weak else v.dtype for v in values)
        found = operand_kinds(step.row.name, kinds, out.dtype.name)
        if found is None or not emits(step.row.name, found, step.params):
            return None
        fit = all(self._fits(x, kind) for x, kind in zip(step.inputs, found, strict=True))
        return found if fit else None

    def _fits(self, place: int, kind: str) -> bool:
        """Whether a Python integer is known to fit; else NumPy knows what to say."""
        value, known = self.values[place], self._constants.get(place)
        if not value.weak or value.dtype.kind != "i":
            return True
        most = 2 ** (31 if kind == "int32" else 63)
        return kind != "int32" if known is None else -most <= known < most

    def _padded(self, view: View, step: Instruction, shape: tuple[int, ...]) -> View:
        """The view over the shape of the result; leading axes stand in front of all others."""
        lead, extra = step.lead, len(shape) - len(view.shape)
        if lead and extra and len(view.shape) >= lead:
            view = View(
                view.root,
                view.itemsize,
                view.shape[:lead] + (1,) * extra + view.shape[lead:],
                view.strides[:lead] + (0,) * extra + view.strides[lead:],
                view.offset,
            )
        return view.broadcast(shape)

    def _group(self, shape: tuple[int, ...], views: Sequence[View]) -> Group:
        """The open group of this shape, others closed that it would read from."""
        group = self._open.get(shape)
        for view in views:
            source = self._in.get(view.root)
            if source is None:
                continue
            inside = source is group and view.root in source.made and self._is_value(view, shape)
            if not inside:
                self._close(source)
        group = self._open.get(shape)
        if group is not None and (len(group.body) >= MOST_STEPS or len(group.reads) >= MOST_READS):
            self._close(group)
            group = None
        if group is None:
            group = self._open[shape] = Group(shape)
        return group

    def _is_value(self, view: View, shape: tuple[int, ...]) -> bool:
        """Whether a view is a whole value, entry by entry."""
        own = self.views[view.root]
        return view.shape == own.shape == shape and view.strides == own.strides and not view.offset

    def _operand(self, group: Group, view: View) -> int:
        """The number of an operand among the values of a group: reads, then literals, then rows.

        Rows are counted from 0 upwards, reads from -1 and literals from -1000 downwards until the
        group is closed.
        """
        if view.root in group.made and self._in.get(view.root) is group:
            return group.made[view.root]
        root = view.root
        if root in self._constants and not self.values[root].shape:
            kind = self.values[root].dtype.name
            known = Literal(literal(self._constants[root], kind), kind)
            return -1000 - group.literals.setdefault(known, len(group.literals))
        return -1 - group.reads.setdefault(view, len(group.reads))

    # reductions

    def _as_reduction(self, step: Instruction) -> bool:
        if step.row.name not in REDUCES or step.inputs[0] not in self.views:
            return False
        (place,) = step.inputs
        value, out = self.values[place], self.values[step.output]
        if value.dtype != out.dtype or value.dtype.name not in FLOATS or 0 in value.shape:
            return False
        view, axes = self.views[place], step.params.get("axis", (-1,))
        if step.row.name == "trace":
            view = diagonal(view, step.params["offset"])
        rank = len(view.shape)
        axes = tuple(sorted(a + rank for a in axes))
        if not axes or rank > 6 or 0 in view.shape:
            return False
        group = self._group(view.shape, [view])
        if group.reduces and group.axes != axes:
            self._close(group)
            group = self._open[view.shape] = Group(view.shape)
        number = self._operand(group, view)
        group.axes = axes
        group.reduces.append((step, number))
        self._buffer(step.output)
        self._in[step.output] = group
        return True

    # piece by piece

    def _as_pieces(self, step: Instruction) -> bool:
        """A row that puts operands at places of its result: one loop for each."""
        values, out = [self.values[x] for x in step.inputs], self.values[step.output]
        if not isinstance(out.dtype, np.dtype) or out.dtype.name not in TYPES or 0 in out.shape:
            return False
        if step.row.name not in PIECES or not all(x in self.views for x in step.inputs):
            return False
        if any(v.dtype != out.dtype or v.weak or len(v.shape) > 6 for v in (*values, out)):
            return False
        size = out.dtype.itemsize
        result = View(step.output, size, out.shape, ordered(out.shape, size))
        found = pieces(step, [self.views[x] for x in step.inputs], result)
        if found is None or any(len(piece.place.shape) > 6 for piece in found):
            return False
        for x in step.inputs:
            self._read(x)
        self._buffer(step.output)
        self.steps += [filled(piece, step.row.name, self.values) for piece in found]
        return True

    # products

    def _factors(self, step: Instruction) -> tuple[View, View] | None:
        """The operands of a product of two arrays in its own dtype; None for all other rows."""
        if step.row.name not in PRODUCTS or len(step.inputs) != 2:
            return None
        values, out = [self.values[x] for x in step.inputs], self.values[step.output]
        if any(v.dtype != out.dtype or 0 in v.shape for v in values):
            return None
        if out.dtype.name not in FLOATS:
            return None
        left, right = (self.views[x] for x in step.inputs)
        return left, right

    def _as_product(self, step: Instruction) -> bool:
        operands = self._factors(step)
        if operands is None:
            return False
        out = self.values[step.output]
        factors = outer_factors(step, *operands, out.shape)
        if factors is not None:
            self._enter(step, "multiply", factors, (out.dtype.name,) * 2, {})
            return True
        product = planned_product(step, *operands, out.shape, step.output)
        if product is None:
            return False
        product = self._origins.formed(step, product)
        for x in step.inputs:
            self._read(x)
        self._buffer(step.output)
        self.steps.append(product)
        return True

    def _weights(self, place: int, step: Instruction) -> View:
        """An operand over the shape of the result."""
        return self._padded(self.views[place], step, self.values[step.output].shape)

    def _as_sum(self, step: Instruction, total: ProductSum) -> bool:
        """A product added to a donated array in its place."""
        base, row = self.views[total.base], total.parts[0]
        if self._targets.get(base.root) != step.output or not base.whole:
            return False
        operands, out = self._factors(row), self.values[step.output]
        if operands is None or self.values[row.output].dtype != out.dtype:
            return False
        product = planned_product(row, *operands, out.shape, step.output)
        if product is None or (total.scale is not None and product.kind != "gemm"):
            return False
        for x in row.inputs:
            self._read(x)
        scale = None if total.scale is None else self._read(total.scale)
        if scale is not None and not scale.whole:
            return False
        self._buffer(step.output)
        found = replace(product, factor=total.factor, onto=base.root, scale=scale)
        self.steps.append(found)
        return True

    # the end of a group

    def _close(self, group: Group) -> None:
        """Plan the loop of a group; what others read of it is stored."""
        del self._open[group.shape]
        inside: dict[int, int] = {}
        for step in group.members:
            for x in step.inputs:
                inside[x] = inside.get(x, 0) + 1
        for step, _ in group.reduces:
            inside[step.inputs[0]] = inside.get(step.inputs[0], 0) + 1
        stored = [
            (value, place)
            for value, place in group.made.items()
            if self._users.get(value, 0) > inside.get(value, 0)
        ]
        for value in (*group.made, *(step.output for step, _ in group.reduces)):
            self._in.pop(value, None)
        kept = [(self.views[value], place) for value, place in stored]
        self.steps.append(planned(group, kept, self.values))
