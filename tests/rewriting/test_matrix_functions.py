"""What a function of a symmetric matrix moves by along I, and along another matrix."""

from __future__ import annotations

import numpy as np
import pytest

import derivant as dv

SLOPES = [
    ("tr(sqrtm(A))", "0.5 inv(sqrtm(A))"),
    ("3*tr(sqrtm(A))", "1.5 inv(sqrtm(A))"),
    ("tr(sqrtm(A))^2", "tr(sqrtm(A)) inv(sqrtm(A))"),
    ("2*tr(expm(A))", "2 expm(A)"),
]


@pytest.mark.parametrize(("text", "slope"), SLOPES)
def test_traces_have_the_slope_of_the_function(text: str, slope: str) -> None:
    r = dv.derive(text, wrt="A", assume={"A": "spd"})
    assert r.text == slope
    root = np.random.default_rng(0).standard_normal((3, 3))
    A = root @ root.T + np.eye(3)
    scope: dict[str, object] = {}
    exec(r.code(), scope)
    np.testing.assert_allclose(scope["derivative"](A), r(A=A), rtol=1e-10)  # type: ignore[operator]


def test_a_root_of_a_symmetric_matrix_is_symmetric() -> None:
    r = dv.derive("tr(sqrtm(X'*X + I))", wrt="X")
    assert r.text == "X inv(sqrtm(X' X + I))"


def test_traces_of_logarithms() -> None:
    r = dv.derive(lambda A: dv.trace(dv.linalg.logm(A)), "A", "A: n n", {"A": "spd"})
    assert r.text == "inv(A)"


def test_what_has_no_name_is_refused() -> None:
    with pytest.raises(dv.DerivantError, match="has no name"):
        dv.derive("tr(B*sqrtm(A))", wrt="A", assume={"A": "spd"}, notation="matrix")
