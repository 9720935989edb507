"""Turn a failed evaluation into one clear error: the operation, every operand's name and shape.

Reasons that shape rules and evaluators raise may hold `{0}`, `{1}`, ... for their operands:
`filled` puts the user's own names there, `the first operand` where an array has none.
"""

from __future__ import annotations

import reprlib
from collections.abc import Sequence

import numpy as np

from derivant.base.errors import (
    ArgumentError,
    AxisError,
    BoundsError,
    DerivantError,
    DTypeError,
    LinAlgError,
    ShapeError,
)
from derivant.base.names import names_of
from derivant.base.types import shape_of
from derivant.primitives.primitive import Params, Primitive

KINDS: tuple[tuple[type[Exception], type[DerivantError]], ...] = (
    (np.linalg.LinAlgError, LinAlgError),
    (np.exceptions.AxisError, AxisError),
    (IndexError, BoundsError),
    (TypeError, DTypeError),
    (ValueError, ShapeError),
)


ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


def filled(reason: str, operands: Sequence[object]) -> str:
    """The reason with the names of the operands in the places `{0}`, `{1}`, ..."""
    if not any(f"{{{place}}}" in reason for place in range(len(operands))):
        return reason
    for place, name in enumerate(names_of(operands)):
        reason = reason.replace(f"{{{place}}}", name or _ordinal(place, len(operands)))
    return reason


def _ordinal(place: int, count: int) -> str:
    if count == 1:
        return "the operand"
    return f"the {ORDINALS[place]} operand" if place < len(ORDINALS) else f"operand {place + 1}"


def operand_texts(operands: Sequence[object]) -> list[str]:
    """Each operand as name and shape: `X (64, 784)`."""
    texts = []
    for operand, name in zip(operands, names_of(operands), strict=True):
        if not hasattr(operand, "shape"):
            texts.append(reprlib.repr(operand))  # a nested list may be long
        else:
            shape = ", ".join(map(str, operand.shape)) + ("," if len(operand.shape) == 1 else "")
            texts.append(f"{name or 'array'} ({shape})")
    return texts


def header(row: Primitive, operands: Sequence[object], params: Params) -> str:
    """The operation as it was called: `matmul: X (64, 784) @ W (728, 128)`."""
    texts = operand_texts(operands)
    settings = [f"{k}={v!r}" for k, v in params.items() if not callable(v)]
    if row.text and not settings and "{1}" in row.text:
        return f"{row.name}: {row.text.format(*texts)}"
    return f"{row.name}: {row.name}({', '.join(texts + settings)})"


def explained(
    row: Primitive, operands: Sequence[object], params: Params, error: Exception
) -> Exception:
    """The error to raise in place of the one that evaluation raised; a warning stays one."""
    if isinstance(error, Warning):
        return error
    head = header(row, operands, params)
    kind: type[DerivantError] | None = None
    reason = str(error)
    if not isinstance(error, DerivantError):
        try:
            row.shape(*map(shape_of, operands), **params)
        except DerivantError as refusal:
            kind, reason = type(refusal), str(refusal)
        except Exception:  # the shape rule could not even read it: NumPy's own words will do
            kind = None
    else:
        kind = type(error)
    if kind is None:
        kind = next((ours for theirs, ours in KINDS if isinstance(error, theirs)), ArgumentError)
    return kind(f"{head}: {filled(reason, operands)}")


def refusal(
    name: str, operands: Sequence[object], settings: Sequence[str], error: DerivantError
) -> DerivantError:
    """The error of a public function that found the fault before it applied a row."""
    inside = ", ".join([*operand_texts(operands), *settings])
    return type(error)(f"{name}: {name}({inside}): {filled(str(error), operands)}")
