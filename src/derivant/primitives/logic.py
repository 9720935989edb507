"""Rows with truth values or bits as results: comparisons, logic, predicates. No derivatives."""

from __future__ import annotations

import numpy as np

from derivant.primitives.arithmetic import resolved
from derivant.primitives.families import constant

equal = constant("equal", np.equal, 2, text="{0} == {1}")
not_equal = constant("not_equal", np.not_equal, 2, text="{0} != {1}")
less = constant("less", np.less, 2, text="{0} < {1}")
less_equal = constant("less_equal", np.less_equal, 2, text="{0} <= {1}")
greater = constant("greater", np.greater, 2, text="{0} > {1}")
greater_equal = constant("greater_equal", np.greater_equal, 2, text="{0} >= {1}")

logical_and = constant("logical_and", np.logical_and, 2, text="logical_and({0}, {1})")
logical_or = constant("logical_or", np.logical_or, 2, text="logical_or({0}, {1})")
logical_xor = constant("logical_xor", np.logical_xor, 2, text="logical_xor({0}, {1})")
logical_not = constant("logical_not", np.logical_not, text="logical_not({0})")

isfinite = constant("isfinite", np.isfinite, text="isfinite({0})")
isinf = constant("isinf", np.isinf, text="isinf({0})")
isnan = constant("isnan", np.isnan, text="isnan({0})")
signbit = constant("signbit", np.signbit, text="signbit({0})")

bitwise_and = constant(
    "bitwise_and",
    np.bitwise_and,
    2,
    dtype=resolved(np.bitwise_and),
    text="{0} & {1}",
    domain=("int", "int"),
)
bitwise_or = constant(
    "bitwise_or",
    np.bitwise_or,
    2,
    dtype=resolved(np.bitwise_or),
    text="{0} | {1}",
    domain=("int", "int"),
)
bitwise_xor = constant(
    "bitwise_xor",
    np.bitwise_xor,
    2,
    dtype=resolved(np.bitwise_xor),
    text="{0} ^ {1}",
    domain=("int", "int"),
)
bitwise_invert = constant(
    "bitwise_invert",
    np.invert,
    dtype=resolved(np.invert),
    text="~{0}",
    domain=("int",),
)
bitwise_left_shift = constant(
    "bitwise_left_shift",
    np.left_shift,
    2,
    dtype=resolved(np.left_shift),
    text="{0} << {1}",
    domain=("int", "count"),
)
bitwise_right_shift = constant(
    "bitwise_right_shift",
    np.right_shift,
    2,
    dtype=resolved(np.right_shift),
    text="{0} >> {1}",
    domain=("int", "count"),
)
