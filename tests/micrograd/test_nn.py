"""Networks: micrograd's names, numbers and graphs; the fused neuron looks like its parts."""

from __future__ import annotations

import copy
import random
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from derivant.base.errors import ArgumentError, DTypeError, ShapeError
from derivant.micrograd.engine import Value
from derivant.micrograd.graph import trace
from derivant.micrograd.nn import MLP, Layer, Module, Neuron


def neuron(nin: int = 2, nonlin: bool = True) -> Neuron:
    """A neuron with the notebook's seed."""
    random.seed(1337)
    return Neuron(nin, nonlin)


def test_names() -> None:
    assert repr(Neuron(2)) == "ReLUNeuron(2)" and repr(Neuron(3, nonlin=False)) == "LinearNeuron(3)"
    assert repr(Layer(2, 2)) == "Layer of [ReLUNeuron(2), ReLUNeuron(2)]"
    assert repr(MLP(1, [1, 1])) == ("MLP of [Layer of [ReLUNeuron(1)], Layer of [LinearNeuron(1)]]")


def test_parameters() -> None:
    assert Module().parameters() == []
    assert len(MLP(3, [4, 4, 1]).parameters()) == 41
    assert len(MLP(2, [16, 16, 1]).parameters()) == 337
    layer = Layer(2, 2)
    first, second = layer.neurons
    assert layer.parameters() == [*first.w, first.b, *second.w, second.b]
    assert first.b.data == 0 and type(first.b.data) is int
    for p in layer.parameters():
        p.grad = 5
    layer.zero_grad()
    assert all(p.grad == 0 for p in layer.parameters())


def test_weights_are_drawn_as_micrograd_draws_them() -> None:
    random.seed(3)
    wanted = [random.uniform(-1, 1) for _ in range(6)]
    random.seed(3)
    assert [w.data for n in Layer(3, 2).neurons for w in n.w] == wanted


def test_notebook_neuron() -> None:
    n = neuron()
    x = [Value(1.0), Value(-2.0)]
    y = n(x)
    assert [w.data for w in n.w] == [0.23550571390294128, 0.06653114721000164]
    assert y.data == 0.102443419482938
    y.backward()
    assert [w.grad for w in n.w] == [1.0, -2.0] and n.b.grad == 1
    assert [v.grad for v in x] == [w.data for w in n.w]
    nodes, edges = trace(y)
    assert (len(nodes), len(edges)) == (10, 9)
    assert sorted(v._op for v in nodes) == ["", "", "", "", "", "*", "*", "+", "+", "ReLU"]
    assert all(v.grad == 1 for v in nodes if v._op)


def test_results_of_a_layer() -> None:
    assert isinstance(Layer(2, 1)([1.0, 2.0]), Value)
    answers = Layer(2, 3)([1.0, 2.0])
    assert isinstance(answers, list) and len(answers) == 3
    assert isinstance(MLP(2, [1, 1, 2])(np.array([1.0, 2.0])), list)


# the fused neuron


def looked_at(root: Value, early: bool) -> None:
    """Differentiate, with the graph looked into before or after."""
    if early:
        trace(root)
    root.backward()


@given(
    weights=st.lists(st.floats(-2, 2), min_size=1, max_size=6),
    bias=st.floats(-2, 2),
    nonlin=st.booleans(),
    early=st.booleans(),
    plain=st.booleans(),
    repeats=st.integers(1, 3),
)
def test_fused_is_what_micrograd_computes(
    weights: list[float], bias: float, nonlin: bool, early: bool, plain: bool, repeats: int
) -> None:
    inputs = [0.5 - w for w in reversed(weights)]
    n = Neuron(len(weights), nonlin)
    for p, data in zip(n.parameters(), [*weights, bias], strict=True):
        p.data = data
    leaves = [Value(x) for x in inputs]
    y = n(inputs if plain else leaves) * 3
    w, b = [Value(v) for v in weights], Value(bias)
    x = [Value(v) for v in inputs]
    act: Any = sum((wi * xi for wi, xi in zip(w, x, strict=True)), b)
    z = (act.relu() if nonlin else act) * 3
    for _ in range(repeats):
        looked_at(y, early)
        z.backward()
    assert y.data == z.data
    assert [p.grad for p in n.parameters()] == [v.grad for v in (*w, b)]
    if not plain:
        assert [v.grad for v in leaves] == [v.grad for v in x]
    ours, theirs = trace(y), trace(z)
    assert [len(part) for part in ours] == [len(part) for part in theirs]
    assert sorted((v._op, v.data, v.grad) for v in ours[0]) == sorted(
        (v._op, v.data, v.grad) for v in theirs[0]
    )


def test_looking_between_two_calls_of_backward() -> None:
    n, x = neuron(), [Value(1.0), Value(-2.0)]
    y = n(x) ** 2
    y.backward()
    once = [p.grad for p in n.parameters()]
    trace(y)
    y.backward()
    assert [p.grad for p in n.parameters()] == [2 * g for g in once]


