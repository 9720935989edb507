"""The public list: explicit, sorted, equal to the names that are there; each documented."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_args, get_origin

import numpy as np
import numpy.typing as npt
import pytest

import derivant

NAMESPACES = ("", "linalg", "random", "special")


def namespace(name: str) -> ModuleType:
    """A public namespace of the package, the package itself for the empty name."""
    return getattr(derivant, name) if name else derivant


def bound_names(module: ModuleType) -> list[str]:
    """The public names that the text of a module binds, submodules loaded by chance left out."""
    assert module.__file__ is not None
    names: list[str] = []
    body = ast.parse(Path(module.__file__).read_text(encoding="utf-8")).body
    late = [node for part in body if isinstance(part, ast.If) for node in part.body]
    for node in body + late:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names += [alias.asname or alias.name.partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.append(node.target.id)
    return [name for name in names if not name.startswith("_") and name != "annotations"]


def public() -> Iterator[tuple[str, object]]:
    """Every public name with what it is, those of the namespaces with theirs before it."""
    for prefix in NAMESPACES:
        module = getattr(derivant, prefix, None) if prefix else derivant
        for name in getattr(module, "__all__", ()):
            yield f"{prefix}.{name}".lstrip("."), getattr(module, name)


def functions() -> Iterator[tuple[str, Callable[..., object]]]:
    """The public functions."""
    for name, value in public():
        if inspect.isroutine(value):
            yield name, value


def methods() -> Iterator[tuple[str, object]]:
    """The public methods and properties that the public classes define."""
    for name, value in public():
        if inspect.isclass(value):
            for own, member in vars(value).items():
                if not own.startswith("_") and (
                    inspect.isroutine(member) or isinstance(member, property)
                ):
                    yield f"{name}.{own}", member


def says_any(annotation: object, scope: dict[str, Any], depth: int = 0) -> bool:
    """Whether an annotation is Any, holds it, or names an alias that does; NumPy's own may."""
    if annotation is Any:
        return True
    if annotation is npt.DTypeLike or get_origin(annotation) in (np.ndarray, np.dtype):
        return False
    if isinstance(annotation, str) and depth < 4:
        words = re.findall(r"[A-Za-z_]\w*", annotation)
        return "Any" in words or any(
            says_any(scope[word], scope, depth + 1) for word in words if is_alias(scope.get(word))
        )
    return any(says_any(part, scope, depth + 1) for part in get_args(annotation))


def is_alias(value: object) -> bool:
    """Whether a global is a type that was given a name, and no class of its own."""
    return value is Any or isinstance(value, str) or bool(get_args(value))


@pytest.mark.parametrize("name", NAMESPACES)
def test_list_is_explicit_sorted_and_complete(name: str) -> None:
    module = namespace(name)
    listed = list(module.__all__)
    assert listed == sorted(set(listed))
    assert sorted(bound_names(module)) == listed


def test_start_up_does_not_wait_for_rooms_that_come_late() -> None:
    """`import derivant` leaves formulas and rarer operations alone; their names bring them in."""
    code = (
        "import sys, numpy as np, derivant as dv\n"
        "rooms = ('compiler', 'notation', 'derivation', 'rewriting', 'operators', 'stationary')\n"
        "rare = ('calculus.jacobians', 'ops.sorting', 'ops.special', 'ops.spectral', 'linalg')\n"
        "late = ('scipy', *(f'derivant.{room}' for room in (*rooms, *rare)))\n"
        "assert not [m for m in sys.modules if m.startswith(late)]\n"
        "assert all(n in dir(dv) and callable(getattr(dv, n)) for n in ('derive', 'solve'))\n"
        "assert dv.hessian and issubclass(dv.operators.Structured, dv.Jacobian)\n"
        "assert dv.linalg.inv and dv.sort and np.linalg.det(dv.tensor(np.eye(2))).item() == 1\n"
        "assert not hasattr(dv, 'no_such_name')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_function_has_a_docstring_and_an_example() -> None:
    missing = [
        name
        for name, value in public()
        if (inspect.isroutine(value) or inspect.isclass(value))
        and not (isinstance(value, type) and issubclass(value, derivant.DerivantError))
        and ">>>" not in (inspect.getdoc(value) or "")
    ]
    assert not missing, "without an example: " + ", ".join(missing)


def test_every_public_method_has_a_docstring() -> None:
    missing = [name for name, member in methods() if not inspect.getdoc(member)]
    assert not missing, "without a docstring: " + ", ".join(missing)


def test_public_signatures_are_annotated_without_any() -> None:
    found = []
    for name, function in functions():
        scope = getattr(function, "__globals__", {})
        for parameter in inspect.signature(function).parameters.values():
            kind = parameter.annotation
            if kind is parameter.empty or says_any(kind, scope):
                found.append(f"{name}({parameter.name}: {kind})")
        result = inspect.signature(function).return_annotation
        if result is inspect.Signature.empty or says_any(result, scope):
            found.append(f"{name} -> {result}")
    assert not found, "Any, or no annotation:\n  " + "\n  ".join(found)


def test_any_is_seen_through_aliases() -> None:
    assert says_any("dict[str, Data]", {"Data": Any})
    assert says_any("DType | None", {"DType": "np.dtype[Any]"})
    assert says_any(list[Any], {})
    assert not says_any("Array | None", {"Array": int})
