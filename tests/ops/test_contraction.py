"""Products, contractions by letters, and diagonals, against NumPy; their derivatives by laws."""

from __future__ import annotations

import itertools
import random
import tracemalloc
from typing import Any

import numpy as np
import pytest

from derivant.base.dims import Dim
from derivant.base.errors import ArgumentError, AxisError, DerivantError, ShapeError
from derivant.calculus.transforms import grad, hvp, jvp, vjp
from derivant.carriers.evaluate import evaluate
from derivant.carriers.leaves import tensor
from derivant.carriers.trace import trace_graph
from derivant.ops import contraction as ops
from derivant.primitives import TABLE
from derivant.primitives.einsum import einsum_evaluate, plan_of, read_pattern

N, M, K = (Dim.named(name) for name in "nmk")
SPECS = [
    ("ij,jk->ik", ((2, 3), (3, 4))),
    ("ij,jk", ((2, 3), (3, 4))),
    ("ba", ((2, 3),)),
    (" i j , j k -> k i ", ((2, 3), (3, 4))),
    ("ii", ((3, 3),)),
    ("ii->i", ((3, 3),)),
    ("iji->j", ((3, 2, 3),)),
    ("ijk->", ((2, 3, 4),)),
    ("...", ((2, 3),)),
    ("...i->...", ((2, 3, 4),)),
    ("i...,i...->...", ((2, 3), (2, 4, 3))),
    ("...ij,...jk->...ik", ((5, 1, 2, 3), (4, 3, 2))),
    ("...i,i", ((2, 3), (3,))),
    ("i...->i...", ((3, 1, 2),)),
    ("i,j,k->kji", ((2,), (3,), (4,))),
    ("i,i->", ((1,), (3,))),
    ("ij,ij->ij", ((1, 3), (2, 1))),
    (",ij->ij", ((), (2, 3))),
    (",,->", ((), (), ())),
    ("ij,j,jk,kl->il", ((2, 3), (3,), (3, 4), (4, 2))),
    ("a,b,c,d,e,f->fedcba", ((2,), (1,), (3,), (2,), (1,), (2,))),
    ("ab,bc,cd,de,ef,fa->", ((2, 3), (3, 4), (4, 2), (2, 3), (3, 4), (4, 2))),
    ("aab,bc,c->ca", ((2, 2, 3), (3, 4), (4,))),
    ("ij,jk->ik", ((0, 3), (3, 2))),
    ("ij,jk->ik", ((2, 0), (0, 3))),
    ("Zz,za->Za", ((2, 3), (3, 2))),
]


def arrays(shapes: Any, seed: int = 0) -> list[np.ndarray[Any, Any]]:
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.standard_normal(shape)) for shape in shapes]


def close(a: Any, b: Any, tolerance: float = 1e-12) -> None:
    assert np.shape(a) == np.shape(b)
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


# einsum


@pytest.mark.parametrize(("pattern", "shapes"), SPECS)
def test_einsum_is_numpys(pattern: str, shapes: Any) -> None:
    xs = arrays(shapes)
    close(ops.einsum(pattern, *xs), np.einsum(pattern, *xs, optimize=False))


@pytest.mark.parametrize(("pattern", "shapes"), SPECS)
def test_einsum_derivatives_are_adjoint_and_linear_in_each_operand(
    pattern: str, shapes: Any
) -> None:
    xs, vs = arrays(shapes), arrays(shapes, 1)
    out, pull = vjp(lambda *a: ops.einsum(pattern, *a), *xs)
    g = arrays([np.shape(out)], 2)[0]
    cotangents = pull(g)
    for place, (x, v, w) in enumerate(zip(xs, vs, cotangents, strict=True)):
        assert w.shape == x.shape
        moved = [v if i == place else a for i, a in enumerate(xs)]
        tangent = np.einsum(pattern, *moved, optimize=False)
        close(np.sum(v * w), np.sum(g * tangent), 1e-11)
        push = jvp(
            lambda a, place=place: ops.einsum(pattern, *xs[:place], a, *xs[place + 1 :]), (x,), (v,)
        )
        close(push[1], tangent, 1e-11)


