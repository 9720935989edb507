"""The scalar engine against micrograd itself, PyTorch, and the numbers that micrograd publishes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from derivant.micrograd.engine import Value
from derivant.micrograd.graph import trace


def readme(value: Any) -> tuple[Any, Any, Any]:
    """The README's example: its two leaves and its result."""
    a, b = value(-4.0), value(2.0)
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
    return a, b, g


def test_readme() -> None:
    a, b, g = readme(Value)
    g.backward()
    assert g.data == pytest.approx(24.70408163265306, rel=1e-14)
    assert a.grad == pytest.approx(138.83381924198252, rel=1e-14)
    assert b.grad == pytest.approx(645.5772594752186, rel=1e-14)


def test_readme_graph() -> None:
    nodes, edges = trace(readme(Value)[2])
    assert (len(nodes), len(edges)) == (39, 51)


def sanity(x: Any) -> Any:
    """One leaf used many times, with a rectifier on each side."""
    z = 2 * x + 2 + x
    q = z.relu() + z * x
    h = (z * z).relu()
    return h + q + q * x


def many(a: Any, b: Any) -> Any:
    """Every operation of micrograd, in both orders of its operands."""
    c = a + b
    d = a * b + b**3
    c = c + c + 1
    c = c + 1 + c + (-a)
    d = d + d * 2 + (b + a).relu()
    d = d + 3 * d + (b - a).relu()
    f = (c - d) ** 2
    return f / 2.0 + 10.0 / f


def test_sanity_check() -> None:
    x = Value(-4.0)
    y = sanity(x)
    y.backward()
    assert (y.data, x.grad) == (-20.0, 46.0)


@pytest.mark.parametrize(("program", "leaves"), [(sanity, (-4.0,)), (many, (-4.0, 2.0))])
def test_against_torch(program: Callable[..., Any], leaves: tuple[float, ...]) -> None:
    torch = pytest.importorskip("torch")
    ours = [Value(x) for x in leaves]
    theirs = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in leaves]
    out, wanted = program(*ours), program(*theirs)
    out.backward()
    wanted.backward()
    assert out.data == pytest.approx(wanted.item(), rel=1e-14)
    for x, t in zip(ours, theirs, strict=True):
        assert x.grad == pytest.approx(t.grad.item(), rel=1e-14)


# programs drawn at random, run on both engines

LEAVES = 3
numbers = st.one_of(st.integers(-3, 3), st.floats(-2.0, 2.0).map(lambda x: round(x, 3)))
place = st.integers(0, 20)
steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["add", "sub", "mul", "div"]), place, place),
        st.tuples(
            st.sampled_from(["radd", "rsub", "rmul", "rdiv", "addn", "divn"]), place, numbers
        ),
        st.tuples(st.just("pow"), place, st.sampled_from([0, 1, 2, 3, -1, 0.5, 2.0])),
        st.tuples(st.sampled_from(["relu", "neg"]), place, place),
    ),
    min_size=1,
    max_size=12,
)
ACTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "radd": lambda x, n: n + x,
    "rsub": lambda x, n: n - x,
    "rmul": lambda x, n: n * x,
    "rdiv": lambda x, n: n / x,
    "addn": lambda x, n: x + n,
    "divn": lambda x, n: x / n,
    "pow": lambda x, n: x**n,
    "relu": lambda x, _: x.relu(),
    "neg": lambda x, _: -x,
}
BINARY = ("add", "sub", "mul", "div")


def run(value: Any, leaves: list[float], program: list[tuple[str, int, Any]]) -> list[Any]:
    """All values of a program; a step that leaves the real numbers, or grows, is left out."""
    values = [value(x) for x in leaves]
    for action, i, second in program:
        x = values[i % len(values)]
        if action == "pow" and second == 0.5 and x.data <= 0:
            continue
        other = values[second % len(values)] if action in BINARY else second
        try:
            made = ACTIONS[action](x, other)
        except ZeroDivisionError:
            continue
        if abs(made.data) < 1e6:
            values.append(made)
    return values


def walk(root: Any) -> tuple[int, int, list[str]]:
    """Numbers of nodes and edges, and the operations, of either engine's graph."""
    nodes, stack, edges = {root}, [root], 0
    while stack:
        for x in stack.pop()._prev:
            edges += 1
            if x not in nodes:
                nodes.add(x)
                stack.append(x)
    return len(nodes), edges, sorted(v._op for v in nodes)


@given(leaves=st.lists(numbers, min_size=LEAVES, max_size=LEAVES), program=steps)
def test_against_micrograd(leaves: list[float], program: list[tuple[str, int, Any]]) -> None:
    engine = pytest.importorskip("micrograd.engine")
    theirs = run(engine.Value, leaves, program)
    ours = run(Value, leaves, program)
    try:
        theirs[-1].backward()
    except ZeroDivisionError:
        return  # micrograd's rule for x**0 at 0 divides by 0
    ours[-1].backward()
    assert walk(ours[-1]) == walk(theirs[-1])
    for mine, its in zip(ours, theirs, strict=True):
        assert repr(mine.data) == repr(its.data)
        assert mine.grad == pytest.approx(its.grad, rel=1e-9, abs=1e-9)
