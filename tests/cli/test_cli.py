"""The command line: what it prints, what it refuses, and with which status."""

import re
import subprocess
import sys

import pytest

from derivant.cli.main import main


def test_digits_are_learned(tmp_path, capsys):
    picture = tmp_path / "loss.png"
    assert main(["train", "digits", "--quiet", "--plot", str(picture)]) == 0
    out = capsys.readouterr().out
    found = re.search(r"test accuracy ([\d.]+) %", out)
    assert found and float(found[1]) >= 97
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert str(picture) in out


def test_a_progress_bar_is_shown_unless_quiet(capsys):
    arguments = ["train", "digits", "--epochs", "1", "--hidden", "8"]
    assert main(arguments) == 0
    assert "epoch" in capsys.readouterr().err
    assert main([*arguments, "--quiet"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--hidden", "abc"], "--hidden"),
        (["--hidden", "0"], "--hidden"),
        (["--epochs", "0"], "--epochs"),
        (["--batch-size", "-1"], "--batch-size"),
        (["--seed", "-1"], "--seed"),
        (["--seed", str(2**70), "--quiet"], "64 bits"),
        (["--learning-rate", "nan"], "--learning-rate"),
        (["--learning-rate", "-1"], "--learning-rate"),
        (["--plot", "/nowhere/at/all.png"], "/nowhere/at/all.png"),
        (["--plot", "curve.nonsense"], "nonsense"),
        (["--plot", "curve"], "png"),
    ],
)
def test_bad_options_give_one_message_and_status_2(options, said, capsys):
    assert main(["train", "digits", *options]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert error.strip().count("\n") == 0


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["train"], ["train", "cats"]])
def test_unknown_commands_give_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_a_program_of_its_own_ends_without_a_traceback():
    run = [sys.executable, "-m", "derivant", "train", "digits", "--hidden", "abc"]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("derivant train: --hidden")
    assert "Traceback" not in done.stderr


def test_a_picture_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "taken.png").mkdir()
    assert main(["train", "digits", "--plot", str(tmp_path / "taken.png")]) == 2
    assert "taken.png" in capsys.readouterr().err


def test_a_missing_extra_gives_the_pip_line(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert main(["train", "digits"]) == 2
    assert "pip install 'derivant[data]'" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["train", "digits", "--plot", "curve.png"]) == 2
    assert "pip install 'derivant[plot]'" in capsys.readouterr().err
