"""Right claims and claims with one slip in them: what `verify` says of 200 of each.

A claim is a text in NumPy notation; a slip is a change of its syntax tree. That a slip changes the
value is decided by NumPy alone, never by the verdict that is tested.
"""

from __future__ import annotations

import ast
import copy
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import scipy.special

import derivant as dv

COUNT, ENOUGH = 200, 0.95
CHUNKS = 4
SIZES = ({"m": 4, "n": 3, "p": 2}, {"m": 3, "n": 5, "p": 4})
# formula | variable | derivative | shapes | facts | order
PAIRS = """
x.T @ x | x | 2 * x | x: n
a.T @ x | x | a | a: n, x: n
sum(x) | x | ones(n) | x: n
W @ x | x | W | W: m n, x: n
x.T @ A @ x | x | (A + A.T) @ x | x: n, A: n n
x.T @ A @ x | x | A @ x + A.T @ x | x: n, A: n n
x.T @ A @ x | A | outer(x, x) | x: n, A: n n
x.T @ A @ x | x | 2 * A @ x | x: n, A: n n | A: symmetric
norm2(A @ x - b)**2 | x | 2 * A.T @ (A @ x - b) | A: m n, x: n, b: m
norm2(A @ x - b)**2 | A | 2 * outer(A @ x - b, x) | A: m n, x: n, b: m
norm2(A @ x - b)**2 | b | 2 * b - 2 * A @ x | A: m n, x: n, b: m
norm2(X @ w)**2 / m + c * (w.T @ w) | w | 2 * X.T @ X @ w / m + 2 * c * w | X: m n, w: n, c:
(x - s).T @ W @ (x - s) | x | 2 * W @ (x - s) | x: n, s: n, W: n n | W: symmetric
(x - s).T @ W @ (x - s) | s | -2 * W @ (x - s) | x: n, s: n, W: n n | W: symmetric
(B @ x + b).T @ (D @ x) | x | B.T @ D @ x + D.T @ (B @ x + b) | B: m n, x: n, b: m, D: m n
a.T @ X @ b | X | outer(a, b) | a: m, X: m n, b: n
a.T @ X.T @ b | X | outer(b, a) | a: n, X: m n, b: m
b.T @ X.T @ X @ c | X | X @ (outer(b, c) + outer(c, b)) | b: n, X: m n, c: n
tr(A @ X) | X | A.T | A: n m, X: m n
tr(A @ X @ B) | X | A.T @ B.T | A: p m, X: m n, B: n p
tr(A @ X.T @ B) | X | B @ A | A: p n, X: m n, B: m p
tr(X.T @ X) | X | 2 * X | X: m n
tr(X @ X) | X | 2 * X.T | X: n n
tr(X.T @ B @ X) | X | B @ X + B.T @ X | X: m n, B: m m
tr(B @ X @ X.T) | X | (B + B.T) @ X | X: m n, B: m m
tr(X)**2 | X | 2 * tr(X) * eye(n) | X: n n
norm2(A - X @ B)**2 | X | -2 * (A - X @ B) @ B.T | A: m n, X: m p, B: p n
norm2(A - B @ X)**2 | B | -2 * (A - B @ X) @ X.T | A: m n, B: m p, X: p n
norm2(X @ W)**2 | W | 2 * X.T @ X @ W | X: m n, W: n p
norm2(A * X)**2 | X | 2 * A * A * X | A: m n, X: m n
sum((X @ A) * X) | X | X @ (A + A.T) | X: m n, A: n n
logdet(X) | X | inv(X).T | X: n n | X: invertible
logdet(X.T @ X) | X | 2 * X @ inv(X.T @ X) | X: m n | X: full-column-rank
log(det(X)) | X | inv(X) | X: n n | X: spd
det(X) | X | det(X) * inv(X).T | X: n n | X: invertible
a.T @ inv(X) @ b | X | -inv(X).T @ outer(a, b) @ inv(X).T | a: n, X: n n, b: n | X: invertible
tr(inv(X) @ A) | X | -(inv(X) @ A @ inv(X)).T | X: n n, A: n n | X: invertible
x.T @ inv(A) @ x | x | 2 * inv(A) @ x | x: n, A: n n | A: spd
norm2(x) | x | x / norm2(x) | x: n
norm2(x - a) | x | (x - a) / norm2(x - a) | x: n, a: n
1 / (x.T @ x) | x | -2 * x / (x.T @ x)**2 | x: n
sqrt(x.T @ x + c) | x | x / sqrt(x.T @ x + c) | x: n, c: | c: positive
a.T @ x / norm2(x) | x | a / norm2(x) - a.T @ x * x / norm2(x)**3 | x: n, a: n
log(a.T @ x) | x | a / (a.T @ x) | x: n, a: n | x: positive, a: positive
exp(a.T @ x) | x | exp(a.T @ x) * a | x: n, a: n
exp(-x.T @ x / 2) | x | -exp(-x.T @ x / 2) * x | x: n
sum(exp(x)) | x | exp(x) | x: n
sum(log(x)) | x | 1 / x | x: n | x: positive
sum(x * log(x)) | x | log(x) + 1 | x: n | x: positive
sum(sin(x) * y) | x | cos(x) * y | x: n, y: n
sum(x**3) | x | 3 * x**2 | x: n
sum(tanh(W @ x)) | x | W.T @ (1 - tanh(W @ x)**2) | W: m n, x: n
sum(sigmoid(x)) | x | sigmoid(x) * (1 - sigmoid(x)) | x: n
sum(softplus(X @ w)) | w | X.T @ sigmoid(X @ w) | X: m n, w: n
sum(log(1 + exp(-y * (X @ w)))) | w | -X.T @ (y * sigmoid(-y * (X @ w))) | X: m n, w: n, y: m
sum(log(1 + exp(X @ w)) - y * (X @ w)) | w | X.T @ (sigmoid(X @ w) - y) | X: m n, w: n, y: m
sum(relu(x)) | x | step(x) | x: n
sum(abs(x)) + c * (x.T @ x) | x | sign(x) + 2 * c * x | x: n, c:
logsumexp(x) | x | softmax(x) | x: n
logsumexp(x) - y.T @ x | x | softmax(x) - y | x: n, y: n
sin(x) | x | diag(cos(x)) | x: n
A @ sin(x) | x | A @ diag(cos(x)) | A: m n, x: n
a * x | x | diag(a) | a: n, x: n
softmax(x) | x | diag(softmax(x)) - outer(softmax(x), softmax(x)) | x: n
x * (a.T @ x) | x | (a.T @ x) * eye(n) + outer(x, a) | x: n, a: n
norm2(A @ x - b)**2 | x | 2 * A.T @ A | A: m n, x: n, b: m | | 2
x.T @ A @ x | x | A + A.T | x: n, A: n n | | 2
sum(x**4) | x | 12 * diag(x**2) | x: n | | 2
logsumexp(x) | x | diag(softmax(x)) - outer(softmax(x), softmax(x)) | x: n | | 2
""".strip().splitlines()

