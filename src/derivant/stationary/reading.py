"""A text that was written, read again: it must be the expression that it was written from."""

from __future__ import annotations

import numpy as np

from derivant.base.errors import DerivantError
from derivant.carriers.evaluate import evaluate_all
from derivant.carriers.expr import Expr
from derivant.carriers.trace import variables
from derivant.notation import read_formula
from derivant.stationary.measured import Measured

TOLERANCE = 1e-7


def confirmed(expression: Expr, text: str, measured: Measured) -> None:
    """Raise DerivantError where a text in NumPy notation has another value than its expression.

    What the reader does not know is left alone.
    """
    given = {str(v.params["name"]): v for v in variables(expression)}
    shapes = {name: " ".join(map(str, v.shape)) for name, v in given.items()}
    facts = {name: " ".join(v.params.get("facts", ())) for name, v in given.items()}
    numbers = {name: np.asarray(float(size)) for name, size in measured.sizes.items()}
    numbers |= {str(v.params["name"]): x for v, x in measured.data.items()}
    try:
        formula = read_formula(text, shapes, facts, "numpy")
        with np.errstate(all="ignore"):
            (found,) = evaluate_all([formula.expression], numbers, measured.sizes)
    except DerivantError:  # a letter that only stands for a size is open without its arrays
        return
    (wanted,) = measured([expression], {})
    scale = max(1.0, float(np.max(np.abs(wanted), initial=0.0)))
    found = np.broadcast_to(np.asarray(found, float), wanted.shape)
    if (
        np.all(np.isfinite(wanted))
        and not np.max(np.abs(found - wanted), initial=0.0) < TOLERANCE * scale
    ):
        raise DerivantError(
            f"the text {text!r:.200} is not what was solved for; it is not shown. "
            "This is a fault of derivant: please report the formula"
        )
