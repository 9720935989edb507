"""Convolutions against PyTorch where it is installed, against sums written out, and NumPy's own."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from derivant.base.dims import Dim
from derivant.base.errors import ArgumentError, ShapeError
from derivant.calculus.transforms import grad, hvp, jvp, vjp
from derivant.carriers.evaluate import evaluate
from derivant.carriers.leaves import tensor
from derivant.carriers.trace import trace_graph
from derivant.ops import convolution as ops
from derivant.primitives import TABLE
from derivant.primitives import convolution as rows

N, C, L = (Dim.named(name) for name in "ncl")
SETTINGS: list[dict[str, Any]] = [
    {},
    {"stride": 2},
    {"stride": 3, "padding": 2},
    {"padding": 1, "dilation": 2},
    {"stride": 2, "padding": 3, "dilation": 3},
    {"padding": "same", "dilation": 2},
    {"padding": "valid", "stride": 2},
]
SHAPES_1D = [
    ((2, 4, 11), (6, 4, 3), 1),
    ((3, 4, 11), (6, 2, 2), 2),
    ((2, 4, 12), (4, 1, 3), 4),
    ((4, 11), (2, 4, 1), 1),
    ((0, 4, 11), (6, 4, 3), 1),
    ((1, 1, 11), (1, 1, 4), 1),
]
SHAPES_2D = [
    ((2, 4, 9, 10), (6, 4, 3, 2), 1),
    ((2, 4, 10, 9), (6, 2, 2, 3), 2),
    ((3, 3, 9, 9), (6, 1, 3, 3), 3),
    ((4, 9, 10), (2, 4, 1, 3), 1),
    ((0, 4, 9, 9), (6, 4, 3, 3), 1),
]
EVERY = [
    (rank, *shapes, settings)
    for rank, kinds in ((1, SHAPES_1D), (2, SHAPES_2D))
    for shapes, settings in itertools.product(kinds, SETTINGS)
]


def arrays(*shapes: Any, seed: int = 0) -> list[np.ndarray[Any, Any]]:
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.standard_normal(shape)) for shape in shapes]


def close(a: Any, b: Any, tolerance: float = 1e-11) -> None:
    assert np.shape(a) == np.shape(b)
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("rank", "x", "w", "groups", "settings"), EVERY)
def test_value_and_gradients_are_torchs(
    rank: int, x: Any, w: Any, groups: int, settings: Any
) -> None:
    torch = pytest.importorskip("torch")
    a, b = arrays(x, w)
    ours = getattr(ops, f"conv{rank}d")
    theirs = getattr(torch.nn.functional, f"conv{rank}d")
    ta, tb = (torch.tensor(v, requires_grad=True) for v in (a, b))
    expected = theirs(ta, tb, groups=groups, **settings)
    out, pull = vjp(lambda p, q: ours(p, q, groups=groups, **settings), a, b)
    close(out, expected.detach().numpy())
    (g,) = arrays(out.shape, seed=1)
    expected.backward(torch.tensor(g))
    by_array, by_kernel = pull(g)
    close(by_array, ta.grad.numpy())
    close(by_kernel, tb.grad.numpy())


def test_against_the_sum_written_out() -> None:
    """Different settings on the two axes, uneven padding."""
    x, w = arrays((2, 4, 7, 6), (6, 2, 3, 2))
    out: Any = ops.conv2d(x, w, stride=(2, 1), padding=((1, 2), (0, 3)), dilation=(1, 3), groups=2)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 2), (0, 3)))
    assert out.shape == (2, 6, 4, 6)
    for n, o, i, j in np.ndindex(out.shape):
        block = o // 3
        total = sum(
            w[o, c, k, m] * padded[n, 2 * block + c, 2 * i + k, j + 3 * m]
            for c, k, m in np.ndindex(2, 3, 2)
        )
        assert abs(out[n, o, i, j] - total) < 1e-12


def test_strips_and_pieces_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    x, w = arrays((5, 2, 9, 8), (3, 2, 3, 3))
    whole = ops.conv2d(x, w, padding=1)
    for limit, few in itertools.product((1, 300, 5000), (0, 1000)):
        monkeypatch.setattr(rows, "WINDOW_BYTES", limit)
        monkeypatch.setattr(rows, "FEW_PLACES", few)
        close(ops.conv2d(x, w, padding=1), whole)


def test_second_derivatives() -> None:
    """f = sum conv(x, w)^3: Hessian-vector products against differences of the gradient."""
    x, w, v = arrays((2, 2, 8), (4, 1, 3), (4, 1, 3))

    def f(kernel: Any) -> Any:
        y = ops.conv1d(x, kernel, stride=2, padding=2, dilation=2, groups=2)
        return (y * y * y).sum()

    h = 1e-5
    difference = (grad(f)(w + h * v) - grad(f)(w - h * v)) / (2 * h)
    close(hvp(f, w, v), difference, 1e-6)


def test_mixed_second_derivative_is_the_row_itself() -> None:
    """d/dx of <conv(x, w), g> in the direction v, by w: conv is bilinear."""
    x, w, v = arrays((1, 2, 7), (3, 2, 3), (1, 2, 7))
    (g,) = arrays((1, 3, 5), seed=3)

    def inside(kernel: Any) -> Any:
        return jvp(lambda a: (ops.conv1d(a, kernel) * g).sum(), (x,), (v,))[1]

    _, pull = vjp(lambda kernel: ops.conv1d(v, kernel), w)
    close(grad(inside)(w), pull(g)[0])


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize(("n", "m"), [(5, 3), (3, 5), (4, 4), (1, 6), (6, 1), (5, 2), (2, 7)])
def test_convolve_is_numpys(n: int, m: int, mode: str) -> None:
    a, v = arrays((n,), (m,))
    out, pull = vjp(lambda p, q: ops.convolve(p, q, mode), a, v)
    close(out, np.convolve(a, v, mode))
    (g,) = arrays(out.shape, seed=1)
    by_a, by_v = pull(g)
    close(by_a @ a, g @ out)
    close(by_v @ v, g @ out)


def test_long_sequences_need_little_memory() -> None:
    a, v = np.ones(20_000), np.ones(2_000)
    close(ops.convolve(a, v, "valid"), np.full(18_001, 2000.0))


def test_types() -> None:
    x, w = (a.astype(np.float32) for a in arrays((1, 2, 5), (2, 2, 3)))
    assert ops.conv1d(x, w).dtype == np.float32
    assert ops.conv1d(x, w.astype(float)).dtype == np.float64
    assert np.array_equal(ops.convolve([1, 2, 3], [1, 1]), [1, 3, 5, 3])
    assert isinstance(ops.conv1d(tensor(x), w).shape, tuple)
    reversed_x, strided_w = x[..., ::-1], w[:, :, ::2]
    close(ops.conv1d(reversed_x, strided_w), ops.conv1d(reversed_x.copy(), strided_w.copy()), 1e-6)


def test_named_sizes() -> None:
    e = trace_graph(lambda x, w: ops.conv1d(x, w, padding=1), "n c l", "4 c 3")
    assert e.shape == (N, 4, L)
    shape = TABLE["convolution"].shape
    strided = shape((N, C, L), (8, C, 3), **rows.settings(1, stride=2, padding=(1, 1), dilation=2))
    assert strided == (N, 8, (L - 3) // 2 + 1)
    assert trace_graph(ops.convolve, "n", "l").shape == (N + L - 1,)
    with pytest.raises(ShapeError, match="which of n and l is larger"):
        trace_graph(lambda a, v: ops.convolve(a, v, "same"), "n", "l")
    x, w = arrays((2, 3, 5), (4, 3, 3))
    close(evaluate(e, {"x": x, "w": w}), ops.conv1d(x, w, padding=1))


PATHS = [
    # one channel a group: ranges
    ((2, 5, 9), (5, 1, 3), {"padding": (1, 2), "groups": 5}),
    ((2, 3, 9, 8), (3, 1, 3, 2), {"dilation": 2, "groups": 3}),
    ((1, 2, 5, 4), (2, 1, 2, 3), {"spread": 2, "padding": (-1, 2), "groups": 2}),
    ((2, 2, 4, 3, 5), (2, 1, 2, 2, 2), {"groups": 2}),
    # few places: one after the other
    ((3, 4, 9, 8), (6, 4, 7, 7), {}),
    ((2, 6, 9, 8), (4, 3, 8, 6), {"groups": 2}),
    ((2, 2, 5), (2, 1, 6), {"padding": (2, 1), "groups": 2}),
    ((0, 4, 9), (6, 2, 8), {"groups": 2}),
    ((3, 0, 9), (6, 0, 8), {}),
    # long kernels whose windows are copied by their taps
    ((2, 4, 11), (6, 2, 5), {"stride": 2, "groups": 2}),
    ((3, 4, 9, 9), (2, 4, 4, 4), {"dilation": 2}),
    # windows in several pieces: items, strips of one item, groups
    ((7, 3, 12, 12), (4, 3, 3, 3), {"stride": 2}),
    ((3, 6, 10, 12), (4, 3, 3, 3), {"stride": 2, "padding": (1, 1), "groups": 2}),
]


@pytest.mark.parametrize("window_bytes", [1 << 8, 1 << 22])
@pytest.mark.parametrize(("x_shape", "w_shape", "settings"), PATHS)
def test_every_way_of_taking_windows_is_the_sum(
    x_shape: Any, w_shape: Any, settings: Any, window_bytes: int, monkeypatch: Any
) -> None:
    monkeypatch.setattr(rows, "WINDOW_BYTES", window_bytes)
    x, w = arrays(x_shape, w_shape)
    params = rows.settings(len(x_shape) - 2, **settings)
    found = TABLE["convolution"].evaluate(x, w, **params)
    close(found, written_out(x, w, rows.Setting(**params)), 1e-12)
    turned = TABLE["convolution"].evaluate(x[..., ::-1], w[..., ::-1], **params)
    close(turned, written_out(x[..., ::-1].copy(), w[..., ::-1].copy(), rows.Setting(**params)))


def test_an_infinity_stays_in_the_windows_that_hold_it() -> None:
    x, w = arrays((2, 2, 6, 9), (2, 2, 5, 5))
    x[0, 0, 1, 8] = np.inf
    x[1, 0, 1, 0] = np.nan
    params = rows.settings(2)
    found = TABLE["convolution"].evaluate(x, w, **params)
    expected = written_out(x, w, rows.Setting(**params))
    assert np.isfinite(expected).any() and not np.isfinite(expected).all()
    close(found, expected)


def written_out(x: Any, w: Any, how: Any) -> Any:
    """The sum over taps and channels, entry by entry; what lies outside of the array is zero."""
    shape = TABLE["convolution"].shape(x.shape, w.shape, **how._asdict())
    out = np.zeros(shape)
    each, channels = max(1, shape[1] // how.groups), w.shape[1]
    for n, o, *place in np.ndindex(shape):
        for c, *tap in np.ndindex(w.shape[1:]):
            at = []
            for k, (p, t) in enumerate(zip(place, tap, strict=True)):
                far = p * how.stride[k] + t * how.dilation[k] - how.padding[k][0]
                at.append(far // how.spread[k] if far % how.spread[k] == 0 else -1)
            if all(0 <= a < size for a, size in zip(at, x.shape[2:], strict=True)):
                out[(n, o, *place)] += w[(o, c, *tap)] * x[(n, o // each * channels + c, *at)]
    return out


BAD: list[tuple[Any, Any, dict[str, Any], type[Exception], str]] = [
    ((2, 3, 5), (4, 2, 3), {}, ShapeError, r"x has 3 channels, w takes 2"),
    ((2, 4, 5), (4, 3, 3), {"groups": 2}, ShapeError, r"takes 3 in each of 2 groups"),
    ((2, 4, 5), (3, 2, 3), {"groups": 2}, ShapeError, r"w gives 3 channels, which 2 groups"),
    ((2, 3, 5), (4, 3, 7), {"padding": 0}, ShapeError, r"spans 7 along axis -1; x has 5 there"),
    ((2, 3, 5), (4, 3, 3), {"dilation": 3}, ShapeError, r"spans 7"),
    ((2, 3, 5), (4, 3, 0), {}, ShapeError, r"axis 2 of w is 0"),
    ((5,), (4, 3, 3), {}, ShapeError, r"x has 1 axes; 3 are needed"),
    ((2, 3, 5), (4, 3), {}, ShapeError, r"w has 2 axes; 3 are needed"),
    ((2, 3, 5), (4, 3, 3), {"stride": 0}, ArgumentError, r"stride is a number of at least 1"),
    ((2, 3, 5), (4, 3, 3), {"stride": (1, 1)}, ArgumentError, r"stride is a number"),
    ((2, 3, 5), (4, 3, 3), {"stride": 1.5}, ArgumentError, r"stride"),
    ((2, 3, 5), (4, 3, 3), {"padding": -1}, ArgumentError, r"padding is 'valid', 'same'"),
    ((2, 3, 5), (4, 3, 3), {"padding": "full"}, ArgumentError, r"not 'full'"),
    ((2, 3, 5), (4, 3, 3), {"padding": ((1, 2, 3),)}, ArgumentError, r"padding"),
    ((2, 3, 5), (4, 3, 3), {"padding": "same", "stride": 2}, ArgumentError, r"only stride 1"),
    ((2, 3, 5), (4, 3, 3), {"groups": 0}, ArgumentError, r"groups is a number of at least 1"),
]


@pytest.mark.parametrize(("x_shape", "w_shape", "settings", "kind", "words"), BAD)
def test_errors_name_what_does_not_fit(
    x_shape: Any, w_shape: Any, settings: Any, kind: type[Exception], words: str
) -> None:
    x, w = arrays(x_shape, w_shape)
    with pytest.raises(kind, match=words) as caught:
        ops.conv1d(x, w, **settings)
    assert str(caught.value).startswith("conv1d: ")
    if kind is ShapeError:
        assert "w (" in str(caught.value) and "x (" in str(caught.value)


def test_errors_of_convolve() -> None:
    with pytest.raises(ShapeError, match=r"convolve: .*a vector with entries"):
        ops.convolve([], [1.0])
    with pytest.raises(ShapeError, match=r"the second operand has shape \(1, 1\)"):
        ops.convolve([1.0], [[1.0]])
    with pytest.raises(ArgumentError, match=r"'full', 'same' or 'valid', not 'whole'"):
        ops.convolve([1.0], [1.0], "whole")