NAMESPACE: dict[str, Callable[..., object]] = {
    "sum": np.sum, "tr": np.trace, "det": np.linalg.det, "inv": np.linalg.inv, "diag": np.diag,
    "outer": np.outer, "eye": np.eye, "norm2": np.linalg.norm, "exp": np.exp, "log": np.log,
    "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos, "tanh": np.tanh, "sign": np.sign,
    "sigmoid": scipy.special.expit, "softmax": scipy.special.softmax,
    "step": lambda x: (x > 0).astype(float), "ones": lambda *sizes: np.ones(sizes),
}  # fmt: skip


class Case:
    """One pair of the table."""

    def __init__(self, line: str) -> None:
        parts = [part.strip() for part in line.split("|")]
        parts += [""] * (6 - len(parts))
        self.formula, self.wrt, self.claim, self.shapes, self.facts, order = parts
        self.order = int(order or 1)

    def verdict(self, formula: str, claim: str, notation: str) -> dv.Verdict:
        options = {"assume": self.facts or None, "order": self.order, "notation": notation}
        return dv.verify(formula, self.wrt, claim, self.shapes, **options)

    def values(self, sizes: dict[str, int]) -> dict[str, object]:
        """Numbers for the names, positive definite or positive where a fact says so."""
        rng = np.random.default_rng(sum(sizes.values()))
        found: dict[str, object] = dict(sizes)
        for part in self.shapes.split(","):
            name, _, letters = part.partition(":")
            name, fact = name.strip(), ""
            for entry in self.facts.split(","):
                if entry.strip().startswith(f"{name}:"):
                    fact = entry.partition(":")[2].strip()
            value = rng.standard_normal([sizes[c] for c in letters.split()])
            if fact in ("symmetric", "spd"):
                value = value @ value.T + np.eye(len(value))
            if fact == "positive":
                value = np.abs(value) + 0.5
            found[name] = value
        return found


