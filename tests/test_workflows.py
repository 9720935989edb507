"""The workflows of the README as one types them: a formula, a claim, a loss, a large Jacobian."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pytest

import derivant as dv
from derivant.cli.main import main

FORMULA = "norm2(X*theta - y)^2/(2*m)"
LOSS = ["derive", FORMULA, "--wrt", "theta", "--shape", "X: m n"]


# 1. A formula, its derivative, and code that goes straight into SciPy.


def test_a_formula_and_its_derivative(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*LOSS, "--steps"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        "read as matrix notation: X (m, n), θ (n), y (m), m rows of X; value: a number"
    )
    assert lines[1].startswith("d(norm2(X θ - y)² / (2 m))/dθ")
    assert any("∂r_i/∂θ_k = X_ik" in line for line in lines)
    assert lines[-1].startswith("∂/∂θ = X' (X θ - y) / m      shape (n)      checked at 6 sizes")
    assert float(lines[-1].rpartition("error ")[2]) < 1e-10


def test_code_that_goes_into_scipy(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    optimize = pytest.importorskip("scipy.optimize")
    assert main([*LOSS, "--format", "numpy", "--value"]) == 0
    file = tmp_path / "loss.py"
    file.write_text(capsys.readouterr().out, encoding="utf-8")
    assert file.read_text(encoding="utf-8").count("X @ theta - y") == 1
    value_and_derivative = runpy.run_path(str(file))["value_and_derivative"]
    rng = np.random.default_rng(0)
    X, y, t0 = rng.standard_normal((20, 3)), rng.standard_normal(20), np.zeros(3)
    found = optimize.minimize(value_and_derivative, t0, args=(X, y), jac=True)
    np.testing.assert_allclose(found.x, np.linalg.lstsq(X, y)[0], atol=1e-4)
    value, slope = value_and_derivative(t0, X, y)
    np.testing.assert_allclose(value, y @ y / 40)
    np.testing.assert_allclose(slope, -X.T @ y / 20)


# 2. Is my formula right?


def test_a_claim_that_holds_for_symmetric_matrices(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "x'*A*x", "--wrt", "x", "--claim", "2*A*x"]) == 1
    assert capsys.readouterr().out.splitlines()[1:] == [
        "not true in general; true if A = A'.   derivative (A + A') x;  "
        "claim − derivative = (A - A') x",
        "counterexample x = [1, 0], A = [[0, 1], [0, 0]]: derivative [0, 1], claim [0, 0]",
    ]


def test_a_claim_in_the_other_layout(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "A*x", "--wrt", "x", "--claim", "A'"]) == 1
    said = "right in the other (denominator) layout; here, shape of the value first: A"
    assert capsys.readouterr().out.splitlines()[1] == said


# 3. A loss written in plain NumPy, its formula, and custom rules for other frameworks.


def loss(W1, W2, X):  # type: ignore[no-untyped-def]  # a user's own
    return np.sum((np.maximum(X @ W1, 0) @ W2) ** 2)


def test_a_loss_in_plain_numpy() -> None:
    r = dv.derive(loss, wrt=["W1", "W2"], shapes="X: N D, W1: D H, W2: H M")
    assert r["W1"].text == "2 X' (step(X W1) ∘ (relu(X W1) W2 W2'))"
    assert r["W2"].text == "2 relu(X W1)' relu(X W1) W2"
    assert r["W1"].check.samples >= 4 and r["W2"].check.samples >= 4
    assert "1[X W1 > 0]" in str(r["W1"].derivation)
    assert "z = 0: left 0, right 1, no derivative" in " ".join(str(r["W1"].derivation).split())
    rng = np.random.default_rng(1)
    at = {"W1": rng.standard_normal((4, 5)), "W2": rng.standard_normal((5, 2))}
    at["X"] = rng.standard_normal((3, 4))
    for name, slope in zip(("W1", "W2"), dv.grad(loss, argnums=(0, 1))(*at.values()), strict=True):
        np.testing.assert_allclose(r[name](**at), slope, rtol=1e-12)


@pytest.mark.parametrize("library", ["numpy", "jax", "torch"])
def test_rules_for_other_frameworks(library: str) -> None:
    r = dv.derive(loss, wrt=["W1", "W2"], shapes="X: N D, W1: D H, W2: H M")
    scope: dict[str, object] = {}
    if library != "numpy":
        pytest.importorskip(library)
    exec(r.code(library), scope)
    assert "def derivative(W1, W2, X):" in r.code(library)
    kinds = {"numpy": np.asarray, "jax": np.asarray}
    if library == "torch":
        kinds["torch"] = __import__("torch").tensor
    rng = np.random.default_rng(2)
    at = [rng.standard_normal(s) for s in ((4, 5), (5, 2), (3, 4))]
    found = scope["derivative"](*[kinds[library](a) for a in at])  # type: ignore[operator]
    for slope, right in zip(found, dv.grad(loss, argnums=(0, 1))(*at), strict=True):
        near = 1e-4 if library == "jax" else 1e-9  # JAX has float32 where nothing else is asked
        np.testing.assert_allclose(np.asarray(slope), right, rtol=near)


# 5. The Jacobian nobody can form.


def test_a_jacobian_that_nobody_can_form() -> None:
    rng = np.random.default_rng(3)
    W = rng.standard_normal((4096, 4096), dtype=np.float32)
    X, G = rng.standard_normal((2, 64, 4096), dtype=np.float32)
    J = dv.jacobian(lambda X: X @ W)(X)
    assert J.structure == "delta[i,k] W[l,j]"
    assert J.nbytes == 64 * 2**20 and J.dense_nbytes == 256 * 2**30
    assert J[3, 7, 3, 9] == W[9, 7] and J[3, 7, 4, 9] == 0
    np.testing.assert_allclose(G @ J, G @ W.T, rtol=1e-5)
    np.testing.assert_allclose(J @ G, G @ W, rtol=1e-5)
    with pytest.raises(dv.DerivantError, match=r"256(\.0)? GiB|274877906944"):
        J.materialize()


def test_newtons_step_with_one_small_factor() -> None:
    rng = np.random.default_rng(4)
    T, V, U, g = (rng.standard_normal(s) for s in ((200, 80), (80, 5), (200, 5), (200, 5)))

    def als(U):  # type: ignore[no-untyped-def]  # a user's own
        return dv.sum((T - U @ V.T) ** 2)

    H = dv.hessian(als)(U)
    np.testing.assert_allclose(H.solve(g), g @ np.linalg.inv(2 * V.T @ V), rtol=1e-8)
    assert H.nbytes <= 8 * (V.size + 5 * 5)  # never 1000 x 1000


def test_one_object_has_it_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*LOSS, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["expression_numpy"] == "X.T @ (X @ theta - y) / m"
