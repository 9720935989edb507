"""Text in to checked text out, deep graphs, and derivatives of high order.

DERIVANT_CASES may name a file of cases, a JSON list of objects with `expr`, `wrt`, `shapes`,
`props`, `order` and `layout` in NumPy notation; these are timed instead of the formulas below.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import derivant as dv
from benchmarks.timing import Row
from derivant.base.graph import ancestors
from derivant.carriers.trace import symbols
from derivant.derivation import Derivative
from derivant.rewriting import derivative_form

MS = 1e-3
REPEATS = 3  # of each formula; the fastest counts, for other programs only add to it

# A formula in NumPy notation, the variable, shapes, facts, the order.
FORMULAS: tuple[tuple[str, str, str, str, int], ...] = (
    ("x.T @ x", "x", "x: n", "", 1),
    ("x.T @ A @ x", "x", "", "", 1),
    ("x.T @ A @ x", "x", "", "", 2),
    ("x.T @ A @ x", "A", "", "", 1),
    ("sum((A @ x - b)**2)", "x", "", "", 1),
    ("(A @ x - b).T @ W @ (A @ x - b)", "x", "", "W: symmetric", 1),
    ("norm2(A @ x - b)", "x", "", "", 1),
    ("norm2(A @ x - b)", "x", "", "", 2),
    ("(x.T @ A @ x) / (x.T @ x)", "x", "", "A: symmetric", 1),
    ("(x.T @ A @ x) / (x.T @ x)", "x", "", "", 2),
    ("tr(A @ X @ B)", "X", "", "", 1),
    ("tr(X.T @ A @ X)", "X", "", "", 1),
    ("tr(A @ inv(X) @ B)", "X", "X: n n", "", 1),
    ("logdet(X)", "X", "X: n n", "X: spd", 1),
    ("logdet(X.T @ C @ X)", "X", "", "C: spd", 1),
    ("det(X.T @ X)", "X", "X: n k", "", 1),
    ("inv(X)", "X", "X: n n", "", 1),
    ("tr(inv(X.T @ C @ X) @ A)", "X", "", "A: symmetric, C: symmetric", 1),
    ("norm2(T - U @ V.T)**2", "U", "", "", 2),
    ("exp(-0.5 * (x - u).T @ inv(S) @ (x - u))", "x", "", "S: spd", 1),
    ("-0.5 * (x - u).T @ inv(S) @ (x - u) - 0.5 * logdet(S)", "S", "", "S: spd", 1),
    ("sum(log(1 + exp(-y * (X @ w))))", "w", "", "", 1),
    ("sum(log(1 + exp(-y * (X @ w))))", "w", "", "", 2),
    ("logsumexp(A @ x)", "x", "", "", 2),
    ("log(sum(exp(A @ x)))", "x", "", "", 1),
    ("sum(relu(W @ x + b))", "x", "", "", 1),
    ("sum(tanh(W @ x + b))", "W", "", "", 1),
    ("tanh(W @ x)", "x", "", "", 1),
    ("softmax(x)", "x", "x: n", "", 1),
    ("sum((relu(X @ W1) @ W2 - Y)**2)", "W1", "", "", 1),
    ("sum((relu(X @ W1) @ W2 - Y)**2)", "W2", "", "", 1),
    ("(x - sum(x)/n) / sqrt(sum((x - sum(x)/n)**2)/n + c)", "x", "x: n", "", 1),
    ("norm2(A @ X + X @ B - C)**2", "X", "", "", 1),
    ("y.T @ inv(K + s**2 * eye(n)) @ y", "s", "K: n n, y: n", "K: spd", 1),
    ("sum(a * x**3) / sum(b * x)", "x", "", "", 1),
    ("exp(x.T @ A @ x)", "x", "", "A: symmetric", 2),
)


def rows() -> Iterator[Row]:
    """The lines of the table."""
    yield from formulas()
    yield from deep_graphs()
    yield from high_orders()


def fastest(call: Callable[[], object], repeats: int = REPEATS) -> float:
    """Seconds of this process for the fastest of several calls; what others do does not count."""
    times = []
    for _ in range(repeats):
        started = time.process_time()
        call()
        times.append(time.process_time() - started)
    return min(times)


def calls() -> Iterator[tuple[str, Callable[[], object]]]:
    """The derivations: of the cases of a file where one is named, of the formulas otherwise."""
    path = os.environ.get("DERIVANT_CASES")
    if path is None:
        for text, wrt, shapes, facts, order in FORMULAS:
            given = {"shapes": shapes or None, "assume": facts or None, "order": order}
            yield text, lambda t=text, w=wrt, g=given: written(t, w, g)
        return
    for case in json.loads(Path(path).read_text()):
        given = {
            "shapes": {name: " ".join(map(str, s)) for name, s in case["shapes"].items()},
            "assume": case.get("props") or {},
            "order": case["order"],
            "layout": case["layout"],
            "structured": "independent" if case.get("wrt_structure") else "none",
        }
        yield case["id"], lambda c=case, g=given: written(c["expr"], c["wrt"], g)


def written(text: str, wrt: str, given: dict[str, Any]) -> str:
    """A derivative as text: read, derived, checked, written."""
    return derived(text, wrt, notation="numpy", **given).expression("numpy")


def derived(text: str, wrt: str, **given: Any) -> Derivative:
    """The derivative by one variable."""
    found = dv.derive(text, wrt, **given)
    assert isinstance(found, Derivative)
    return found


def formulas() -> Iterator[Row]:
    """The time from text to checked text."""
    times = sorted((fastest(call), name) for name, call in calls())
    seconds = [t for t, _ in times]
    low, middle, high = statistics.quantiles(seconds, n=4)
    spread = f"{low / MS:.1f} to {high / MS:.1f} ms"
    what = f"text to checked text, {len(times)} formulas"
    yield Row(f"{what}: median", f"{middle / MS:.1f} ms", spread, "<= 10 ms", middle <= 10 * MS)
    worst, name = times[-1]
    yield Row(f"{what}: worst", f"{worst / MS:.0f} ms", name, "<= 200 ms", worst <= 200 * MS)


def deep_graphs() -> Iterator[Row]:
    """Derivatives of products of 1,000 factors and of 1,000 functions within one another."""
    s, x, A = symbols("s:, x: n, A: n n")
    thousand = range(1000)
    graphs: dict[str, tuple[Any, Any]] = {
        "1,000 factors s + k": (reduce(lambda e, k: e * (s + float(k)), thousand, s), s),
        "1,000 factors sin(k s)": (reduce(lambda e, k: e * dv.sin(k * s), thousand, s), s),
        "1,000 factors A ... A x by x": (dv.sum(reduce(lambda e, _: A @ e, thousand, x)), x),
        "tanh 1,000 times": (reduce(lambda e, _: dv.tanh(e), thousand, s), s),
        "1 / (1 + ...) 1,000 times": (reduce(lambda e, _: 1 / (1 + e), thousand, s), s),
        "e / 2 + sin(e) 1,000 times": (
            reduce(lambda e, _: 0.5 * e + dv.sin(e), thousand, s),
            s,
        ),
    }
    for name, (value, wrt) in graphs.items():
        seconds = fastest(lambda v=value, w=wrt: derivative_form(v, w).to_expr())
        found = derivative_form(value, wrt).to_expr()
        share = len(ancestors([found])) / len(ancestors([value]))
        holds = seconds <= 1 and share < 8
        nodes = f"{share:.1f} x the nodes"
        yield Row(f"{name}: derivative", f"{seconds:.2f} s", nodes, "<= 1 s, < 8 x", holds)


def high_orders() -> Iterator[Row]:
    """Derivatives of order 20."""
    for text in ("tanh(x)", "exp(x^2)", "1/(1 + x^2)"):
        seconds = fastest(lambda t=text: derived(t, "x", shapes="x:", order=20))
        nodes = len(ancestors([derived(text, "x", shapes="x:", order=20).expr]))
        holds = seconds <= 1 and nodes < 500
        figure = f"{seconds:.2f} s"
        yield Row(f"20th derivative of {text}", figure, f"{nodes} nodes", "<= 1 s, < 500", holds)
