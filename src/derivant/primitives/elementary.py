"""Rows of the elementary functions: exponentials, trigonometry, roots, rectifiers."""

from __future__ import annotations

import numpy as np

from derivant.primitives.families import elementwise
from derivant.primitives.rules import promoted

exp = elementwise("exp", np.exp, lambda xp, out, x: out, latex="e^{{{0}}}")
log = elementwise("log", np.log, lambda xp, out, x: 1.0 / x, latex=r"\log {0}", domain=("positive",))
sqrt = elementwise(
    "sqrt", np.sqrt, lambda xp, out, x: 0.5 / out, latex=r"\sqrt{{{0}}}", domain=("positive",)
)
sin = elementwise("sin", np.sin, lambda xp, out, x: xp.cos(x), latex=r"\sin {0}")
cos = elementwise("cos", np.cos, lambda xp, out, x: -xp.sin(x), latex=r"\cos {0}")
tanh = elementwise("tanh", np.tanh, lambda xp, out, x: 1.0 - out * out, latex=r"\tanh {0}")
abs_ = elementwise(
    "abs", np.abs, lambda xp, out, x: xp.sign(x), dtype=promoted, text="abs({0})", domain=("nonzero",)
)
sign = elementwise("sign", np.sign, None, dtype=promoted, latex=r"\operatorname{{sign}} {0}")
relu = elementwise(
    "relu",
    lambda x: np.maximum(x, 0),
    lambda xp, out, x: xp.step(x),
    dtype=promoted,
    latex=r"\mathrm{{relu}}({0})",
    domain=("nonzero",),
)
# The derivative of relu: 1 where x > 0, else 0 (least norm at the kink), NaN where x is.
step = elementwise("step", lambda x: np.heaviside(x, 0.0), None, latex=r"\mathbf{{1}}[{0} > 0]")