CASES = [Case(line) for line in PAIRS]


def computed(text: str, values: dict[str, object]) -> np.ndarray:
    code = compile(text, "<claim>", "eval")
    return np.asarray(eval(code, {"__builtins__": {}, **NAMESPACE}, values))


def in_matrix_notation(text: str) -> str:
    """A text in NumPy notation, written in matrix notation."""
    out: dict[ast.AST, str] = {}
    signs = {ast.Add: "+", ast.Sub: "-", ast.Mult: ".*", ast.Div: "./", ast.MatMult: "*"}
    nodes = list(ast.walk(ast.parse(text, mode="eval").body))
    for node in reversed(nodes):
        if isinstance(node, ast.BinOp):
            sign = ".^" if isinstance(node.op, ast.Pow) else signs[type(node.op)]
            out[node] = f"({out[node.left]} {sign} {out[node.right]})"
        elif isinstance(node, ast.UnaryOp):
            out[node] = f"(-{out[node.operand]})"
        elif isinstance(node, ast.Attribute):
            out[node] = f"{out[node.value]}'"
        elif isinstance(node, ast.Call):
            out[node] = f"{out[node.func]}({', '.join(out[a] for a in node.args)})"
        elif isinstance(node, (ast.Name, ast.Constant)):
            out[node] = ast.unparse(node)
    return out[nodes[0]]


# Slips