def test_random_specs_are_numpys() -> None:
    rng = random.Random(0)
    sizes = {"a": 2, "b": 3, "c": 4, "d": 5, "e": 1, "f": 0}
    for turn in range(600):
        letters = "abcde" if turn % 10 else "abcdef"
        count = rng.choice([1, 2, 2, 2, 3, 3, 4, 5, 6])
        terms = ["".join(rng.choices(letters, k=rng.randint(0, 3))) for _ in range(count)]
        known = sorted(set("".join(terms)))
        rng.shuffle(known)
        spec = f"{','.join(terms)}->{''.join(known[: rng.randint(0, len(known))])}"
        xs = arrays([tuple(sizes[c] for c in term) for term in terms], turn)
        close(einsum_evaluate(*xs, spec=spec), np.einsum(spec, *xs, optimize=False), 1e-10)


def test_second_derivative_of_a_quartic_form() -> None:
    """f = sum_ijkl A_ij x_i x_j x_k x_k: its Hessian by hand."""
    A = np.array([[1.0, 2.0, 0.5], [0.0, 1.0, 3.0], [2.0, 1.0, 1.0]])
    x, v = np.array([1.0, -2.0, 0.5]), np.array([0.3, 1.0, 2.0])
    S = A + A.T
    quadratic, square = x @ A @ x, x @ x
    hessian = (
        S * square + 2 * np.outer(S @ x, x) + 2 * np.outer(x, S @ x) + 2 * quadratic * np.eye(3)
    )
    close(hvp(lambda z: ops.einsum("ij,i,j,k,k->", A, z, z, z, z), x, v), hessian @ v)


def test_repeated_letters_pull_back_to_diagonals() -> None:
    x = np.arange(27.0).reshape(3, 3, 3)
    gradient = grad(lambda a: ops.einsum("iii->", a))(x)
    expected = np.zeros((3, 3, 3))
    expected[range(3), range(3), range(3)] = 1.0
    close(gradient, expected)


def test_lists_of_axis_numbers() -> None:
    a, b = arrays([(2, 3), (3, 4)])
    close(ops.einsum(a, [0, 1], b, [1, 2], [0, 2]), a @ b)
    close(ops.einsum(a, [0, 1], b, [1, 2]), np.einsum(a, [0, 1], b, [1, 2]))
    close(ops.einsum(a, [Ellipsis, 1], [1, Ellipsis]), np.einsum(a, [..., 1], [1, ...]))
    with pytest.raises(ArgumentError, match="0 to 51"):
        ops.einsum(a, [0, 52])
    with pytest.raises(ArgumentError, match="lists of axis numbers"):
        ops.einsum(a, 0)


def test_types() -> None:
    f32 = np.ones((2, 2), np.float32)
    assert ops.einsum("ij,jk->ik", f32, f32).dtype == np.float32
    assert ops.einsum(",ij->ij", 2.0, f32).dtype == np.float32
    assert ops.einsum("ij,jk->ik", f32, np.ones((2, 2), int)).dtype == np.float64
    small = np.full((2, 100), 100, np.int8)
    assert ops.einsum("ij->i", small).dtype == np.int8
    np.testing.assert_array_equal(
        ops.einsum("ij,k->i", small, np.ones(1)), np.einsum("ij,k->i", small, np.ones(1))
    )
    mask = np.array([[True, False], [True, True]])
    np.testing.assert_array_equal(ops.einsum("ij->j", mask), np.einsum("ij->j", mask))


def test_views_with_negative_and_zero_strides() -> None:
    a, b = arrays([(4, 6), (6, 5)])
    close(ops.einsum("ij,jk->ik", a[::-1, ::2], b[::-2]), a[::-1, ::2] @ b[::-2])
    repeated = np.broadcast_to(b[:1], (6, 5))
    close(ops.einsum("ij,jk->ki", a, repeated), (a @ repeated).T)


