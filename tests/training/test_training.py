"""Networks, optimisers and the loop: against hand-written references, and on real digits."""

import numpy as np
import pytest

import derivant as dv
from derivant.training.data import digits
from derivant.training.fit import accuracy, batches, fit
from derivant.training.mlp import init_mlp, mlp
from derivant.training.optimisers import adam, sgd


def test_the_network_is_what_it_says():
    layers = init_mlp([5, 4, 3], seed=1, dtype=np.float64)
    x = np.random.default_rng(0).standard_normal((7, 5))
    hidden = np.maximum(x @ layers[0]["W"] + layers[0]["b"], 0)
    np.testing.assert_allclose(mlp(layers, x), hidden @ layers[1]["W"] + layers[1]["b"])
    bound = np.sqrt(6 / 5)
    assert np.abs(layers[0]["W"]).max() <= bound
    again, other = init_mlp([5, 4, 3], seed=1), init_mlp([5, 4, 3], seed=2)
    np.testing.assert_array_equal(again[0]["W"], layers[0]["W"].astype(np.float32))
    assert (again[0]["W"] != other[0]["W"]).any()


def test_adam_against_its_equations():
    rng = np.random.default_rng(1)
    grads = [rng.standard_normal(3) for _ in range(5)]
    rule = adam(0.05, b1=0.8, b2=0.9, eps=1e-6)
    params, state = {"w": np.ones(3)}, rule.init({"w": np.ones(3)})
    m = v = np.zeros(3)
    w = np.ones(3)
    for t, g in enumerate(grads, start=1):
        steps, state = rule.update({"w": g}, state)
        params = {"w": params["w"] + steps["w"]}
        m, v = 0.8 * m + 0.2 * g, 0.9 * v + 0.1 * g * g
        w = w - 0.05 * (m / (1 - 0.8**t)) / (np.sqrt(v / (1 - 0.9**t)) + 1e-6)
        np.testing.assert_allclose(params["w"], w, rtol=1e-13)


def test_sgd_solves_least_squares():
    rng = np.random.default_rng(2)
    x = rng.standard_normal((64, 3))
    truth = np.array([1.0, -2.0, 0.5])

    def loss(w, x, y):
        return dv.mean((x @ w - y) ** 2)

    w, history = fit(
        loss, np.zeros(3), x, x @ truth, sgd(0.1), epochs=60, batch_size=16, progress=False
    )
    np.testing.assert_allclose(w, truth, atol=1e-6)
    assert history.losses[-1] < 1e-10 < history.losses[0]


def test_a_loss_that_is_lost_says_so():
    with pytest.raises(dv.DerivantError, match="epoch 0"), np.errstate(all="ignore"):
        fit(
            lambda w, x, y: dv.sum(w * dv.log(x)),
            np.ones(2),
            np.zeros((4, 2)),
            np.zeros(4),
            sgd(0.1),
            epochs=1,
            progress=False,
        )


def test_batches_cover_everything_once():
    seen = np.concatenate(list(batches(10, 3, np.random.default_rng(0))))
    assert sorted(seen) == list(range(10))


def test_the_split_is_fixed_and_stratified():
    data, again = digits(), digits()
    assert data.x_train.shape == (1437, 64)
    assert data.x_test.shape == (360, 64)
    np.testing.assert_array_equal(data.x_test, again.x_test)
    whole = np.bincount(np.concatenate([data.y_train, data.y_test]))
    assert np.abs(np.bincount(data.y_test) - 0.2 * whole).max() <= 1
    assert data.x_train.min() >= 0
    assert data.x_train.max() == 1


def test_accuracy():
    assert accuracy(np.eye(3), np.array([0, 1, 0])) == pytest.approx(2 / 3)
