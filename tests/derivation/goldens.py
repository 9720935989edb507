"""Derivations as they are printed, one file each under golden/.

`python tests/derivation/goldens.py` writes them anew; read every difference before it is kept.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import derivant as dv
from derivant.derivation import Derivative

FOLDER = Path(__file__).parent / "golden"
NETWORK = "z1 = X*W1; h1 = relu(z1); y = h1*W2; L = norm2(y)^2"
LAYERS = "X: N D, W1: D H, W2: H M"


def loss(w, X, y):
    r = X @ w - y
    return np.sum(r**2)


GOLDENS = {
    "squared_length": ("x'*x", "x", {}),
    "sum": ("sum(x)", "x", {}),
    "matrix_times_vector": ("W*x", "x", {}),
    "row_times_matrix": ("x'*W", "x", {}),
    "quadratic_form_by_x": ("x'*A*x", "x", {}),
    "quadratic_form_by_A": ("x'*A*x", "A", {}),
    "quadratic_form_symmetric": ("x'*A*x", "x", {"assume": "A: symmetric"}),
    "quadratic_form_twice": ("x'*A*x", "x", {"order": 2}),
    "least_squares": ("norm2(X*theta - y)^2/(2*m)", "theta", {"shapes": "X: m n"}),
    "weighted_least_squares": (
        "(X*theta - y)'*W*(X*theta - y)",
        "theta",
        {"shapes": "X: m n", "assume": "W: spd"},
    ),
    "least_squares_twice": ("norm2(A*x - b)^2", "x", {"order": 2}),
    "ridge": ("norm2(X*w - y)^2 + c*norm2(w)^2", "w", {"shapes": "X: m n, c:"}),
    "layer_by_W": ("X*W", "W", {"shapes": "X: N D, W: D M", "cotangent": "G"}),
    "layer_by_X": ("X*W", "X", {"shapes": "X: N D, W: D M", "cotangent": "G"}),
    "layer_turned_by_W": ("W*X", "W", {"shapes": "W: M D, X: D N", "cotangent": "G"}),
    "layer_turned_by_X": ("W*X", "X", {"shapes": "W: M D, X: D N", "cotangent": "G"}),
    "layer_whole": ("X*W", "W", {"shapes": "X: N D, W: D M"}),
    "relu_with_upstream": ("relu(x)", "x", {"cotangent": "G"}),
    "relu_sum": ("sum(relu(A*x))", "x", {}),
    "norm_of_Wx_by_W": ("norm2(W*x)^2", "W", {}),
    "norm_of_Wx_by_x": ("norm2(W*x)^2", "x", {}),
    "norm": ("norm2(A*x - b)", "x", {}),
    "network_by_W1": (NETWORK, "W1", {"shapes": LAYERS}),
    "network_by_W2": (NETWORK, "W2", {"shapes": LAYERS}),
    "network_unnamed": ("norm2(relu(X*W1)*W2)^2", "W1", {"shapes": LAYERS}),
    "tanh_layer": ("tanh(A*x + b)", "x", {}),
    "softmax": ("softmax(x)", "x", {}),
    "softmax_layer": ("V'*softmax(R*x)", "x", {}),
    "logistic": ("sum(log(1 + exp(-y .* (X*w))))", "w", {"shapes": "X: m n"}),
    "softmax_regression": (
        "-sum(Y .* log(softmax(X*W)))",
        "W",
        {"shapes": "X: N D, W: D M, Y: N M"},
    ),
    "rayleigh": ("(x'*A*x)/(x'*x)", "x", {}),
    "inverse": ("a'*inv(X)*b", "X", {}),
    "logdet": ("logdet(X'*X)", "X", {"shapes": "X: m n"}),
    "kronecker": ("A*X*B", "X", {"shapes": "A: m n, X: n p, B: p q", "layout": "vec"}),
    "projected": (
        "tr(A'*X)",
        "X",
        {"assume": "X: symmetric", "structured": "independent"},
    ),
    "python_function": (loss, "w", {"shapes": "X: m n, w: n, y: m"}),
}


def derivation(name: str) -> str:
    """The text of one derivation."""
    what, wrt, options = GOLDENS[name]
    found = dv.derive(what, wrt=wrt, **options)
    assert isinstance(found, Derivative)
    return f"{found.derivation}\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in GOLDENS:
        (FOLDER / f"{name}.txt").write_text(derivation(name), encoding="utf-8")