@pytest.mark.parametrize(
    ("pattern", "shapes", "words"),
    [
        ("ij,jk->ik", ((2, 3), (4, 5)), ["the letter j is 3 in A and 4 in B", "'ij,jk->ik'"]),
        ("ii->i", ((2, 3),), ["the letter i is both 2 and 3 in A"]),
        ("ij,jk->ik", ((2, 3), (4,)), ["B has 1 axes; 'jk' names 2"]),
        ("ijk...", ((2, 3),), ["A has 2 axes; 'ijk...' names at least 3"]),
        ("ij,jk,kl", ((2, 3), (3, 4)), ["the pattern has 3 operands; 2 came"]),
        ("ij->ik", ((2, 3),), ["the letter k of the result 'ik' is in no operand"]),
        ("ij->ii", ((2, 3),), ["the letter i stands twice in the result"]),
        ("...i->i", ((2, 3),), ["'...'", "name the axes to sum"]),
        ("i1", ((2, 3),), ["not '1'"]),
        ("i.j", ((2, 3),), ["not '.'"]),
        ("......i", ((2, 3),), ["once an operand"]),
    ],
)
def test_errors_repeat_the_pattern_and_the_shapes(pattern: str, shapes: Any, words: Any) -> None:
    A, B = (*arrays(shapes), None)[:2]
    given = [A] if B is None else [A, B]
    with pytest.raises(DerivantError) as caught:
        ops.einsum(pattern, *given)
    for word in [*words, repr(pattern), "A (2, 3)"]:
        assert word in str(caught.value)
    with pytest.raises(DerivantError):
        ops.einsum(pattern, *map(tensor, given))


def test_merged_axes_that_only_fit_by_chance_are_refused() -> None:
    with pytest.raises(ShapeError, match="letter b"):
        einsum_evaluate(np.ones((2, 3, 4)), np.ones((4, 3, 5)), spec="abc,bcd->ad")


def test_order_of_pairs_follows_the_cost() -> None:
    """A (n, n) B (n, n) x is two products with a vector, never one of matrices."""
    steps: Any = plan_of("ij,jk,k->i", ((50, 50), (50, 50), (50,)))
    assert [step.places for step in steps] == [(1, 2), (0, 1)]
    chain = "ab,bc,cd,de,ef,f->a"
    many: Any = plan_of(chain, ((30, 30),) * 5 + ((30,),))
    assert all(len(step.views) == 2 for step in many) and len(many) == 5
    xs = [np.ones((300, 300))] * 5 + [np.ones(300)]
    tracemalloc.start()
    einsum_evaluate(*xs, spec=chain)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300 * 300 * 8


def test_named_sizes() -> None:
    row = TABLE["einsum"]
    assert row.shape((N, M), (M, K), spec="ij,jk->ki") == (K, N)
    with pytest.raises(ShapeError, match=r"letter j is m in .* and n in"):
        row.shape((N, M), (N, K), spec="ij,jk->ik")
    e = trace_graph(lambda x, y: ops.einsum("...i,...i", x, y), "n m", "m")
    assert e.shape == (N,)
    x, y = arrays([(2, 3), (3,)])
    close(evaluate(e, {"x": x, "y": y}), x @ y)


def test_pattern_reading_is_remembered() -> None:
    assert read_pattern("ij,jk", (2, 2)) == (("ij", "jk"), "ik")
    assert read_pattern("b...a,...", (3, 2)) == (("bBa", "AB"), "ABab")


# matmul


MATMULS = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 4)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3, 4)),
    ((5, 2, 3), (3,)),
    ((6, 5, 2, 3), (3, 4)),
    ((6, 5, 2, 3), (3,)),
    ((2, 3), (5, 3, 4)),
    ((3,), (5, 3, 4)),
    ((3,), (6, 5, 3, 4)),
    ((6, 1, 2, 3), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((0, 2, 3), (3, 4)),
    ((5, 0, 3), (3, 4)),
    ((5, 2, 0), (0, 4)),
    ((2, 3), (0, 3, 4)),
]


