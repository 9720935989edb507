"""The stops of `derivant tour`: the lecture on vector and tensor derivatives, worked.

A stop is prose, commands as a reader would type them, and small programs; what is shown of the
last two is what they print when the tour runs. Where the lecture has a slip it is named and put
right, beside a check. The lecture: S. Srikanth, Vector & Tensor Derivatives, IIIT Hyderabad, 2020,
after J. Johnson, "Derivatives, backpropagation, and vectorization" (CS231n), and E. Learned-Miller,
"Vector, matrix, and tensor derivatives".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from derivant.calculus.jacobians import jacobian
from derivant.calculus.transforms import grad
from derivant.carriers.value import Value

Command: TypeAlias = tuple[str, ...]
Part: TypeAlias = str | Command | Callable[[], object]


@dataclass(frozen=True, slots=True)
class Stop:
    """One subject: a title and what is said, typed and run under it."""

    title: str
    parts: tuple[Part, ...]


def gradient_from_every_side() -> object:
    """The quotient of the lecture from two sides of a norm, and what is left without the slope."""
    f, x = np.linalg.norm, np.array([3.0, 4.0])
    t, h = 1e-6, np.array([0.6, 0.8])
    ahead, behind = (f(x + t * h) - f(x)) / t, (f(x - t * h) - f(x)) / t
    rest = (f(x + t * h) - f(x) - grad(f)(x) @ (t * h)) / t
    return f"{ahead:.4f} along h, {behind:.4f} along -h; less <grad, h>: {rest:.0e}"


def which_index_is_summed() -> object:
    """The product of a Jacobian with a step, beside the sum over its second index."""
    J, dx = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), np.array([1.0, 10.0, 100.0])
    by_hand = np.array([sum(J[j, i] * dx[i] for i in range(3)) for j in range(2)])
    return J.shape, J @ dx, by_hand


def a_row_has_the_shape_of_x() -> object:
    """The shapes of a Jacobian and of one row of it."""
    J = jacobian(lambda X: X[:2, :3] * 2)(np.ones((4, 5)))
    return J.shape, J[1, 2].shape


def jacobian_of_256_gib() -> object:
    """The Jacobian of a large linear layer."""
    W, X = np.ones((4096, 4096), np.float32), np.ones((64, 4096), np.float32)
    J = jacobian(lambda X: X @ W)(X)
    return J.structure, f"{J.nbytes >> 20} MiB", f"dense {J.dense_nbytes >> 30} GiB", J[3, 7, 3, 9]


def linear_layer_in_numbers() -> object:
    """The upstream gradient times the Jacobian, and without one."""
    w, dy = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), np.array([[1.0, 10.0, 100.0]])
    J = jacobian(lambda x: x @ w)(np.ones((1, 2)))  # N = 1, D = 2, M = 3
    return dy.shape, dy @ J, dy @ w.T


def relu_of_four_numbers() -> object:
    """The example of the lecture."""
    x, upstream = np.array([1.0, -2.0, 3.0, -1.0]), np.array([4.0, -1.0, 5.0, 9.0])
    J = jacobian(lambda x: np.maximum(x, 0))(x)
    return J.structure, upstream @ J


def autograd_by_hand() -> object:
    """The program of the lecture."""
    a, b = Value(-4.0), Value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    g.backward()
    return f"{g.data:.4f}, {a.grad:.4f}, {b.grad:.4f}"


def derive(formula: str, wrt: str, *options: str) -> Command:
    """The command that derives a formula."""
    return ("derive", formula, "--wrt", wrt, *options)


COST = "norm2(X*theta - y)^2/(2*m)"

STOPS = (
    Stop("Scalars: the chain rule", (
        "f(x + e) is about f(x) + e f'(x), and derivatives along a chain multiply.",
        derive("exp(sin(x))", "x", "--shape", "x:", "--steps"),
    )),
    Stop("Vector in, number out: the gradient", (
        "Write one element with its indices, differentiate that, then put all elements together.",
        derive("x'*x", "x", "--steps"),
        derive("sum(x)", "x", "--steps"),
        "Slip: the lecture sets x'x as [x1, ..., xn]' [x1, ..., xn], a column times a row. That is "
        "a matrix; the row comes first.",
        ("shapes", "x*x'"),
        ("shapes", "x'*x"),
        "Slip: it defines the gradient as the limit of (f(x + h) - f(x)) / ||h||, which depends on "
        "where h comes from. Right: f(x + h) = f(x) + <grad, h> + o(||h||).",
        gradient_from_every_side,
    )),
    Stop("Vector in, vector out: the Jacobian", (
        "Entry (i, j) says how much y_i moves with x_j. One entry is enough to see all of them.",
        derive("W*x", "x", "--steps"),
        derive("x'*W", "x"),
        "Slip: for the product of the Jacobian with dx the lecture sums over the index of y. "
        "Right: (J dx)_j is the sum over i of J_ji dx_i.",
        which_index_is_summed,
    )),
    Stop("Tensor in, tensor out: the generalized Jacobian", (
        "Its shape is the shape of y followed by the shape of x; the chain rule stays a product.",
        "Slip: one slide says that each row has the shape of y, the next that it has the shape of "
        "x. The second is right: fix an entry of y, and one number for each entry of x is left.",
        a_row_has_the_shape_of_x,
        "For a linear layer with N = 64 and D = M = 4096 the Jacobian has 68 billion numbers. It "
        "is kept as what it is, a product of a delta and W.",
        jacobian_of_256_gib,
    )),
    Stop("x'Ax", (
        "By x both factors count; by A the answer has the shape of A.",
        derive("x'*A*x", "x,A", "--steps"),
    )),
    Stop("Least squares", (
        "The derivative of the cost, and the cost set to its least.",
        derive(COST, "theta", "--shape", "X: m n", "--steps"),
        "Slip: the lecture drops the 1/(2m) of the cost on the way. The solution stays, the "
        "derivative does not.",
        ("verify", COST, "--wrt", "theta", "--shape", "X: m n", "--claim",
         "2*X'*X*theta - 2*X'*y"),
        ("solve", COST, "--over", "theta", "--shape", "X: m n", "--assume", "X: full-column-rank"),
        "The exercise, with weights:",
        ("solve", "(X*theta - y)'*W*(X*theta - y)", "--over", "theta", "--assume",
         "X: full-column-rank, W: spd", "--steps"),
    )),
    Stop("The least norm under constraints", (
        "The multiplier of a constraint is one more unknown; both derivatives are set to zero.",
        ("solve", "x'*x", "--over", "x", "--subject-to", "lam: A*x = y", "--steps"),
    )),
    Stop("Back-propagation through a linear layer", (
        "With G for dL/dY nothing of the Jacobian is ever formed. Rows as samples, then columns:",
        derive("X*W", "X,W", "--cotangent", "G", "--notation", "matrix"),
        derive("W*X", "X,W", "--cotangent", "G", "--notation", "matrix"),
        "Slip: the lecture calls dL/dy M x N. It has the shape of y, N x M.",
        linear_layer_in_numbers,
    )),
    Stop("Back-propagation through relu", (
        "Each output depends on one input: the Jacobian is diagonal, and the gradient is masked.",
        derive("relu(x)", "x", "--cotangent", "g", "--steps"),
        relu_of_four_numbers,
    )),
    Stop("CS231n: the squared norm of Wx", (
        derive("norm2(W*x)^2", "W,x", "--steps"),
    )),
    Stop("CS231n: a network of two layers", (
        "A program of several lines is differentiated backwards, in the names of the program.",
        derive("z1 = X*W1; h1 = relu(z1); L = norm2(h1*W2)^2", "W1,W2", "--steps"),
    )),
    Stop("An autograd of scalars", (
        "from derivant.micrograd.engine import Value; the program of the lecture as it stands.",
        autograd_by_hand,
        "Arrays, and a network that learns to read digits: derivant train digits",
    )),
)  # fmt: skip