def changed(text: str, place: int, make: Callable[[ast.AST], ast.AST]) -> str:
    """The text with one node of its tree made into another."""
    tree = ast.parse(text, mode="eval")
    target = list(ast.walk(tree))[place]
    new = make(copy.deepcopy(target))

    class Put(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return new if node is target else super().visit(node)

    return ast.unparse(ast.fix_missing_locations(Put().visit(tree)))


def turned(node: ast.AST) -> ast.AST:
    is_turned = isinstance(node, ast.Attribute)
    return node.value if is_turned else ast.Attribute(node, "T", ast.Load())


def slips(case: Case) -> Iterator[tuple[str, str]]:
    """Every slip of the kinds that are asked for, with its kind."""
    text, values = case.claim, case.values(SIZES[0])
    for number in ("2", "0.5", "3"):
        yield "factor", f"{number} * ({text})"
    yield "sign", f"-({text})"
    if computed(text, values).ndim == 2:
        yield "layout", f"({text}).T"
    nodes = list(ast.walk(ast.parse(text, mode="eval")))
    functions = {node.func for node in nodes if isinstance(node, ast.Call)}
    for place, node in enumerate(nodes):
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
            minus = isinstance(node.op, ast.Sub)
            other = ast.Add() if minus else ast.Sub()
            yield "missing", changed(text, place, lambda n: n.left)
            yield (
                "missing",
                changed(
                    text,
                    place,
                    lambda n, m=minus: ast.UnaryOp(ast.USub(), n.right) if m else n.right,
                ),
            )
            yield "sign", changed(text, place, lambda n, o=other: ast.BinOp(n.left, o, n.right))
            yield "factor", changed(text, place, lambda n: ast.BinOp(n.left, n.op, doubled(n)))
        elif isinstance(node, (ast.Name, ast.Call, ast.Attribute)) and node not in functions:
            inner = node.value if isinstance(node, ast.Attribute) else node
            if computed(ast.unparse(inner), values).ndim == 2:
                yield "transpose", changed(text, place, turned)


def doubled(node: ast.BinOp) -> ast.AST:
    return ast.BinOp(ast.Constant(2), ast.Mult(), node.right)


def differs(case: Case, slip: str) -> bool | None:
    """Whether a slip changes the value; None where it cannot be computed."""
    for sizes in SIZES:
        values = case.values(sizes)
        right = computed(case.claim, values)
        try:
            wrong = computed(slip, values)
        except ValueError:
            return None
        if wrong.shape != right.shape or np.max(np.abs(wrong - right)) > 1e-9:
            return True
    return False


TURNED = r"transpos|layout|true if (\w+) = \1'"
WORDS = {
    "factor": "factor",
    "sign": "sign",
    "missing": "missing",
    "transpose": TURNED,
    "layout": TURNED,
}


def mutated() -> list[tuple[Case, str, str]]:
    """As many slips as are asked for, the cases in turn, kinds as evenly as a case has them."""
    rng = random.Random(20)
    found: list[tuple[Case, str, str]] = []
    pools = []
    for case in CASES:
        pool = [s for s in dict.fromkeys(slips(case)) if differs(case, s[1])]
        rng.shuffle(pool)
        count = Counter[str]()
        ranked = []
        for kind, text in pool:
            ranked.append((count[kind], len(ranked), kind, text))
            count[kind] += 1
        pools.append((case, [(kind, text) for _, _, kind, text in sorted(ranked)]))
    turn = 0
    while len(found) < COUNT:
        for case, pool in pools:
            if turn < len(pool):
                found.append((case, *pool[turn]))
        turn += 1
    return found[:COUNT]


def right_claims() -> list[tuple[Case, str, str, str]]:
    """Each pair in NumPy notation, in matrix notation, and the claim in the other one."""
    found = []
    for case in CASES:
        formula, claim = in_matrix_notation(case.formula), in_matrix_notation(case.claim)
        found += [
            (case, case.formula, case.claim, "numpy"),
            (case, formula, claim, "matrix"),
            (case, formula, case.claim, "matrix"),
        ]
    return found


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_right_claims_are_right(chunk: int) -> None:
    claims = right_claims()
    assert len(claims) >= COUNT
    wrong = []
    for case, formula, claim, notation in claims[chunk::CHUNKS]:
        verdict = case.verdict(formula, claim, notation)
        if not verdict.right:
            wrong.append(f"{formula} by {case.wrt}: {claim}: {verdict}")
    assert not wrong, f"{len(wrong)} of {len(claims[chunk::CHUNKS])}:\n" + "\n".join(wrong)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_slips_are_named(chunk: int) -> None:
    """None is called right; the kind is named in 95 of 100; each has numbers that show it."""
    mine = mutated()[chunk::CHUNKS]
    kinds, missed = Counter[str](), []
    for case, kind, claim in mine:
        verdict = case.verdict(case.formula, claim, "numpy")
        said = f"{kind}: {case.formula} by {case.wrt}: {claim}: {verdict}"
        assert not verdict.right, said
        found = verdict.counterexample
        assert found is not None, said
        kinds[kind] += 1
        values = {**dict(SIZES[0]), **found.sizes, **found}
        assert np.allclose(computed(claim, values), found.claim, atol=1e-12), said
        if found.claim.shape == found.derivative.shape:
            right = computed(case.claim, values)
            assert np.allclose(right, found.derivative, atol=1e-12), said
            assert not np.allclose(found.claim, found.derivative, atol=1e-12), said
        if not re.search(WORDS[kind], verdict.diagnosis):
            missed.append(said)
    told = f"{len(mine) - len(missed)} of {len(mine)} {dict(kinds)}; missed:\n" + "\n".join(missed)
    assert len(missed) <= (1 - ENOUGH) * len(mine), told
