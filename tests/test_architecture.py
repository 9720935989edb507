"""The shape of the source: floors, imports, sizes, and what must not be written at all.

Each rule is a function from one parsed module to the texts of its offenders; a bad line of its
own shows that the rule sees something.
"""

from __future__ import annotations

import ast
import io
import re
import statistics
import subprocess
import sys
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"
PACKAGE = "derivant"

FLOORS = {
    0: ("base",),
    1: ("primitives",),
    2: ("ops", "sweeps"),
    3: ("carriers",),
    4: ("rewriting",),
    5: ("operators",),
    6: ("compiler", "notation"),
    7: ("calculus",),
    8: ("derivation",),
    9: ("stationary", "training"),
    10: ("cli", "linalg", "micrograd", "random", "special", "web"),
}
FLOOR_OF = {room: floor for floor, rooms in FLOORS.items() for room in rooms}
ROOF = 11  # the public list and `python -m derivant`: they may import every room
LOADER = "derivant.base.loader"

FILE_LINES = 400
PUBLIC_LIST_LINES = 700  # derivant/__init__.py: names, one a line, and no logic
ROW_FILE_LINES = 600
FUNCTION_LINES = 40
MEDIAN_FUNCTION_LINES = 10
COLUMNS = 100

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Module:
    """One source file: its dotted name, its text, and what the text parses to."""

    name: str
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """The package under derivant that holds it; empty for the public list itself."""
        parts = self.name.split(".")
        return parts[1] if len(parts) > 1 and parts[1] != "__main__" else ""


def parsed(name: str, text: str) -> Module:
    """The module of that name with this text."""
    return Module(name, text, ast.parse(text))


def read_source() -> dict[str, Module]:
    """Every module of the package by its dotted name."""
    modules = {}
    for path in sorted((SOURCE / PACKAGE).rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        modules[name] = parsed(name, path.read_text(encoding="utf-8"))
    return modules


MODULES = read_source()


def imports(module: Module) -> Iterator[tuple[int, str]]:
    """The line and the dotted name of everything imported, a submodule by its full name."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield node.lineno, full if full in MODULES else base


def functions(module: Module) -> Iterator[tuple[Function, int]]:
    """Every function and its number of lines, the docstring not counted."""
    for node in ast.walk(module.tree):
        if isinstance(node, Function):
            end = node.end_lineno or node.lineno
            yield node, end - node.lineno + 1 - docstring_lines(node)


def docstring_lines(node: Function) -> int:
    """The number of lines that a function's docstring takes."""
    if ast.get_docstring(node) is None:
        return 0
    first = node.body[0]
    return (first.end_lineno or first.lineno) - first.lineno + 1


def floor_of(room: str) -> int | None:
    """The floor of a room, the roof for the public list, None for a room that has none."""
    return ROOF if not room else FLOOR_OF.get(room)


# The rules: what is wrong in one module, a text each.


def wrong_floor(module: Module) -> Iterator[str]:
    """Imports of a room that is not below, and rooms without a floor."""
    own = floor_of(module.room)
    if own is None:
        yield f"the room {module.room} has no floor; give it one in FLOORS and CONTRIBUTING.md"
        return
    for line, name in imports(module):
        if name.partition(".")[0] != PACKAGE:
            continue
        room = parsed(name, "").room
        other = floor_of(room)
        if room != module.room and (other is None or other >= own):
            yield f"{line}: floor {own} imports {name} (floor {other})"


def foreign_import(module: Module) -> Iterator[str]:
    """Third-party modules at the top, numpy excepted: they load at first use, by base/loader."""
    allowed = {*sys.stdlib_module_names, PACKAGE, "numpy"}
    for line, name in imports(module):
        if name.partition(".")[0] not in allowed:
            yield f"{line}: {name}; use LazyModule of {LOADER}"


def hidden_import(module: Module) -> Iterator[str]:
    """Imports inside functions, and imports by a call outside the loader."""
    for function, _ in functions(module):
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield f"{node.lineno}: import inside {function.name}"
    if module.name != LOADER:
        for line, name in called(module):
            if name in ("__import__", "import_module", "importlib.import_module"):
                yield f"{line}: {name}; use {LOADER}"


def loose_import(module: Module) -> Iterator[str]:
    """Relative imports and star imports."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom):
            if node.level:
                yield f"{node.lineno}: relative import"
            if any(alias.name == "*" for alias in node.names):
                yield f"{node.lineno}: star import of {node.module}"


def called(module: Module) -> Iterator[tuple[int, str]]:
    """The line and the text of whatever is called: `f`, `a.b`."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func)


def forbidden(module: Module) -> Iterator[str]:
    """Running text as code, and formats that do so when they are read."""
    for line, name in called(module):
        if name.removeprefix("builtins.") in ("eval", "exec"):
            yield f"{line}: {name}"
    for line, name in imports(module):
        if name.partition(".")[0] in ("dill", "marshal", "pickle", "shelve"):
            yield f"{line}: {name}"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.keyword) and ast.unparse(node) == "allow_pickle=True":
            yield f"{node.value.lineno}: allow_pickle"


IGNORE = re.compile(r"#\s*(type:\s*ignore|noqa|mypy:|ruff:)")
REASONED = re.compile(
    r"#\s*(type:\s*ignore\[[\w, -]+\]|noqa:\s*[A-Z]+\d+(,\s*[A-Z]+\d+)*)\s*(#|-)\s*\S.{2,}"
)


