"""Wrong rules made from right ones: one change in the source of a rule, run in memory.

A mutant is a place in a module of rows and a change there: a sign, a factor of 2, operands
swapped, a term or a factor dropped, a transpose left out. Nothing on disk is touched.
"""

from __future__ import annotations

import ast
import copy
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import TypeAlias
from unittest.mock import patch

import derivant.primitives as room
from derivant.primitives import Primitive, families, primitive

Change: TypeAlias = Callable[[ast.expr], ast.expr]
Site: TypeAlias = "tuple[ast.expr, str, ast.expr]"  # a node, the kind of change, what replaces it

# Calls whose operands choose and do not carry a value that is differentiated.
CHOICES = (
    *("equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "isnan", "sign"),
    *("logical_and", "logical_or", "logical_xor", "logical_not", "step", "zeros_like", "ones_like"),
)


@dataclass(frozen=True)
class Mutant:
    """One changed rule, and the rows that it can reach."""

    module: str
    kind: str
    rows: tuple[str, ...]
    tree: ast.Module
    old: ast.expr
    new: ast.expr

    def __str__(self) -> str:
        where = f"{self.module.rpartition('.')[2]}:{self.old.lineno}"
        before, after = (" ".join(ast.unparse(n).split())[:60] for n in (self.old, self.new))
        return f"{where} {self.kind}: {before}  ->  {after}"

    def changed_rows(self) -> dict[str, Primitive]:
        """The rows as the changed source makes them."""
        made: dict[str, Primitive] = {}
        with registering(made):
            run(_replaced(self.tree, self.old, self.new), self.module)
        return {name: made[name] for name in self.rows}


@contextmanager
def registering(rows: dict[str, Primitive]) -> Iterator[None]:
    """Inside, rows enter this table in place of the real one."""

    def register(row: Primitive) -> Primitive:
        rows[row.name] = row
        return row

    with (
        patch.object(families, "register", register),
        patch.object(primitive, "register", register),
    ):
        yield


def run(tree: ast.Module, name: str, names: dict[str, object] | None = None) -> None:
    """Execute a module, or a part of one among these names."""
    names = {"__name__": name} if names is None else names
    exec(compile(ast.fix_missing_locations(tree), name, "exec"), names)


# The modules


def row_modules() -> list[ModuleType]:
    """The modules that hold rows with derivatives."""
    modules = [
        importlib.import_module(f"{room.__name__}.{info.name}")
        for info in pkgutil.iter_modules(room.__path__)
        if info.name != "structure"
    ]
    makers = {getattr(families, name) for name in ("elementwise", "linear", "general")}
    return [m for m in modules if m is not families and makers & set(_functions(m))]


def _functions(module: ModuleType) -> list[object]:
    return [value for value in vars(module).values() if callable(value)]


@dataclass(frozen=True)
class Source:
    """A module's tree, the rows each top statement makes, and the names it uses."""

    name: str
    tree: ast.Module
    rows: tuple[tuple[str, ...], ...]
    uses: tuple[frozenset[str], ...]
    makes: tuple[frozenset[str], ...]

    def reached(self, place: int) -> tuple[str, ...]:
        """The rows that a statement makes, or those that need the helpers it makes."""
        if self.rows[place]:
            return self.rows[place]
        changed, names = {place}, set(self.makes[place])
        growing = True
        while growing:
            more = {i for i, used in enumerate(self.uses) if i not in changed and used & names}
            changed |= more
            names |= {n for i in more for n in self.makes[i]}
            growing = bool(more)
        return tuple(row for i in sorted(changed) for row in self.rows[i])


@cache
def source_of(module: ModuleType) -> Source:
    """Run a module statement by statement and see what each makes."""
    with open(str(module.__file__), encoding="utf-8") as file:
        tree = ast.parse(file.read())
    names: dict[str, object] = {"__name__": module.__name__}
    rows, uses, makes = [], [], []
    for statement in tree.body:
        made: dict[str, Primitive] = {}
        with registering(made):
            run(ast.Module([statement], []), module.__name__, names)
        rows.append(tuple(made))
        nodes = [n for n in ast.walk(statement) if isinstance(n, ast.Name)]
        uses.append(frozenset(n.id for n in nodes if isinstance(n.ctx, ast.Load)))
        makes.append(_defined(statement))
    return Source(module.__name__, tree, tuple(rows), tuple(uses), tuple(makes))


def _defined(statement: ast.stmt) -> frozenset[str]:
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return frozenset([statement.name])
    stored = [n for n in ast.walk(statement) if isinstance(n, ast.Name)]
    return frozenset(n.id for n in stored if isinstance(n.ctx, ast.Store))


# The changes


def mutants() -> list[Mutant]:
    """Every mutant of every rule, in the order of the source."""
    return [m for module in row_modules() for m in mutants_of(source_of(module))]


def mutants_of(source: Source) -> Iterator[Mutant]:
    """The mutants of one module."""
    for place, statement in enumerate(source.tree.body):
        rows = source.reached(place)
        if not rows:
            continue
        for node, kind, replacement in sites(statement):
            yield Mutant(source.name, kind, rows, source.tree, node, replacement)


def _replaced(tree: ast.Module, old: ast.expr, new: ast.expr) -> ast.Module:
    """A copy of the tree with one node replaced."""

    class Replace(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return replacement if node is target else self.generic_visit(node)

    twins: dict[int, object] = {}
    copied = copy.deepcopy(tree, twins)
    target = twins[id(old)]
    replacement = ast.copy_location(copy.deepcopy(new), old)
    return Replace().visit(copied)  # type: ignore[no-any-return]


def sites(statement: ast.stmt) -> Iterator[Site]:
    """The changes to the rules written in one statement."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Lambda) and _is_rule(node.args):
            yield from _value_sites(node.body)
        elif isinstance(node, ast.FunctionDef) and _is_rule(node.args):
            yield from _function_sites(node)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "elementwise":
            yield from (s for arg in node.args[2:] if _number(arg) for s in _whole(arg))


def _is_rule(args: ast.arguments) -> bool:
    return bool(args.args) and args.args[0].arg == "xp"


def _number(node: ast.expr) -> bool:
    node = node.operand if isinstance(node, ast.UnaryOp) else node
    return isinstance(node, ast.Constant) and isinstance(node.value, (int, float))


def _function_sites(function: ast.FunctionDef) -> Iterator[Site]:
    """Changes to what a rule returns and to the arrays that it computes on the way."""
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and node.value is not None:
            yield from _value_sites(node.value)
        elif isinstance(node, ast.Assign) and "xp." in ast.unparse(node.value):
            yield from _inner_sites(node.value)


def _value_sites(value: ast.expr) -> Iterator[Site]:
    """Changes to an expression that is a cotangent, a tangent or a partial, or a tuple of them."""
    if isinstance(value, (ast.Tuple, ast.List)):
        for element in value.elts:
            yield from _value_sites(element)
    elif isinstance(value, ast.IfExp):
        yield from _value_sites(value.body)
        yield from _value_sites(value.orelse)
    elif isinstance(value, ast.BinOp) and isinstance(value.left, ast.Tuple):
        yield from _value_sites(value.left)
    elif not _chooses(value) and not _is_constant(value, None, 0):
        yield from _whole(value)
        yield from _inner_sites(value)


def _is_constant(value: ast.expr, *constants: object) -> bool:
    return isinstance(value, ast.Constant) and value.value in constants


def _whole(value: ast.expr) -> Iterator[Site]:
    yield value, "sign", ast.UnaryOp(ast.USub(), value)
    yield value, "factor", ast.BinOp(ast.Constant(2), ast.Mult(), value)


def _chooses(value: ast.expr) -> bool:
    """Whether an expression is a condition, a shape or an axis, not a number that is carried."""
    if isinstance(value, ast.Call):
        name = ast.unparse(value.func)
        return name.removeprefix("xp.") in CHOICES or not (_takes_names(value) or "xp." in name)
    return isinstance(value, (ast.Compare, ast.GeneratorExp, ast.Dict, ast.Lambda))


def _takes_names(call: ast.Call) -> bool:
    """Whether it calls a helper that is given `xp`."""
    return bool(call.args) and ast.unparse(call.args[0]) == "xp"


def _inner_sites(value: ast.expr) -> Iterator[Site]:
    """Changes inside an expression, where its parts carry numbers."""
    if _chooses(value) or _is_zero_times(value):
        return
    yield from _here(value)
    for part in _carried(value):
        yield from _inner_sites(part)


def _is_zero_times(value: ast.expr) -> bool:
    """0.0 * x hands on NaN and nothing else."""
    return isinstance(value, ast.BinOp) and any(
        _is_constant(side, 0) for side in (value.left, value.right)
    )


def _here(value: ast.expr) -> Iterator[Site]:
    """Changes to this very node."""
    if isinstance(value, ast.BinOp):
        left, op, right = value.left, value.op, value.right
        if isinstance(op, (ast.Sub, ast.Div, ast.MatMult)):
            yield value, "swapped", ast.BinOp(right, op, left)
        if isinstance(op, (ast.Add, ast.Sub, ast.Mult)):
            for kept, lost in ((left, right), (right, left)):
                if not _is_zero_times(lost) and not _is_constant(lost, 1):
                    yield value, "dropped", kept
    if isinstance(value, ast.Call):
        name = ast.unparse(value.func)
        if name == "xp.matmul" and len(value.args) == 2:
            yield value, "swapped", ast.Call(value.func, value.args[::-1], value.keywords)
        if name == "xp.matrix_transpose":
            yield value, "transpose", value.args[0]
    if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub):
        yield value, "sign", value.operand


def _carried(value: ast.expr) -> list[ast.expr]:
    """The parts of an expression that carry numbers."""
    if isinstance(value, ast.BinOp):
        return [value.left, value.right]
    if isinstance(value, ast.UnaryOp):
        return [value.operand]
    if isinstance(value, ast.IfExp):
        return [value.body, value.orelse]
    if isinstance(value, (ast.Tuple, ast.List)):
        return list(value.elts)
    if isinstance(value, ast.Subscript):
        return [value.value]
    if isinstance(value, ast.Call):
        name = ast.unparse(value.func)
        if name == "xp.where":
            return value.args[1:]
        return value.args[1:2] if _takes_names(value) else value.args
    return []
