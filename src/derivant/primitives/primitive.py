"""What one row of the table is, and the register of all rows.

A row says everything about an operation in one place. Rules are written in the names of the rows
themselves and receive the namespace `xp` that they compute in: the raw evaluators (numbers, nothing
recorded), the recording operations (Tensor, Expr), or scalar functions (Value).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from derivant.base.errors import DerivantError

Params: TypeAlias = Mapping[str, Any]
NO_PARAMS: Params = {}
# Inside the floors an operand is whatever its carrier is; Any says that, and stays inside.
Data: TypeAlias = Any
Names: TypeAlias = Any
DType: TypeAlias = "np.dtype[Any]"

Pull: TypeAlias = Callable[[Names, Data, Data, tuple[Data, ...], Params, tuple[bool, ...]], Any]
Push: TypeAlias = Callable[[Names, tuple[Data, ...], Data, tuple[Data, ...], Params], Data]
ShapeRule: TypeAlias = Callable[..., Any]
DTypeRule: TypeAlias = Callable[..., Any]
Batch: TypeAlias = Callable[["Primitive", int, tuple[Data, ...], Params], Data]
Prepare: TypeAlias = Callable[..., "Callable[..., Any] | None"]
Reading: TypeAlias = Callable[..., "tuple[tuple[str, ...], str] | None"]


class Case(NamedTuple):
    """Operand shapes (names are sizes) and parameters with which a row is tested.

    `domains` names a sampler for each operand (primitives.domains); the row's own where empty.
    """

    shapes: tuple[tuple[str | int, ...], ...]
    params: Params = NO_PARAMS
    domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Primitive:
    """One row: how to evaluate an operation, its shape and dtype, its derivative, how it reads.

    evaluate(*arrays, **params)             the value, by NumPy or SciPy
    shape(*shapes, **params)                the result's shape; sizes may be named
    dtype(*dtypes, **params)                the result's dtype
    push(xp, tangents, out, inputs, params) the tangent of the result; None is a zero tangent
    pull(xp, g, out, inputs, params, wanted)  one cotangent an operand; None is not wanted, or zero
    batch(row, count, arrays, params)       evaluate under `count` leading axes on every operand
    prepare(**params)                       `evaluate` with these parameters, as a function of the
                                            arrays alone; None where that is no quicker
    weak                                    which results give way as Python numbers do; where it is
                                            empty, a number made of such numbers alone
    """

    name: str
    family: str
    evaluate: Callable[..., Any]
    shape: ShapeRule
    dtype: DTypeRule
    push: Push
    pull: Pull
    batch: Batch
    outputs: int = 1
    weak: tuple[bool, ...] = ()
    constant: bool = False
    prepare: Prepare | None = None
    needs_values: bool = True
    partials: tuple[Any, ...] = ()
    reading: Reading | None = None
    text: str = ""
    latex: str = ""
    domain: tuple[str, ...] = ()
    cases: tuple[Case, ...] = ()
    source: str = ""
    special: bool = field(init=False)  # several results, or none that is recorded

    def __post_init__(self) -> None:
        object.__setattr__(self, "special", self.constant or self.outputs > 1)

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"


class Settings(dict[str, Any]):
    """Parameters of one row for many uses, with the row's evaluator made for them.

    Made by `prepared` and never changed: nodes share them.
    """

    __slots__ = ("run",)
    run: Callable[..., Any]


def prepared(row: Primitive, **params: Any) -> Settings:
    """These parameters of a row, for callers that remember them."""
    made = Settings(params)
    run = row.prepare(**params) if row.prepare else None
    made.run = run or partial(row.evaluate, **params)
    return made


TABLE: dict[str, Primitive] = {}


def register(row: Primitive) -> Primitive:
    """Enter a row into the table; each name once."""
    if row.name in TABLE:
        raise DerivantError(f"the table already has a row {row.name}")
    TABLE[row.name] = row
    return row


class Namespace:
    """Attributes by the names of the rows; what rules receive as `xp`."""

    def __init__(self, entries: Mapping[str, Callable[..., Any]]) -> None:
        self.__dict__.update(entries)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)
        raise DerivantError(f"the table has no row {name}")
