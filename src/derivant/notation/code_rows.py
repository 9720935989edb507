"""What each row is called in NumPy, JAX and PyTorch.

`{0}`, `{1}` stand for operands, `{axis}` for axes counted from the front; `{m}` is the module of
arrays. Only texts: what an expression means is known elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MAPS = ("exp", "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh")
SAME = (
    *MAPS,
    *("abs", "sign", "expm1", "log1p", "log2", "log10", "exp2", "floor", "ceil", "trunc", "round"),
    *("isfinite", "isnan", "isinf", "logical_not"),
)
PAIRS = ("hypot", "logaddexp", "copysign", "logical_and", "logical_or", "logical_xor")
INVERSES = ("asin", "acos", "atan", "asinh", "acosh", "atanh")
COMPARED = {
    "equal": "==", "not_equal": "!=", "less": "<", "less_equal": "<=", "greater": ">",
    "greater_equal": ">=",
}  # fmt: skip
COMMON = {
    "det": "{m}.linalg.det({0})",
    "inv": "{m}.linalg.inv({0})",
    "cholesky": "{m}.linalg.cholesky(({0} + {0}.T) / 2)",
    "eigvalsh": "{m}.linalg.eigvalsh(({0} + {0}.T) / 2)",
    "eigh": "{m}.linalg.eigh(({0} + {0}.T) / 2)",
    "logdet": "{m}.linalg.slogdet({0})[1]",
    "slogdet": "{m}.linalg.slogdet({0})",
    "trace": "{m}.trace({0})",
    "cross": "{m}.linalg.cross({0}, {1})",
    **{name: f"{{m}}.{name}({{0}})" for name in SAME},
    **{name: f"{{m}}.{name}({{0}}, {{1}})" for name in PAIRS},
}
NUMPY_LIKE = {
    **{name: f"{{m}}.arc{name[1:]}({{0}})" for name in INVERSES},
    "atan2": "{m}.arctan2({0}, {1})",
    "cbrt": "{m}.cbrt({0})",
    "sum": "{m}.sum({0}{axis})",
    "max": "{m}.max({0}{axis})",
    "min": "{m}.min({0}{axis})",
    "prod": "{m}.prod({0}{axis})",
    "flip": "{m}.flip({0}{axis})",
    "squeeze": "{m}.squeeze({0}{axis})",
    "permute_dims": "{m}.transpose({0}, {axes})",
    "diag_embed": "{m}.diag({0})",
    "diagonal": "{m}.diag({0})",
    "step": "{m}.heaviside({0}, 0.0)",
    "heaviside": "{m}.heaviside({0}, {1})",
    "softplus": "{m}.logaddexp(0, {0})",
    "log_sigmoid": "-{m}.logaddexp(0, -({0}))",
    "clip_low": "{m}.maximum({0}, {1})",
    "clip_high": "{m}.minimum({0}, {1})",
}


@dataclass(frozen=True, slots=True)
class Target:
    """A library: its module of arrays, what it calls things, and the imports for these."""

    name: str
    module: str
    axis: str
    rows: Mapping[str, str]
    imports: Mapping[str, str]
    device: str = ""
    keeps: str = "keepdims"
    turned: str = "{m}.swapaxes({0}, -1, -2)"


NUMPY = Target(
    "numpy",
    "np",
    "axis",
    {
        **COMMON,
        **NUMPY_LIKE,
        "relu": "np.maximum({0}, 0)",
        "sigmoid": "scipy.special.expit({0})",
        "silu": "{0} * scipy.special.expit({0})",
        "erf": "scipy.special.erf({0})",
        "erfc": "scipy.special.erfc({0})",
        "lgamma": "scipy.special.gammaln({0})",
        "digamma": "scipy.special.digamma({0})",
        "logit": "scipy.special.logit({0})",
        "xlogy": "scipy.special.xlogy({0}, {1})",
        "softmax": "scipy.special.softmax({0}{axis})",
        "log_softmax": "scipy.special.log_softmax({0}{axis})",
        "logsumexp": "scipy.special.logsumexp({0}{axis})",
        "expm": "scipy.linalg.expm({0})",
        "solve": "np.linalg.solve({0}, {1})",
    },
    {
        "math": "import math",
        "np": "import numpy as np",
        "scipy.linalg": "import scipy.linalg",
        "scipy.special": "import scipy.special",
    },
)
JAX = Target(
    "jax",
    "jnp",
    "axis",
    {
        **COMMON,
        **NUMPY_LIKE,
        "relu": "jax.nn.relu({0})",
        "sigmoid": "jax.nn.sigmoid({0})",
        "silu": "jax.nn.silu({0})",
        "softplus": "jax.nn.softplus({0})",
        "log_sigmoid": "jax.nn.log_sigmoid({0})",
        "erf": "jax.scipy.special.erf({0})",
        "erfc": "jax.scipy.special.erfc({0})",
        "lgamma": "jax.scipy.special.gammaln({0})",
        "digamma": "jax.scipy.special.digamma({0})",
        "logit": "jax.scipy.special.logit({0})",
        "xlogy": "jax.scipy.special.xlogy({0}, {1})",
        "softmax": "jax.nn.softmax({0}{axis})",
        "log_softmax": "jax.nn.log_softmax({0}{axis})",
        "logsumexp": "jax.scipy.special.logsumexp({0}{axis})",
        "expm": "jax.scipy.linalg.expm({0})",
        "solve": "jnp.linalg.solve({0}, {1})",
    },
    {
        "math": "import math",
        "jax.nn": "import jax.nn",
        "jnp": "import jax.numpy as jnp",
        "jax.scipy.linalg": "import jax.scipy.linalg",
        "jax.scipy.special": "import jax.scipy.special",
    },
)
TORCH = Target(
    "torch",
    "torch",
    "dim",
    {
        **COMMON,
        **{name: f"torch.{name}({{0}})" for name in INVERSES},
        "atan2": "torch.atan2({0}, {1})",
        "sum": "torch.sum({0}{axis})",
        "max": "torch.amax({0}{axis})",
        "min": "torch.amin({0}{axis})",
        "prod": "torch.prod({0}{axis})",
        "cumsum": "torch.cumsum({0}{axis})",
        "flip": "torch.flip({0}, {axes})",
        "squeeze": "torch.squeeze({0}{axis})",
        "permute_dims": "torch.permute({0}, {axes})",
        "diag_embed": "torch.diag({0})",
        "diagonal": "torch.diag({0})",
        "step": "({0} > 0).to({0}.dtype)",
        "heaviside": "torch.heaviside({0}, {1})",
        "relu": "torch.relu({0})",
        "sigmoid": "torch.sigmoid({0})",
        "silu": "torch.nn.functional.silu({0})",
        "softplus": "torch.logaddexp({0}, torch.zeros_like({0}))",
        "log_sigmoid": "torch.nn.functional.logsigmoid({0})",
        "erf": "torch.special.erf({0})",
        "erfc": "torch.special.erfc({0})",
        "lgamma": "torch.special.gammaln({0})",
        "digamma": "torch.special.digamma({0})",
        "logit": "torch.special.logit({0})",
        "xlogy": "torch.special.xlogy({0}, {1})",
        "softmax": "torch.softmax({0}{axis})",
        "log_softmax": "torch.log_softmax({0}{axis})",
        "logsumexp": "torch.logsumexp({0}{axis})",
        "expm": "torch.linalg.matrix_exp({0})",
        "solve": "torch.linalg.solve({0}, {1})",
    },
    {"math": "import math", "torch": "import torch"},
    device=", device={0}.device",
    keeps="keepdim",
)
TARGETS = {target.name: target for target in (NUMPY, JAX, TORCH)}
# Functions of Python numbers, which no array library takes without changing their type.
NUMBERS = {
    **{name: f"math.{name}({{0}})" for name in MAPS},
    **{name: f"math.{name}({{0}})" for name in (*INVERSES, "expm1", "log1p", "erf", "erfc")},
    "abs": "abs({0})",
}
