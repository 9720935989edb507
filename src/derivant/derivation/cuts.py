"""Which parts of a formula a derivation gives names: the user's own, else those a teacher names.

Those are the arguments and results of functions, what a norm is taken of, and sums that are
factors. Knows nothing of derivatives.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from derivant.carriers.evaluate import replaced
from derivant.carriers.expr import Expr, symbol
from derivant.rewriting.regions import Kind, Regions

POOLS = {
    "difference": ("r", "e"), "argument": ("z", "u"), "result": ("h", "v"),
    "number": ("s", "t", "q"), "shared": ("y", "p"),
}  # fmt: skip
MOVES = ("matrix_transpose", "permute_dims", "expand_dims", "broadcast_to", "squeeze", "reshape")
SUMS = ("sum", "mean", "trace")


def in_order(expressions: Sequence[Expr]) -> list[Expr]:
    """The nodes of expressions, operands first, from left to right as they are read.

    Unlike the order of first making it depends on the formula alone.
    """
    found: list[Expr] = []
    seen: set[int] = set()
    stack = [(e, False) for e in reversed(expressions)]
    while stack:
        node, done = stack.pop()
        if done:
            found.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack += [(x, False) for x in reversed(node.inputs)]
    return found


def variables_of(expressions: Sequence[Expr]) -> list[Expr]:
    """The variables of expressions, as they are read."""
    return [node for node in in_order(expressions) if node.primitive.name == "variable"]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A named part: its symbol, and what it is in the variables and the parts before it."""

    name: str
    symbol: Expr
    definition: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """A formula as named parts and what is left at the top."""

    parts: tuple[Part, ...]
    top: Expr

    def expanded(self, expression: Expr, kept: Iterable[Part] = ()) -> Expr:
        """An expression without the names, but for those that are kept."""
        stay = {id(part) for part in kept}
        for part in reversed(self.parts):
            if id(part) not in stay:
                expression = replaced([expression], {part.symbol: part.definition})[0]
        return expression


def cut(value: Expr, chosen: Sequence[tuple[str, Expr]]) -> Cut:
    """The formula with these nodes named."""
    names = {id(node): name for name, node in chosen}
    changes: dict[Expr, Expr] = {}
    parts = []
    for node in in_order([value]):
        if id(node) in names and node is not value:
            made = symbol(names[id(node)], node.shape, node.dtype)
            parts.append(Part(names[id(node)], made, replaced([node], changes)[0]))
            changes[node] = made
    return Cut(tuple(parts), replaced([value], changes)[0])


def dependents(value: Expr, variable: Expr) -> set[int]:
    """The nodes of a formula that depend smoothly on a variable, itself among them."""
    found = {id(variable)}
    for node in in_order([value]):
        if node.dtype.kind == "f" and any(id(x) in found for x in node.inputs):
            found.add(id(node))
    return found


def by_the_user(
    value: Expr, variable: Expr, names: Sequence[tuple[str, Expr]]
) -> list[tuple[str, Expr]]:
    """The parts that the text names, where one of them leads from the variable to the value."""
    depend = dependents(value, variable)
    inside = {id(node) for node in in_order([value])}
    found: dict[int, tuple[str, Expr]] = {}
    for name, node in names:
        if node is not value and node.inputs and id(node) in inside:
            found.setdefault(id(node), (name, node))
    return list(found.values()) if depend & {*found} else []


def by_a_teacher(
    value: Expr, variable: Expr, taken: Iterable[str], results: bool
) -> list[tuple[str, Expr]]:
    """The parts that are worth a name; results of functions on request."""
    regions = Regions([value])
    depend = dependents(value, variable)
    users: dict[int, list[Expr]] = {}
    nodes = in_order([value])
    for node in nodes:
        for x in dict.fromkeys(node.inputs):
            users.setdefault(id(x), []).append(node)
    roles = []
    for node in nodes:
        if node is value or not node.inputs or id(node) not in depend or _is_moved(node):
            continue
        role = _role(node, users.get(id(node), []), regions, results)
        if role:
            roles.append((role, node))
    return _named(roles, taken)


def _is_moved(node: Expr) -> bool:
    return node.primitive.name in MOVES or node.primitive.outputs > 1 or bool(node.levels)


def _role(node: Expr, users: Sequence[Expr], regions: Regions, results: bool) -> str:
    """Why a node has a name; empty where it has none."""
    kind = regions[node].kind
    inner = [user for user in users if _is_inner(node, user, kind, regions)]
    own = "number" if not node.shape else ""
    if kind is Kind.ATOM and node.primitive.name != "part":
        outer = any(regions[u].kind is not Kind.ATOM and u.shape for u in users)
        used = inner or (results and (outer or len(users) > 1))
        return own or "result" if used else ""
    if not inner:
        return ""
    if kind is Kind.SUM:
        return own or ("difference" if node.primitive.name == "subtract" else "argument")
    function = any(regions[u].kind is Kind.ATOM and not _is_norm(u) for u in inner)
    return own or ("argument" if function else "shared")


def _is_norm(node: Expr) -> bool:
    return node.primitive.name == "vector_norm"


def _is_inner(node: Expr, user: Expr, kind: Kind, regions: Regions) -> bool:
    """Whether a node is the argument of a function, or a sum or a product that is a factor."""
    above = regions[user].kind
    if above is Kind.ATOM:
        return user.primitive.name != "part"
    if above in (Kind.POWER, Kind.QUOTIENT):
        return not regions.is_number(user.inputs[-1]) or len(user.inputs) == 1
    if above is not Kind.PRODUCT:
        return False
    if sum(x is node for x in user.inputs) > 1:
        return True
    if kind is not Kind.SUM or user.primitive.name in SUMS:
        return False
    others = [x for x in user.inputs if x is not node]
    return not others or not all(regions.is_number(x) for x in others)


def _named(roles: Sequence[tuple[str, Expr]], taken: Iterable[str]) -> list[tuple[str, Expr]]:
    """A name for each part by its role, numbered where there are several of a role."""
    used, count = {*taken}, dict[str, int]()
    for role, _ in roles:
        count[role] = count.get(role, 0) + 1
    found, place = [], dict[str, int]()
    for role, node in roles:
        base = next((b for b in POOLS[role] if not _is_taken(b, used)), POOLS[role][0] + "_")
        place[role] = place.get(role, 0) + 1
        found.append((base if count[role] == 1 else f"{base}{place[role]}", node))
    return found


def _is_taken(base: str, used: set[str]) -> bool:
    return any(name == base or (name.startswith(base) and name[1:].isdigit()) for name in used)


def names_in(expressions: Sequence[Expr]) -> list[str]:
    """The names of variables and sizes that are taken."""
    found = []
    for variable in variables_of(expressions):
        found.append(str(variable.params["name"]))
        found += [str(size) for size in variable.shape]
    return list(dict.fromkeys(found))