@pytest.mark.parametrize(("x", "y"), MATMULS)
def test_matmul_value_and_pullback(x: Any, y: Any) -> None:
    a, b = arrays([x, y])
    out, pull = vjp(ops.matmul, a, b)
    close(out, np.matmul(a, b))
    g = arrays([np.shape(out)], 1)[0]
    for place, cotangent in enumerate(pull(g)):
        v = arrays([x, y], 2)[place]
        assert cotangent.shape == v.shape
        moved = np.matmul(v, b) if place == 0 else np.matmul(a, v)
        close(np.sum(cotangent * v), np.sum(g * moved), 1e-11)


@pytest.mark.parametrize(("x", "y"), MATMULS)
def test_matmul_reads_as_letters(x: Any, y: Any) -> None:
    row = TABLE["matmul"]
    assert row.reading is not None
    reading = row.reading(x, y)
    if x[:2] == (6, 1):
        assert reading is None
        return
    (left, right), out = reading
    a, b = arrays([x, y])
    close(np.einsum(f"{left},{right}->{out}", a, b), np.matmul(a, b))


@pytest.mark.parametrize("leads", list(itertools.product([(2,), (1,)], repeat=2)))
@pytest.mark.parametrize(("x", "y"), MATMULS)
def test_matmul_under_leading_axes(x: Any, y: Any, leads: Any) -> None:
    row = TABLE["matmul"]
    a, b = arrays([leads[0] + x, leads[1] + y])
    count = max(leads[0] + leads[1])
    expected = [np.matmul(a[min(i, len(a) - 1)], b[min(i, len(b) - 1)]) for i in range(count)]
    close(row.batch(row, 1, (a, b), {}), np.stack(expected))


