"""How a function of a formula is called in Python with NumPy and SciPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from derivant.base.errors import DerivantError

Spelling = Callable[[Sequence[str]], str]
PLAIN = (
    "exp log sqrt sin cos tan tanh sinh cosh abs sign maximum minimum outer dot kron diag prod max "
    "min mean square"
)
RENAMED = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "tr": "trace", "eye": "eye"}
LINEAR = {"det": "det", "norm2": "norm", "inv": "inv", "pinv": "pinv", "matpow": "matrix_power"}
SPELLED: dict[str, Spelling] = {
    "sum": lambda a: f"np.sum({a[0]})" if len(a) == 1 else f"np.sum({a[0]}, axis={a[1]})",
    "ones": lambda a: f"np.ones({a[0]})" if len(a) == 1 else f"np.ones(({', '.join(a)}))",
    "zeros": lambda a: f"np.zeros({a[0]})" if len(a) == 1 else f"np.zeros(({', '.join(a)}))",
    "relu": lambda a: f"np.maximum({a[0]}, 0.0)",
    "step": lambda a: f"np.heaviside({a[0]}, 0.0)",
    "norm1": lambda a: f"np.sum(np.abs({a[0]}))",
    "logdet": lambda a: f"np.linalg.slogdet({a[0]})[1]",
    "softplus": lambda a: f"np.logaddexp(0.0, {a[0]})",
    "sigmoid": lambda a: f"scipy.special.expit({a[0]})",
    "erf": lambda a: f"scipy.special.erf({a[0]})",
    "softmax": lambda a: f"scipy.special.softmax({a[0]}, axis=-1)",
    "logsumexp": lambda a: f"scipy.special.logsumexp({a[0]}, axis=-1)",
    "expm": lambda a: f"scipy.linalg.expm({a[0]})",
    "hcat": lambda a: f"np.column_stack(({a[0]}, {a[1]}))",
    "vec": lambda a: f'np.reshape({a[0]}, -1, order="F")',
    "unvec": lambda a: f'np.reshape({a[0]}, ({a[1]}, {a[2]}), order="F")',
    "eigv": lambda a: f"np.linalg.eigh({a[0]})[1][:, {a[1] if len(a) > 1 else -1}]",
    "lam": lambda a: f"np.linalg.eigvalsh({a[0]})[{a[1]}]",
    "eigvecs": lambda a: f"np.linalg.eigh({a[0]})[1][:, ::-1][:, :{a[1]}]",
    "sqrtm": lambda a: f"scipy.linalg.sqrtm({a[0]})",
}


def called(name: str, arguments: Sequence[str]) -> str:
    """The call of a function; DerivantError where it has no name there."""
    if name in SPELLED:
        return SPELLED[name](arguments)
    if name in PLAIN.split() or name in RENAMED:
        return f"np.{RENAMED.get(name, name)}({', '.join(arguments)})"
    if name in LINEAR:
        return f"np.linalg.{LINEAR[name]}({', '.join(arguments)})"
    raise DerivantError(f"{name} has no NumPy code")
