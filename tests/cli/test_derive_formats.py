"""`derivant derive`: formulas, code that runs, and one object with all of it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from derivant.cli.main import main

LOSS = ["derive", "norm2(X*theta - y)^2/(2*m)", "--wrt", "theta", "--shape", "X: m n"]
FIELDS = [
    *("expression", "notation", "wrt", "order", "shape", "text", "latex", "code"),
    *("expression_numpy", "steps", "check"),
]


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main([*arguments]) == 0
    return capsys.readouterr().out


def test_code_goes_straight_into_scipy(capsys: pytest.CaptureFixture[str]) -> None:
    optimize = pytest.importorskip("scipy.optimize")
    text = printed(capsys, *LOSS, "--format", "numpy", "--value")
    assert "def value_and_derivative(theta, X, y):" in text
    assert text.count("X @ theta") == 1 and "r = X @ theta - y" in text
    scope: dict[str, Any] = {}
    exec(text, scope)
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((20, 3)), rng.standard_normal(20)
    function = scope["value_and_derivative"]
    found = optimize.minimize(function, np.zeros(3), args=(X, y), jac=True, tol=1e-12)
    np.testing.assert_allclose(found.x, np.linalg.lstsq(X, y)[0], atol=1e-5)


def test_latex(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, *LOSS, "--format", "latex")
    assert text == "\\frac{X^{\\top} \\left(X \\theta - y\\right)}{m}\n"


@pytest.mark.parametrize("library", ["jax", "torch"])
def test_other_libraries(library: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "derive", "x'*A*x", "--wrt", "x,A", "--format", library)
    assert "def derivative(x, A):" in text and library in text


def test_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(printed(capsys, *LOSS, "--json"))
    assert list(found) == FIELDS
    assert found["notation"] == "matrix" and found["shape"] == ["n"] and found["order"] == 1
    assert found["expression_numpy"] == "X.T @ (X @ theta - y) / m"
    assert list(found["code"]) == ["numpy", "jax", "torch"]
    assert all("def derivative(theta, X, y):" in text for text in found["code"].values())
    assert found["steps"] and all(
        list(step) == ["rule", "before", "after", "source"] for step in found["steps"]
    )
    assert list(found["check"]) == ["max_relative_error", "sizes", "samples"]


def test_a_value_without_code_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["derive", "x'*x", "--wrt", "x", "--value"]) == 2
    assert "--value is for code" in capsys.readouterr().err


def test_the_command_prints_what_it_should() -> None:
    run = [sys.executable, "-m", "derivant", "derive", "x'A x", "--wrt", "x"]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and "(A + A') x" in done.stdout
