"""The tour: what it shows is what its commands print, and its slips are slips."""

from __future__ import annotations

import numpy as np
import pytest

from derivant.cli import tour_stops
from derivant.cli.main import main
from derivant.cli.tour_stops import STOPS


def shown(capsys: pytest.CaptureFixture[str], *stops: str) -> str:
    assert main(["tour", *stops]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("stop", range(1, len(STOPS) + 1))
def test_each_command_is_shown_with_what_it_prints(stop, capsys):
    text = shown(capsys, str(stop))
    assert text.startswith(f"{stop:2} {STOPS[stop - 1].title}\n")
    for part in STOPS[stop - 1].parts:
        if isinstance(part, tuple):
            assert main(part) < 2
            last = capsys.readouterr().out.splitlines()[-1]
            assert last.split("      checked at ")[0] in text


RESULTS = {
    "2": ["read as matrix notation: x (n); value: a matrix (n, n)", "∂/∂x = 2 x", "∂/∂x = ones(n)"],
    "3": ["∂/∂x = W ", "∂/∂x = W' ", "[321. 654.]"],
    "4": ["delta[i,k] W[l,j]", "64 MiB", "dense 256 GiB"],
    "5": ["∂/∂x = (A + A') x", "∂/∂A = x x'"],
    "6": ["∂/∂θ = X' (X θ - y) / m", "off by a factor", "θ = inv(X' W X) X' W y"],
    "7": ["x = A' inv(A A') y", "lam = -2 inv(A A') y"],
    "8": ["∂/∂X = G W'", "∂/∂W = X' G", "∂/∂X = W' G", "∂/∂W = G X'"],
    "9": ["∂/∂x = g ∘ step(x)", "[ 4. -0.  5.  0.]"],
    "10": ["∂/∂W = 2 W x x'", "∂/∂x = 2 W' W x"],
    "11": ["∂/∂W1 = 2 X' (step(X W1) ∘ (relu(X W1) W2 W2'))", "never formed"],
    "12": ["24.7041, 138.8338, 645.5773"],
}


@pytest.mark.parametrize("stop", RESULTS)
def test_the_results_of_the_lecture_are_there(stop, capsys):
    text = shown(capsys, stop)
    for line in RESULTS[stop]:
        assert line in text


def test_programs_are_shown_as_they_are_run(capsys):
    assert ">>> J.shape, J @ dx, by_hand\n    (2, 3)\n" in shown(capsys, "3")


def test_back_propagation_through_a_linear_layer_needs_no_jacobian():
    shape, formed, product = tour_stops.linear_layer_in_numbers()
    assert shape == (1, 3)  # N x M, which the lecture calls M x N
    np.testing.assert_array_equal(formed, product)


def test_titles_alone(capsys):
    assert main(["tour", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[3:] for line in lines] == [stop.title for stop in STOPS]


def test_a_stop_that_is_not_there(capsys):
    assert main(["tour", "13"]) == 2
    assert capsys.readouterr().err == "derivant tour: there is no stop 13; they are 1 to 12\n"
