"""`derivant solve` and `derivant minimize` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from derivant.cli.main import main

X = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]])
Y = np.array([1.0, 0.0, 2.0])


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with X in a CSV file and y in an NPY file."""
    np.savetxt(tmp_path / "x.csv", X, delimiter=",", header="one,two", comments="")
    np.save(tmp_path / "y.npy", Y)
    np.savez(tmp_path / "both.npz", X=X, y=Y)
    return tmp_path


def test_solve_shows_the_answer_and_its_steps(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", "x'*x", "--over", "x", "--subject-to", "lam: A*x = y", "--steps"]) == 0
    out = capsys.readouterr().out
    assert "x = A' inv(A A') y" in out
    assert "lam = -2 inv(A A') y" in out
    assert "A' lam + 2 x = 0" in out


def test_solve_as_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", "norm2(A*x - b)^2", "--over", "x", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["solution"] == {"x": "inv(A.T @ A) @ A.T @ b"}
    assert "lstsq" in answer["code"]["numpy"]


def test_solve_as_latex_that_matplotlib_reads(capsys: pytest.CaptureFixture[str]) -> None:
    problem = ["norm2(y - X*w - c*ones(m))^2", "--over", "w,c", "--shape", "X: m n, c:"]
    facts = ["--assume", "X: full-column-rank"]
    assert main(["solve", *problem, *facts, "--format", "latex"]) == 0
    text = capsys.readouterr().out.strip()
    assert text.startswith(r"w = \left(X^{\top}")
    assert r", \quad c = " in text
    mathtext = pytest.importorskip("matplotlib.mathtext", reason="matplotlib is not installed")
    mathtext.MathTextParser("path").parse(f"${text}$")


def test_least_norm_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", "norm2(A*x - b)^2", "--over", "x", "--least-norm"]) == 0
    assert "x = A' inv(A A') b" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (["norm2(w - y)^2", "--subject-to", "y'*w = 1", "--subject-to", "y'*w = 2"], "y'*w = "),
        (["norm2(w - y)^2", "--subject-to", "w'*w <= -1"], "w'*w <= -1"),
        (["norm2(w - y)^2", "--subject-to", "w >= 1", "--subject-to", "w <= 0"], "w >= 1"),
        (["y'*w"], "unbounded"),
        (["y'*w - norm2(w)^2"], "unbounded"),
    ],
)
def test_problems_without_an_optimum_end_with_status_2(
    files: Path, problem: list[str], message: str,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(files)
    assert main(["minimize", *problem, "--over", "w", "--data", "y=y.npy"]) == 2
    assert message in capsys.readouterr().err


def test_nan_in_a_file_names_its_place(
    files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files)
    (files / "gap.csv").write_text("1,2\n3,nan\n5,7\n")
    command = ["minimize", "norm2(X*w - y)^2", "--over", "w", "--data", "X=gap.csv,y=y.npy"]
    assert main(command) == 2
    assert "X has NaN at" in (err := capsys.readouterr().err)
    assert "column" in err


def test_what_has_no_answer_ends_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", "a'*x", "--over", "x"]) == 2
    assert "no closed form" in capsys.readouterr().err


@pytest.mark.parametrize("data", ["X=x.csv,y=y.npy", "both.npz"])
def test_minimize_reads_files(
    files: Path, data: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files)
    assert main(["minimize", "norm2(X*w - y)^2", "--over", "w", "--data", data, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["x"]["w"]
    np.testing.assert_allclose(found, np.linalg.lstsq(X, Y)[0])


@pytest.mark.parametrize("name", ["w.npz", "w.json", "w.npy", "w.csv"])
def test_minimize_writes_files(files: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(files)
    command = ["minimize", "norm2(X*w - y)^2", "--over", "w", "--data", "both.npz", "--out", name]
    assert main(command) == 0
    path = files / name
    read = {
        ".npz": lambda: np.load(path)["w"],
        ".json": lambda: json.loads(path.read_text())["w"],
        ".npy": lambda: np.load(path),
        ".csv": lambda: np.loadtxt(path, delimiter=","),
    }[path.suffix]()
    np.testing.assert_allclose(read, np.linalg.lstsq(X, Y)[0])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("X=none.csv,y=y.npy", "cannot be read"),
        ("X=bad.csv,y=y.npy", "line 2, column 2"),
        ("X=ragged.csv,y=y.npy", "line 2: 1 columns"),
        ("X=objects.npy,y=y.npy", "plain arrays"),
        ("X", "NAME=FILE"),
        ("X=y.npy,y=y.npy", "X has shape"),
    ],
)
def test_files_that_do_not_fit(
    files: Path, data: str, message: str,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(files)
    (files / "bad.csv").write_text("1,2\n3,x\n")
    (files / "ragged.csv").write_text("1,2\n3\n")
    np.save(files / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    command = ["minimize", "norm2(X*w - y)^2", "--over", "w", "--shape", "X: m n", "--data", data]
    assert main(command) == 2
    assert message in capsys.readouterr().err
