"""Cross entropy: against mpmath and torch, and labels that are no classes."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import derivant as dv
from derivant.base.errors import ArgumentError, BoundsError, DTypeError, ShapeError


def test_far_logits_against_mpmath() -> None:
    logits = np.array([[1e4, -1e4, 0.0], [0.0, -40.0, -40.0], [-1e4, 1e4, 1e4]])
    labels = np.array([1, 0, 2])
    with mpmath.workdps(60):
        rows = [[mpmath.exp(mpmath.mpf(v)) for v in row] for row in logits.tolist()]
        want = [float(-mpmath.log(r[k] / sum(r))) for r, k in zip(rows, labels, strict=True)]
        soft = [[float(v / sum(r)) for v in r] for r in rows]
    np.testing.assert_allclose(dv.cross_entropy(logits, labels, reduction="none"), want, rtol=1e-12)
    np.testing.assert_allclose(dv.cross_entropy(logits, labels), np.mean(want), rtol=1e-12)
    g = dv.grad(lambda z: dv.cross_entropy(z, labels, reduction="sum"))(logits)
    np.testing.assert_allclose(g, soft - np.eye(3)[labels], rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_against_torch(reduction: str) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    logits, labels = rng.standard_normal((4, 3, 5)), rng.integers(0, 3, (4, 5))
    probabilities = rng.dirichlet(np.ones(3), (4, 5)).transpose(0, 2, 1)
    for target in (labels, probabilities):
        z = torch.tensor(logits, requires_grad=True)
        value = torch.nn.functional.cross_entropy(z, torch.tensor(target), reduction=reduction)
        value.sum().backward()
        ours = dv.tensor(logits, requires_grad=True)
        loss = dv.cross_entropy(ours, target, axis=1, reduction=reduction)
        dv.sum(loss).backward()
        np.testing.assert_allclose(loss.numpy(), value.detach().numpy(), rtol=1e-12)
        np.testing.assert_allclose(ours.grad, z.grad.numpy(), rtol=1e-12, atol=1e-15)


def test_a_class_without_a_chance() -> None:
    logits = np.array([[0.0, -np.inf, 1.0]])
    p = np.array([[0.5, 0.0, 0.5]])
    assert np.isfinite(dv.cross_entropy(logits, p))
    assert np.isfinite(dv.grad(lambda z: dv.cross_entropy(z, [2]))(logits)).all()


def test_named_batch() -> None:
    labels = np.array([0, 2, 1, 1])
    e = dv.trace_graph(lambda z, y: dv.cross_entropy(z, y > 0), "n 3", "n 3")
    z = np.random.default_rng(1).standard_normal((4, 3))
    y = np.eye(3)[labels]
    want = dv.cross_entropy(z, labels)
    np.testing.assert_allclose(dv.evaluate(e, {"z": z, "y": y}), want, rtol=1e-13)


def test_one_example() -> None:
    np.testing.assert_allclose(dv.cross_entropy([0.0, 0.0], 1), np.log(2))


def test_bad_labels() -> None:
    z = np.zeros((2, 3))
    for labels in ([0, 3], [-1, 0]):
        with pytest.raises(BoundsError, match="classes"):
            dv.cross_entropy(z, labels)
    with pytest.raises(ShapeError, match="labels"):
        dv.cross_entropy(z, [0, 1, 2])
    with pytest.raises(DTypeError, match="whole"):
        dv.cross_entropy(z, [0.0, 1.0])
    with pytest.raises(ArgumentError, match="reduction"):
        dv.cross_entropy(z, [0, 1], reduction="avg")


def test_gradient_of_a_class_that_is_almost_certain() -> None:
    g = dv.grad(lambda z: dv.cross_entropy(z, 0))(np.array([40.0, 0.0]))
    rest = float(mpmath.exp(-40) / (1 + mpmath.exp(-40)))
    np.testing.assert_allclose(g, [-rest, rest], rtol=1e-12)
