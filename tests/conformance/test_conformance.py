"""PyTorch's operator samples: value, vjp, jvp, double backward, and what is refused.

Skipped where PyTorch (torch 2.13, expecttest) is not installed. The exceptions are written in
exceptions.py; `python -m tests.conformance.board` prints how every operator fares.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from types import ModuleType

import numpy as np
import pytest
from hypothesis import settings
from tests.conformance.exceptions import ACCEPTED, DIFFERENCES
from tests.conformance.names import COMPOSED, NAMES, RENAMED

import derivant as dv

MAPPED = 120  # the fewest operators that may be in the map
SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])


@pytest.fixture(scope="session")
def verdicts() -> ModuleType:
    """What needs PyTorch, imported at the first use; other tests keep their settings."""
    profile = settings.get_current_profile_name()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("torch")
        pytest.importorskip("expecttest")
        module = import_module("tests.conformance.verdicts")
    settings.load_profile(profile)  # PyTorch's test library loads one of its own
    return module


@pytest.mark.parametrize("name", NAMES)
def test_samples(name: str, verdicts: ModuleType) -> None:
    report = verdicts.report(name)
    assert not report.wrong, "\n".join(report.wrong[:10])
    assert report.right + report.excepted.total() > 0, f"all samples skipped: {report.skipped}"


def test_the_map_is_of_differentiable_operators(verdicts: ModuleType) -> None:
    entries = import_module("tests.conformance.samples").DIFFERENTIABLE
    assert not [name for name in NAMES if name not in entries]
    assert not RENAMED.keys() & COMPOSED.keys()
    assert len(RENAMED) >= MAPPED


def test_exceptions_are_of_the_map() -> None:
    assert {entry.entry for entry in (*DIFFERENCES, *ACCEPTED)} <= NAMES.keys()


def test_a_wrong_function_is_seen(verdicts: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NAMES, "sin", lambda x: dv.sin(x) * (1 + 1e-8))
    monkeypatch.setitem(NAMES, "cos", lambda x: dv.cos(dv.stop_gradient(x)))
    monkeypatch.setitem(NAMES, "exp", lambda x: x * dv.stop_gradient(dv.exp(x) / x))
    checks = {name: " ".join(verdicts.report(name).wrong) for name in ("sin", "cos", "exp")}
    assert "value" in checks["sin"]
    assert "vjp" in checks["cos"] and "jvp" in checks["cos"] and "value" not in checks["cos"]
    assert "double backward" in checks["exp"]


def test_det_of_a_singular_matrix_where_pytorch_is_wrong(verdicts: ModuleType) -> None:
    torch = import_module("torch")
    x = torch.tensor(SINGULAR, requires_grad=True)
    (theirs,) = torch.autograd.grad(torch.linalg.det(x), x)
    ours = dv.grad(dv.linalg.det)(SINGULAR)
    exact = np.array([[4.0, -2.0], [-2.0, 1.0]])
    np.testing.assert_allclose(ours, exact, atol=1e-12)
    # when this fails PyTorch has been mended: drop the test
    assert np.abs(theirs.numpy() - exact).max() > 0.5
