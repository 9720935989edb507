"""`derivant doctor` says what is active, why something is not, and whether numbers are right."""

from __future__ import annotations

import numpy as np
import pytest

from derivant.cli import doctor
from derivant.cli.main import main


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    text = capsys.readouterr().out
    return {line[4:].split("  ")[0]: line for line in text.splitlines()}


def test_what_is_active(capsys):
    assert main(["doctor"]) == 0
    lines = told(capsys)
    assert np.__version__ in lines["numpy"]
    assert lines["eager gradient"].startswith("ok")
    assert lines["compiled gradient"].startswith("ok")


def test_what_is_missing_and_how_to_get_it(capsys, monkeypatch):
    def version(name: str) -> str:
        if name == "matplotlib":
            raise doctor.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(doctor, "version", version)
    monkeypatch.setattr(doctor, "why_not_native", lambda: "llvmlite is not installed")
    assert main(["doctor"]) == 0
    lines = told(capsys)
    assert lines["matplotlib"].startswith("--")
    assert "pip install 'derivant[plot]'" in lines["matplotlib"]
    assert lines["jit"].startswith("--")
    assert "run by NumPy" in lines["jit"]


def test_a_wrong_number_is_not_passed_over(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "jit", lambda f: lambda x: f(x) * 1.001)
    assert main(["doctor"]) == 1
    assert told(capsys)["compiled gradient"].startswith("--")
