"""The symbolic carrier: an expression that is its structure. Equal structure is the same object."""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import numpy as np
import numpy.typing as npt

from derivant.base.dims import Dim, Scale, Shape, Size, total
from derivant.base.errors import ArgumentError, DifferentiationError
from derivant.base.tree import LEAF_TYPES
from derivant.carriers.interning import frozen_params, interned
from derivant.carriers.methods import Methods
from derivant.carriers.mode import FREE, serial
from derivant.primitives import RECORD, TABLE, Primitive
from derivant.primitives.dispatch import plain_array
from derivant.primitives.explain import explained
from derivant.primitives.primitive import Params

VARIABLE, CONST, CAPTURE, PART, BIND, HIDE = (
    TABLE[n] for n in ("variable", "const", "capture", "part", "bind", "hide")
)
# The ids of arrays that a trace reads at each run instead of copying them.
LIFTED: ContextVar[frozenset[int]] = ContextVar("derivant_lifted", default=frozenset())
WEAK_TYPES: dict[str, type] = {"f": float, "i": int, "b": bool}
WEAK_KINDS: dict[type, np.dtype[Any]] = {t: np.result_type(t) for t in WEAK_TYPES.values()}


class Expr(Methods):
    """A node of a formula: a row applied to other nodes. Holds no numbers but its constants.

    Made by `symbol`, by operations on Exprs, or by `trace_graph`. Nodes are interned: compare
    them with `is`; `==` is the elementwise comparison as an expression.

    >>> x = symbol("x", (3,))
    >>> (x * 2.0) is (x * 2.0)
    True
    """

    __slots__ = (
        "__weakref__",
        "dtype",
        "hidden",
        "inputs",
        "levels",
        "params",
        "primitive",
        "serial",
        "shape",
        "weak",
    )
    derivant_rank = 2
    tag = -1  # older than every transform: a sweep over an Expr always records
    primitive: Primitive
    inputs: tuple[Expr, ...]
    params: Params
    shape: Any
    dtype: Any
    weak: bool
    levels: tuple[int, ...]
    hidden: tuple[Size, ...]
    serial: int

    @staticmethod
    def derivant_apply(row: Primitive, operands: tuple[Any, ...], params: Params) -> Any:
        """The node of a row on operands, each made an Expr; its shape and dtype by the rules."""
        inputs = tuple([x if x.__class__ is Expr else as_expr(x) for x in operands])
        try:
            shape = row.shape(*[x.shape for x in inputs], **params)
            dtype = row.dtype(*[x._kind() for x in inputs], **params)
        except Exception as error:
            raise explained(row, operands, params, error) from error
        levels, hidden = _common_levels(inputs)
        if row.weak:
            weak = row.outputs == 1 and row.weak[0]
        else:
            weak = shape == () and bool(inputs) and False not in [x.weak for x in inputs]
        node = intern(row, inputs, params, shape, dtype, weak, levels, hidden)
        return node.parts() if row.outputs > 1 else node

    def derivant_level(self, row: Primitive, params: Params) -> Expr:
        """Hide an axis, or bring one back."""
        sizes = dict(zip(self.levels, self.hidden, strict=True))
        level, axis = params["level"], params["axis"]
        shape: Shape = self.shape
        if row.name == "hide":
            sizes[level] = shape[axis]
            shape = row.shape(shape, **params)
        else:
            size = sizes.pop(level, params["size"])
            params = {**params, "size": size}
            shape = row.shape(shape, **params)
        levels = tuple(sorted(sizes))
        hidden = tuple(sizes[v] for v in levels)
        return intern(row, (self,), params, shape, self.dtype, False, levels, hidden)

    @staticmethod
    def lifted(value: Any) -> Expr:
        """Plain numbers as a constant of this carrier."""
        return as_expr(value)

    def settled(self, since: int) -> Expr:
        """Itself: an expression keeps what it depends on."""
        return self

    @property
    def operands(self) -> tuple[Expr, ...]:
        """The inputs."""
        return self.inputs

    def parts(self) -> tuple[Expr, ...]:
        """The results of a node that has several."""
        return tuple(
            intern(
                PART,
                (self,),
                {"index": i},
                self.shape[i],
                self.dtype[i],
                bool(self.primitive.weak) and self.primitive.weak[i],
                self.levels,
                self.hidden,
            )
            for i in range(self.primitive.outputs)
        )

    def _kind(self) -> Any:
        """The dtype, or the Python type that stands for a weak one."""
        return WEAK_TYPES[self.dtype.kind] if self.weak else self.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def __bool__(self) -> bool:
        raise DifferentiationError(
            "an expression has no truth value: its numbers are not known yet; "
            "use where(condition, a, b), or cond for whole branches"
        )

    def __float__(self) -> float:
        raise self._unknown("a Python number")

    def __int__(self) -> int:
        raise self._unknown("a Python number")

    def __complex__(self) -> complex:
        raise self._unknown("a Python number")

    def __index__(self) -> int:
        raise self._unknown("a whole number of Python, as range() and slices want it,")

    def __round__(self, digits: int | None = None) -> int:
        raise self._unknown("a Python number")

    def __format__(self, how: str) -> str:
        if how:
            raise self._unknown(f"a text in the format {how!r}")
        return repr(self)

    def item(self) -> float:
        """Refused: there is no number yet."""
        raise self._unknown("a Python number")

    def tolist(self) -> list[float]:
        """Refused: there are no numbers yet."""
        raise self._unknown("a list of numbers")

    def __setitem__(self, key: Any, value: Any) -> None:
        raise DifferentiationError(
            "an expression is not changed in place; at(x)[i].set(v) is the changed one"
        )

    @property
    def size(self) -> Size:
        """The number of entries."""
        return total(self.shape)

    def __len__(self) -> int:
        if not self.shape or not isinstance(self.shape[0], int):
            raise ArgumentError(
                f"an expression of shape {self.shape} has no length that is a number; "
                "x.shape[0] is the size, as in sum(x) / x.shape[0]"
            )
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        raise self._unknown("an array")

    def _unknown(self, what: str) -> DifferentiationError:
        return DifferentiationError(
            f"{what} cannot be made of an expression: its numbers are not known yet; evaluate it "
            "first, or use derivant's functions"
        )

    def __iter__(self) -> Iterator[Any]:
        if not self.shape or not isinstance(self.shape[0], int):
            raise ArgumentError(f"an expression of shape {self.shape} cannot be unpacked")
        return (self[i] for i in range(self.shape[0]))

    def __repr__(self) -> str:
        name = self.params.get("name", self.primitive.name)
        return f"<expr {name} {self.shape} {self.dtype}>"

    __hash__ = object.__hash__


