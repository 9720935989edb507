"""The command line: what it prints, what it refuses, and with which status."""

import re
import sys

import pytest

from derivant.base import loader
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
        (["--epochs", "1", "--quiet", "--plot", "/nowhere/at/all.png"], "/nowhere/at/all.png"),
        (["--epochs", "1", "--quiet", "--plot", "curve.nonsense"], "nonsense"),
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


def test_a_missing_extra_gives_the_pip_line(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert main(["train", "digits"]) == 2
    assert "pip install 'derivant[data]'" in capsys.readouterr().err
    assert loader.EXTRAS["matplotlib"] == "plot"
