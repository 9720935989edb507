"""The one place that imports late, at first use: third-party modules, and rooms of our own.

Of ours those that a program may well never ask for, so that start-up does not wait for them.
"""

import importlib
from types import ModuleType
from typing import Any

from derivant.base.errors import MissingExtraError

EXTRAS = {"sklearn": "data", "matplotlib": "plot", "torch": "peers", "jax": "peers"}


class LazyModule:
    """A module that is imported when one of its names is first read.

    >>> special = LazyModule("scipy.special")
    >>> float(special.expit(0.0))
    0.5
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._module: ModuleType | None = None

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        if self._module is None:
            self._module = load(self._name)
        value = getattr(self._module, attribute)
        vars(self)[attribute] = value  # from now on found without asking
        return value


def load(name: str) -> ModuleType:
    """Import a module, or say which extra of derivant brings it.

    Raises MissingExtraError where it is not installed; any other failure is its own.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        root = name.partition(".")[0]
        if root != (error.name or "").partition(".")[0] or root == __name__.partition(".")[0]:
            raise
        extra = EXTRAS.get(root)
        line = f"pip install 'derivant[{extra}]'" if extra else f"pip install {root}"
        raise MissingExtraError(f"{name} is not installed; {line}") from error