def test_gradient_of_shared_weights_is_one_product() -> None:
    """X (b, n, m) @ W: no stack of gradients of W is ever made."""
    X, W = np.ones((200, 4, 50)), np.ones((50, 60))
    _, pull = vjp(lambda w: ops.matmul(X, w), W)
    tracemalloc.start()
    (found,) = pull(np.ones((200, 4, 60)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.all(found == 800.0)
    assert peak < 200 * 50 * 60 * 8 / 4


def test_matmul_errors_name_the_operands() -> None:
    X, W = np.ones((64, 784)), tensor(np.ones((728, 128)))
    words = (
        "matmul: X (64, 784) @ W (728, 128): the last axis of X is 784, the first axis of W is 728"
    )
    with pytest.raises(ShapeError) as caught:
        ops.matmul(X, W)
    assert str(caught.value) == words
    with pytest.raises(ShapeError) as caught:
        ops.matmul([[1.0, 2.0]], [1.0, 2.0, 3.0])
    assert (
        "the last axis of the first operand is 2, the first axis of the second operand is 3"
        in str(caught.value)
    )
    number = np.array(2.0)
    with pytest.raises(ShapeError, match="number has no axes; multiply"):
        ops.matmul(X, number)
    with pytest.raises(ShapeError, match="leading axes do not broadcast"):
        ops.matmul(np.ones((2, 3, 4)), np.ones((3, 4, 5)))


# the other products


PAIRS = [((3,), (3,)), ((2, 3), (3,)), ((3,), (2, 3)), ((2, 3), (4, 3)), ((2, 1, 3), (4, 3))]


def test_inner_and_dot_are_numpys() -> None:
    for x, y in [*PAIRS, ((), (2, 3)), ((2,), ())]:
        a, b = arrays([x, y])
        close(ops.inner(a, b), np.inner(a, b))
        close(ops.inner(tensor(a), b).numpy(), np.inner(a, b))
    for x, y in [
        *MATMULS[:6],
        ((2, 3), (5, 3, 4)),
        ((5, 2, 3), (6, 3, 4)),
        ((), (2,)),
        ((2, 2), ()),
    ]:
        a, b = arrays([x, y])
        close(ops.dot(a, b), np.dot(a, b))
    with pytest.raises(ShapeError, match=r"inner: .*axis 1 of .* is 3, axis 0 of .* is 4"):
        ops.inner(np.ones((2, 3)), np.ones(4))
    with pytest.raises(ShapeError, match=r"dot: .*axis 1 of .* is 3, axis 1 of .* is 4"):
        ops.dot(np.ones((2, 3)), np.ones((2, 4, 5)))


def test_vdot_outer_vecdot_are_numpys() -> None:
    a, b = arrays([(2, 3), (3, 2)])
    close(ops.vdot(a, b), np.vdot(a, b))
    close(ops.outer(a, b), np.outer(a, b))
    close(ops.outer(2.0, b), np.outer(2.0, b))
    x, y = arrays([(4, 1, 3), (5, 3)])
    close(ops.vecdot(x, y), np.vecdot(x, y))
    x, y = arrays([(4, 3, 2), (3, 1)])
    close(ops.vecdot(x, y, axis=-2), np.vecdot(x, y, axis=-2))
    with pytest.raises(ShapeError, match=r"vdot: .*6 entries.*4"):
        ops.vdot(a, np.ones(4))
    with pytest.raises(ShapeError, match=r"vecdot: .*axis 1 of a is 3, axis 0 of .* is 2"):
        ops.vecdot(a, np.ones(2))
    with pytest.raises(AxisError, match="count from the end"):
        ops.vecdot(np.ones((3, 3)), np.ones((3, 3, 3)), axis=0)


@pytest.mark.parametrize(
    ("x", "y", "axes"),
    [
        ((2, 3, 4), (3, 4, 5), 2),
        ((2, 3), (3, 4), 1),
        ((2, 3), (4,), 0),
        ((2, 3, 4), (4, 2), ([0, 2], [1, 0])),
        ((2, 3), (3, 5), (1, 0)),
        ((2, 3), (3, 5), ((-1,), (-2,))),
        ((), (), 0),
    ],
)
def test_tensordot_is_numpys(x: Any, y: Any, axes: Any) -> None:
    a, b = arrays([x, y])
    close(ops.tensordot(a, b, axes), np.tensordot(a, b, axes))
    close(ops.tensordot(tensor(a), b, axes).numpy(), np.tensordot(a, b, axes))


def test_tensordot_errors() -> None:
    X, Y = np.ones((2, 3)), np.ones((4, 5))
    with pytest.raises(ShapeError) as caught:
        ops.tensordot(X, Y, 1)
    assert str(caught.value) == (
        "tensordot: tensordot(X (2, 3), Y (4, 5), axes=1): axis 1 of X is 3, axis 0 of Y is 4"
    )
    with pytest.raises(AxisError, match="axes=3, but X has 2 and Y 2"):
        ops.tensordot(X, Y, 3)
    for axes in [([0], [0, 1]), ([0, 0], [0, 1]), (1, 2, 3)]:
        with pytest.raises(ArgumentError):
            ops.tensordot(X, Y, axes)  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(AxisError, match="axis 2"):
        ops.tensordot(X, Y, ([2], [0]))


KRONS = [
    ((2,), (3,)),
    ((2, 3), (4, 5)),
    ((2,), (3, 2)),
    ((2, 3), (4,)),
    ((), (3,)),
    ((0, 2), (3, 1)),
]


@pytest.mark.parametrize(("x", "y"), KRONS)
def test_kron_is_numpys(x: Any, y: Any) -> None:
    a, b = arrays([x, y])
    close(ops.kron(a, b), np.kron(a, b))
    out, pull = vjp(ops.kron, a, b)
    g = arrays([np.shape(out)], 1)[0]
    by_a, by_b = pull(g)
    close(np.sum(by_a * a), np.sum(g * out), 1e-11)
    close(np.sum(by_b * b), np.sum(g * out), 1e-11)


def test_kron_of_named_sizes() -> None:
    e = trace_graph(ops.kron, "n m", "k 2")
    assert e.shape == (N * K, M * 2)