LEAF_TYPES.add(Expr)


def intern(
    row: Primitive,
    inputs: tuple[Expr, ...],
    params: Params,
    shape: Any,
    dtype: Any,
    weak: bool,
    levels: tuple[int, ...] = (),
    hidden: tuple[Size, ...] = (),
) -> Expr:
    """The one node of this structure."""
    key = (
        id(row),
        tuple(map(id, inputs)),
        frozen_params(params),
        shape,
        dtype,
        weak,
        levels,
        hidden,
    )

    def make() -> Expr:
        node = object.__new__(Expr)
        node.primitive, node.inputs, node.params = row, inputs, dict(params)
        node.shape, node.dtype, node.weak = shape, dtype, weak
        node.levels, node.hidden = levels, hidden
        node.serial = serial()
        return node

    return interned(key, make)


def _common_levels(inputs: tuple[Expr, ...]) -> tuple[tuple[int, ...], tuple[Size, ...]]:
    sizes: dict[int, Size] = {}
    for x in inputs:
        if x.levels:
            sizes.update(zip(x.levels, x.hidden, strict=True))
    if not sizes:
        return (), ()
    levels = tuple(sorted(sizes))
    return levels, tuple(sizes[v] for v in levels)


def as_expr(value: Any) -> Expr:
    """An Expr as it is; numbers and arrays as constants, a Tensor as a captured input."""
    if isinstance(value, Expr):
        return value
    kind = WEAK_KINDS.get(value.__class__)
    if kind is None and isinstance(value, (bool, int, float)) and not isinstance(value, np.generic):
        kind = np.result_type(type(value))
    if kind is not None:
        return intern(CONST, (), {"value": value}, (), kind, True)
    if getattr(value, "derivant_rank", 0):
        return _captured_tensor(value)
    if isinstance(value, (Dim, Scale)):
        return _size_number(value)
    array = plain_array(value)
    return captured(array) if id(value) in LIFTED.get() else _constant_array(array)


def _size_number(value: Dim | Scale) -> Expr:
    """A size as a number, so many ones added; or a multiple of a power of one."""
    if isinstance(value, Scale):
        size = RECORD.power(_size_number(value.size), exponent=value.power)
        scaled: Expr = RECORD.multiply(as_expr(value.number), size)
        return scaled
    ones = RECORD.broadcast_to(_constant_array(np.asarray(1.0)), shape=(value,))
    count: Expr = RECORD.sum(ones, axis=(-1,), keepdims=False)
    return count


def _captured_tensor(value: Any) -> Expr:
    """A Tensor met in a formula: an input that is read at evaluation, hidden axes and all.

    One that depends on nothing and has hidden axes is a transform's own seed: a constant.
    """
    if value.levels and value.tag == FREE:
        node = _constant_array(np.asarray(value.data))
        for level in value.levels:
            node = node.derivant_level(HIDE, {"axis": -len(node.shape), "level": level})
        return node
    hidden = np.shape(value.data)[: len(value.levels)]
    return intern(
        CAPTURE, (), {"source": value}, value.shape, value.dtype, False, tuple(value.levels), hidden
    )


def captured(array: npt.NDArray[Any]) -> Expr:
    """An array by reference: an input that is read at evaluation, whatever it then holds."""
    kind = np.dtype(array.dtype.name)  # in this machine's order of bytes
    return intern(CAPTURE, (), {"source": array}, array.shape, kind, False)


def _constant_array(array: npt.NDArray[Any]) -> Expr:
    """An owned, read-only copy; small ones are shared by their bytes."""
    if array.ndim == 0:
        number = array[()]
        bits = (array.dtype.str, array.tobytes())
        return intern(CONST, (), {"value": number, "bits": bits}, (), array.dtype, False)
    native = array.dtype.isnative
    owned = array.copy("K") if native else array.astype(array.dtype.name)
    owned.flags.writeable = False
    return intern(CONST, (), {"value": owned}, owned.shape, owned.dtype, False)


def symbol(
    name: str,
    shape: Shape = (),
    dtype: npt.DTypeLike = np.float64,
    facts: tuple[str, ...] = (),
) -> Expr:
    """A variable of a formula.

    `shape` may hold ints and named sizes (`Dim.named("n")`).

    >>> (symbol("A", (3, 2)) @ symbol("x", (2,))).shape
    (3,)
    """
    kind = np.dtype(dtype)
    params = {"name": name, "facts": tuple(facts)}
    return intern(VARIABLE, (), params, tuple(shape), kind, False)


def bound(x: Expr, tag: int) -> Expr:
    """A fresh variable for an argument of a transform; replaced by the argument afterwards."""
    return intern(BIND, (x,), {"tag": tag}, x.shape, x.dtype, x.weak, x.levels, x.hidden)
