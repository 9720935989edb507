"""`derivant verify` and `derivant shapes`: what they print, and with which status."""

from __future__ import annotations

import json

import pytest

from derivant.cli.main import main


def test_a_claim_that_is_not_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "x'*A*x", "--wrt", "x", "--claim", "2*A*x"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "read as matrix notation: x (n), A (n, n); value: a number",
        "not true in general; true if A = A'.   derivative (A + A') x;  "
        "claim − derivative = (A - A') x",
        "counterexample x = [1, 0], A = [[0, 1], [0, 0]]: derivative [0, 1], claim [0, 0]",
    ]


def test_another_layout(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "A*x", "--wrt", "x", "--claim", "A'"]) == 1
    said = "right in the other (denominator) layout; here, shape of the value first: A"
    assert capsys.readouterr().out.splitlines()[1] == said


@pytest.mark.parametrize(
    "options",
    [
        ["x'*A*x", "--claim", "2*A*x", "--assume", "A: symmetric"],
        ["x'*A*x", "--claim", "A + A'", "--order", "2"],
        ["x.T @ A @ x", "--claim", "(A + A.T) @ x", "--notation", "numpy"],
        ["A*x", "--claim", "A'*G", "--cotangent", "G", "--shape", "A: m n"],
    ],
)
def test_a_right_claim(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", *options, "--wrt", "x"]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("right: ")


def test_as_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "x'*x", "--wrt", "x", "--claim", "x", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["right"] is False and found["kind"] == "factor"
    assert found["derivative"] == "2 x" and found["difference"] == "-x"
    assert found["counterexample"]["values"] == {"x": [1.0]}
    assert found["counterexample"]["derivative"] == [2.0]
    assert main(["verify", "x'*x", "--wrt", "x", "--claim", "2*x", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["counterexample"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["verify", "x'*A*x", "--wrt", "x", "--claim", "2*A*z"], "  2*A*z\n      ^"),
        (["verify", "x'*A*x", "--wrt", "x", "--claim", "2*A*(x"], "  2*A*(x\n      ^"),
        (["verify", "x'*(A*x", "--wrt", "x", "--claim", "2*A*x"], "  x'*(A*x\n     ^"),
        (["verify", "x'*A*x", "--wrt", "y", "--claim", "2*A*x"], "y is not in the formula"),
        (["shapes", "x'*A*(B"], "^"),
        (["shapes", "A*B"], "two readings"),
        (["shapes", "A*x + B*x", "--shape", "A: m n, B: p n"], "m is not p"),
        (["shapes", "A*x", "--shape", "A: m n, x: m"], "A (m, n) and x (m) do not fit: n is not m"),
    ],
)
def test_what_cannot_be_read_gives_status_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert said in error and error.startswith(f"derivant {arguments[0]}: ")


def test_shapes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["shapes", "A*x - y"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "read as matrix notation: A (m, n), x (n), y (m); value: a vector (m)",
        "  A  a matrix (m, n)  derivative by A  an array (m, m, n)",
        "  x  a vector (n)     derivative by x  a matrix (m, n)",
        "  y  a vector (m)     derivative by y  a matrix (m, m)",
    ]
    assert main(["shapes", "c*sum(θ)", "--shape", "c:", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["names"] == {"c": [], "theta": ["n"]}
    assert found["value"] == [] and found["derivatives"]["theta"] == ["n"]


def test_a_claim_may_start_with_a_minus(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "cos(x)", "--wrt", "x", "--claim", "-sin(x)", "--shape", "x:"]) == 0
    assert main(["derive", "-x'*x", "--wrt", "x"]) == 0
    assert "-2 x" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["derive", "||Ax - b||^2", "--wrt", "x"], "Ax is one name, a product is A*x"),
        (["derive", "sin x", "--wrt", "x"], "write sin(x)"),
        (["derive", "A*B*C", "--wrt", "B"], "say --notation matrix or --notation numpy"),
        (["derive", "y = A*x; y'*y", "--wrt", "y"], "the formula gives it a value"),
        (["derive", "x'*theta", "--wrt", "thet"], "did you mean θ?"),
        (["verify", "x'*x", "--wrt", "x,y", "--claim", "2*x"], "one variable"),
    ],
)
def test_what_a_newcomer_types_is_answered(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert said in error and "Traceback" not in error
