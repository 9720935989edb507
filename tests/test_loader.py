"""What is imported late says how it is installed where it is missing, and nothing else does."""

from __future__ import annotations

import pytest

from derivant.base.errors import MissingExtraError
from derivant.base.loader import load


def test_what_is_not_installed_names_its_line() -> None:
    with pytest.raises(MissingExtraError, match="pip install no_such_module_here"):
        load("no_such_module_here.inside")


def test_a_mistake_of_ours_is_not_called_a_missing_package() -> None:
    with pytest.raises(ModuleNotFoundError) as raised:
        load("derivant.no_such_room")
    assert not isinstance(raised.value, MissingExtraError)
