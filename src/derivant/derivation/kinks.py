"""What functions do at hard points, found by asking their rows: slopes left and right, domains.

A kink is found by numbers: where the quotients of differences at 0 from the left and from the
right differ, there is no derivative, and what the row gives there is said aloud.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from derivant.base.errors import DerivantError
from derivant.carriers.expr import Expr
from derivant.derivation.cuts import in_order
from derivant.primitives import RAW, TABLE

STEP = 2.0**-20
WHOLE = range(1000)  # exponents that need nothing of their base
NEEDS = {
    **dict.fromkeys(("inv", "det", "logdet", "cofactor"), "invertible"),
    **dict.fromkeys(("log", "sqrt"), "> 0"),
    **dict.fromkeys(("reciprocal", "vector_norm"), "not 0"),
}  # fmt: skip


TIES = {
    **dict.fromkeys(
        ("maximum", "minimum"),
        "Where both are equal there is no derivative; least norm gives each half of it.",
    ),
    "max": "Where several are largest there is no derivative; least norm shares it evenly.",
    "min": "Where several are smallest there is no derivative; least norm shares it evenly.",
}  # fmt: skip
SOURCES = {
    "inv": "Matrix Cookbook 59", "det": "Matrix Cookbook 46", "logdet": "Matrix Cookbook 43",
}  # fmt: skip


def sources_of(definitions: Iterable[Expr]) -> str:
    """Where the formulas of the functions in some expressions are from."""
    rows = dict.fromkeys(node.primitive for node in in_order(list(definitions)))
    found = (SOURCES.get(row.name, row.source) for row in rows)
    return "; ".join(dict.fromkeys(text for text in found if text))


@dataclass(frozen=True, slots=True)
class Kink:
    """The slopes of a function on both sides of 0, at 0 from both sides, and what is taken."""

    above: float
    below: float
    left: float
    right: float
    taken: float

    def said(self, letter: str) -> str:
        """The proof by cases."""
        return (
            f"{letter} > 0: slope {self.above:g}.  {letter} < 0: slope {self.below:g}.  "
            f"{letter} = 0: left {self.left:g}, right {self.right:g}, no derivative; "
            f"least norm takes {self.taken:g}."
        )


@lru_cache(maxsize=256)
def kink_of(row: str) -> Kink | None:
    """The kink of an elementwise function at 0; None where it is smooth there."""
    primitive = TABLE[row]
    if primitive.family != "elementwise" or len(primitive.partials) != 1 or primitive.constant:
        return None
    with np.errstate(all="ignore"):
        try:
            return _probed(row)
        except (DerivantError, TypeError, ValueError):
            return None


def _probed(row: str) -> Kink | None:
    """One row at 0 and on both sides."""
    primitive = TABLE[row]

    def value(x: float) -> float:
        return float(primitive.evaluate(np.float64(x)))

    def slope(x: float) -> float:
        at = np.asarray(x)
        out = primitive.evaluate(at)
        pulled = primitive.pull(RAW, np.asarray(1.0), out, (at,), {}, (True,))
        return float(pulled[0])

    right, left = (value(STEP) - value(0.0)) / STEP, (value(0.0) - value(-STEP)) / STEP
    if not np.isfinite(right + left) or abs(right - left) < 1e-3:
        return None
    found = Kink(slope(1.0), slope(-1.0), left, right, slope(0.0))
    straight = slope(2.0) == found.above and slope(-2.0) == found.below
    return found if straight else None


def requirements(definitions: Iterable[Expr]) -> list[tuple[str, Expr]]:
    """What must hold of the operands of functions for the lines to be right."""
    found = []
    for node in in_order(list(definitions)):
        need = NEEDS.get(node.primitive.name)
        if need and node.inputs:
            found.append((need, node.inputs[0]))
        elif node.primitive.name in ("divide", "quotient") and node.inputs[1].inputs:
            found.append(("not 0", node.inputs[1]))
        elif node.primitive.name == "power" and node.params["exponent"] not in WHOLE:
            whole = float(node.params["exponent"]).is_integer()
            found.append(("not 0" if whole else "> 0", node.inputs[0]))
    return found