def unreasoned_ignore(module: Module) -> Iterator[str]:
    """Ignores without a code and a reason on the line: `# type: ignore[code]  # the reason`."""
    for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
        comment = token.string if token.type == tokenize.COMMENT else ""
        if IGNORE.search(comment) and not REASONED.search(comment):
            yield f"{token.start[0]}: {comment}"


def long_line(module: Module) -> Iterator[str]:
    """Lines over the width."""
    for number, line in enumerate(module.text.splitlines(), 1):
        if len(line) > COLUMNS:
            yield f"{number}: {len(line)} columns"


def long_function(module: Module) -> Iterator[str]:
    """Functions over the limit."""
    for function, lines in functions(module):
        if lines > FUNCTION_LINES:
            yield f"{function.lineno}: {function.name} has {lines} lines"


def long_file(module: Module) -> Iterator[str]:
    """Files over the limit; those that hold rows of the table may be longer."""
    rows = any(name == "derivant.primitives.families" for _, name in imports(module))
    limit = ROW_FILE_LINES if rows and module.room == "primitives" else FILE_LINES
    if module.name == "derivant":
        limit = PUBLIC_LIST_LINES
    lines = len(module.text.splitlines())
    if lines > limit:
        yield f"{lines} lines, the limit is {limit}"


Rule: TypeAlias = Callable[[Module], Iterator[str]]
WIDE = "x = 0  # " + "x" * COLUMNS
# Each rule with a module's name and text that it must find fault with.
RULES: list[tuple[Rule, str, str]] = [
    (wrong_floor, "derivant.sweeps.a", "from derivant.ops.functions import exp"),
    (wrong_floor, "derivant.base.a", "import derivant.primitives"),
    (wrong_floor, "derivant.carriers.a", "from derivant import grad"),
    (wrong_floor, "derivant.attic.a", ""),
    (foreign_import, "derivant.base.a", "import scipy.special"),
    (foreign_import, "derivant.base.a", "from tqdm import tqdm"),
    (hidden_import, "derivant.base.a", "def f():\n    import json"),
    (hidden_import, "derivant.base.a", "import importlib\nimportlib.import_module('scipy')"),
    (loose_import, "derivant.base.a", "from .b import c"),
    (loose_import, "derivant.base.a", "from derivant.base.b import *"),
    (forbidden, "derivant.base.a", "eval('1')"),
    (forbidden, "derivant.base.a", "import pickle"),
    (forbidden, "derivant.base.a", "np.load(path, allow_pickle=True)"),
    (unreasoned_ignore, "derivant.base.a", "x = 0  # type: ignore"),
    (unreasoned_ignore, "derivant.base.a", "x = 0  # type: ignore[arg-type]"),
    (unreasoned_ignore, "derivant.base.a", "x = 0  # noqa: E501"),
    (long_line, "derivant.base.a", WIDE),
    (long_function, "derivant.base.a", "def f():\n" + "    x = 0\n" * FUNCTION_LINES),
    (long_file, "derivant.base.a", "x = 0\n" * (FILE_LINES + 1)),
]
DISTINCT = list(dict.fromkeys(rule for rule, _, _ in RULES))


@pytest.mark.parametrize("rule", DISTINCT, ids=lambda rule: rule.__name__)
def test_source_keeps_the_rule(rule: Rule) -> None:
    found = [f"{m.name}:{text}" for m in MODULES.values() for text in rule(m)]
    assert not found, f"{rule.__doc__}\n  " + "\n  ".join(found)


@pytest.mark.parametrize(("rule", "name", "text"), RULES)
def test_rule_sees_an_offender(rule: Rule, name: str, text: str) -> None:
    assert list(rule(parsed(name, text)))


def test_reasons_are_accepted() -> None:
    text = (
        "x = f()  # type: ignore[arg-type]  # NumPy's stub knows no sequence\n"
        "y = 1  # noqa: E501 - a table\n"
    )
    assert not list(unreasoned_ignore(parsed("derivant.base.a", text)))


def test_no_import_cycle() -> None:
    """Take away modules that import nothing left; what cannot be taken away is in a cycle."""
    waiting = {m.name: {n for _, n in imports(m) if n in MODULES} for m in MODULES.values()}
    while free := [name for name, needs in waiting.items() if not needs & waiting.keys()]:
        for name in free:
            del waiting[name]
    edges = [f"{a} -> {', '.join(sorted(b & waiting.keys()))}" for a, b in waiting.items()]
    assert not waiting, "modules in a cycle or above one:\n  " + "\n  ".join(edges)


def test_median_function_is_short() -> None:
    lines = [count for m in MODULES.values() for _, count in functions(m)]
    assert statistics.median(lines) < MEDIAN_FUNCTION_LINES


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "docs/design.md"])
def test_picture_shows_the_floors(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    drawn = re.findall(r"^ ?(\d+)  (\w+(?:, \w+)*)(?=$| {2})", text, re.MULTILINE)
    assert {int(floor): tuple(rooms.split(", ")) for floor, rooms in drawn} == FLOORS


def test_start_up_loads_numpy_alone() -> None:
    code = "import sys, derivant; print(*sorted({n.partition('.')[0] for n in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    late = {"jax", "llvmlite", "matplotlib", "scipy", "sklearn", "torch", "tqdm"}
    assert not late & set(done.stdout.split())