def test_the_graph_shows_the_numbers_of_the_call() -> None:
    n, x = neuron(nonlin=False), [Value(1.0), Value(-2.0)]
    y = n(x)
    seen = y.data
    for p in n.parameters():
        p.data = 100.0
    y.backward()
    assert [v.grad for v in x] == [0.23550571390294128, 0.06653114721000164]
    last = max(y._prev, key=lambda v: v.data)
    assert y.data == seen and last.data == 0.23550571390294128
    assert n(x).data == 0.0


def test_weights_may_be_results_and_may_be_replaced() -> None:
    n, scale = Neuron(2, nonlin=False), Value(2.0)
    n.w = [scale * 3, scale * scale]
    y = n([Value(1.0), Value(10.0)])
    y.backward()
    assert y.data == 46.0 and scale.grad == 43.0
    n.b = Value(1.0)
    assert n([Value(1.0), Value(10.0)]).data == 47.0


def test_shared_inputs_through_two_layers() -> None:
    random.seed(0)
    model, x = MLP(2, [3, 3, 1]), [Value(0.3), Value(-0.7)]
    y: Any = model(x)
    y.backward()
    for v in x:
        slopes = []
        for h in (1e-6, -1e-6):
            moved = [Value(u.data + h if u is v else u.data) for u in x]
            again: Any = model(moved)
            slopes.append(again.data)
        assert v.grad == pytest.approx((slopes[0] - slopes[1]) / 2e-6, rel=1e-6, abs=1e-9)


def test_edges_of_the_neuron() -> None:
    assert Neuron(0)([]).data == 0 and Neuron(0, nonlin=False)([]).data == 0
    n = Neuron(2)
    n.w[0].data = float("nan")
    assert n([1.0, 1.0]).data != n([1.0, 1.0]).data
    twin = copy.deepcopy(neuron())
    assert twin([1.0, -2.0]).data == 0.102443419482938


def test_a_neuron_of_the_users_own_in_a_layer() -> None:
    class Doubling(Neuron):
        def __call__(self, x: Any) -> Value:
            return super().__call__([2 * v for v in x])

    layer = Layer(2, 2, nonlin=False)
    layer.neurons[0] = Doubling(2, nonlin=False)
    answers: Any = layer([Value(1.0), Value(2.0)])
    assert answers[0].data == layer.neurons[0].w[0].data * 2.0 + layer.neurons[0].w[1].data * 4.0


def test_clear_errors() -> None:
    with pytest.raises(ShapeError, match="2 weights takes 2 inputs, got 3"):
        Neuron(2)([1.0, 2.0, 3.0])
    with pytest.raises(ShapeError, match="got 1"):
        Layer(2, 2)([Value(1.0)])
    with pytest.raises(DTypeError, match="one real number"):
        Neuron(1)(["a"])  # type: ignore[list-item]  # the point of the test
    with pytest.raises(ArgumentError, match="number of inputs"):
        Neuron(-1)


# the moons demo


class Step(NamedTuple):
    """What one step of the moons demo reports."""

    loss: float
    accuracy: float


def moons() -> tuple[Any, Any]:
    """The demo's data, with its seeds; the weights are drawn after it."""
    datasets = pytest.importorskip("sklearn.datasets")
    np.random.seed(1337)
    random.seed(1337)
    points, labels = datasets.make_moons(n_samples=100, noise=0.1)
    return points, labels * 2 - 1


def demo(value: Any, mlp: Any, points: Any, labels: Any, steps: int) -> list[Step]:
    """The moons demo: a max-margin loss, full batches, a rate that falls."""
    model = mlp(2, [16, 16, 1])
    reports = []
    for k in range(steps):
        inputs = [list(map(value, row)) for row in points]
        scores = list(map(model, inputs))
        losses = [(1 + -y * s).relu() for y, s in zip(labels, scores, strict=True)]
        data_loss = sum(losses) * (1.0 / len(losses))
        total = data_loss + 1e-4 * sum(p * p for p in model.parameters())
        right = [(y > 0) == (s.data > 0) for y, s in zip(labels, scores, strict=True)]
        model.zero_grad()
        total.backward()
        for p in model.parameters():
            p.data -= (1.0 - 0.9 * k / 100) * p.grad
        reports.append(Step(total.data, sum(right) / len(right)))
    return reports


def test_moons() -> None:
    points, labels = moons()
    steps = demo(Value, MLP, points, labels, 100)
    assert steps[0].loss == pytest.approx(0.8958441028683222, abs=1e-9)
    assert steps[1].loss == pytest.approx(1.7235905336972022, abs=1e-9)
    assert steps[2].loss == pytest.approx(0.7429006313851131, abs=1e-9)
    assert steps[99].loss == pytest.approx(0.010978370135492717, abs=1e-3)
    assert [steps[k].accuracy for k in (0, 1, 2, 99)] == [0.5, 0.81, 0.77, 1.0]
