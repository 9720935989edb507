"""An optimisation problem as it is stated: an objective, its unknowns, the constraints, the facts.

Texts of the objective and of the constraints are read together, so that they share their sizes.
Knows nothing of how a problem is solved.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from derivant.base.dims import Shape
from derivant.base.errors import ArgumentError, ShapeError
from derivant.base.graph import ancestors
from derivant.carriers.evaluate import replaced
from derivant.carriers.expr import Expr, as_expr, symbol
from derivant.notation import Facts, Formula, Shapes, canonical_name, read_formula
from derivant.primitives import RECORD

SENSES = ("minimize", "maximize")
RELATION = re.compile(r"==|<=|>=|≤|≥|=")
EQUATIONS = frozenset(("orthonormal", "unit", "simplex"))
NO_REGION = frozenset(("onehot", "pm1", "mask", "distance", "big"))  # no derivative tells of them
WORD = re.compile(r"[^\W\d]\w*")
NAMED = re.compile(r"^\s*([^\W\d]\w*)\s*:\s*(?![=])(.*)$", re.DOTALL)


@dataclass(frozen=True, slots=True, eq=False)
class Constraint:
    """One condition: `gap` is left minus right, and is 0, at most 0 or at least 0."""

    key: str  # the name it was given, else its text
    gap: Expr
    relation: str  # "==", "<=" or ">="

    @property
    def excess(self) -> Expr:
        """What must not be positive, or must be 0."""
        flipped: Expr = RECORD.negative(self.gap)
        return flipped if self.relation == ">=" else self.gap


@dataclass(frozen=True, slots=True)
class Problem:
    """Minimise `cost` over the unknowns; `sign` is -1 where the objective itself is maximised.

    The unknowns are symbols without facts; `declared` has the same symbols with theirs.
    """

    cost: Expr
    objective: Expr
    sign: int
    unknowns: tuple[Expr, ...]
    declared: Mapping[Expr, Expr]
    constraints: tuple[Constraint, ...]
    said: str
    names: tuple[str, ...] = ()  # of all variables, in order of appearance

    def facts(self, unknown: Expr) -> frozenset[str]:
        """What is declared of an unknown."""
        return frozenset(self.declared[unknown].params.get("facts", ()))

    def with_facts(self, expression: Expr) -> Expr:
        """The expression with the facts on the unknowns known."""
        changes = {a: b for a, b in self.declared.items() if a is not b}
        return replaced([expression], changes)[0] if changes else expression


def read_problem(
    objective: str,
    over: str | Sequence[str],
    subject_to: Sequence[str] = (),
    assume: Facts = None,
    shapes: Shapes = None,
    notation: str = "auto",
    sense: str = "minimize",
) -> Problem:
    """The problem that the texts state.

    Raises ArgumentError or ShapeError, with the place marked, where a text cannot be read.
    """
    _check_words(objective, sense)
    texts = [subject_to] if isinstance(subject_to, str) else list(subject_to)
    parts = [_sides(text) for text in texts]
    fresh = _fresh_name(objective, texts)
    lines = [f"{fresh}{k} = ({left}) - ({right})" for k, (_, left, _, right) in enumerate(parts)]
    formula = read_formula("; ".join([*lines, objective]), shapes, assume, notation)
    if formula.expression.shape:
        raise ShapeError(
            f"the objective is a number; this one has shape {formula.expression.shape}"
        )
    names = [over] if isinstance(over, str) else list(over)
    if not names:
        raise ArgumentError("over names no unknown")
    declared = _declared(formula, names)
    back = {b: a for a, b in declared.items() if a is not b}
    gaps = [formula.assignments[f"{fresh}{k}"] for k in range(len(parts))]
    value, *gaps = replaced([formula.expression, *gaps], back)
    constraints = tuple(
        Constraint(key, gap, relation)
        for (key, _, relation, _), gap in zip(parts, gaps, strict=True)
    )
    _check_keys(constraints, formula.variables)
    sign = 1 if sense == "minimize" else -1
    cost: Expr = value if sign > 0 else RECORD.negative(value)
    plain = tuple(replace(c, gap=without_norms(c.gap)) for c in constraints)
    order = _order([objective, *(t for _, a, _, b in parts for t in (a, b))], formula.variables)
    unknowns = tuple(declared)
    told = {u: _told(u, v) for u, v in declared.items()}
    declared = {u: found[0] for u, found in told.items()}
    plain = (*plain, *(c for _, more in told.values() for c in more))
    return Problem(without_norms(cost), value, sign, unknowns, declared, plain, formula.said, order)


def _told(u: Expr, declared: Expr) -> tuple[Expr, list[Constraint]]:
    """An unknown without the facts that are equations, and these as constraints."""
    facts, name = [*declared.params.get("facts", ())], str(u.params["name"])
    found = list[Constraint]()
    for fact in facts:
        if fact in NO_REGION:
            raise ArgumentError(
                f"the unknown {name} is {fact}, which is no region that an optimum is looked for "
                "in; say what it may be by constraints"
            )
    for fact in set(facts) & EQUATIONS:
        if fact != "orthonormal" and len(u.shape) != 1:
            raise ArgumentError(f"the unknown {name} is {fact}, which is known of vectors only")
        facts.remove(fact)
        if fact == "orthonormal":
            unit = RECORD.diag_embed(_ones(u.shape[1:]), offset=0)
            gap = RECORD.subtract(RECORD.matmul(RECORD.matrix_transpose(u), u), unit)
        elif fact == "unit":
            gap = RECORD.subtract(RECORD.matmul(u, u), 1.0)
        else:
            facts.append("positive")
            gap = RECORD.subtract(RECORD.sum(u, axis=(-1,), keepdims=False), 1.0)
        found.append(Constraint(f"{name} {fact}", gap, "=="))
    plain = declared if not found else symbol(name, u.shape, u.dtype, facts=tuple(facts))
    return (u if found and not facts else plain), found


def _ones(shape: Shape) -> Expr:
    one = as_expr(np.float64(1.0))
    filled: Expr = RECORD.broadcast_to(one, shape=tuple(shape))
    return filled


def _check_words(objective: object, sense: str) -> None:
    if sense not in SENSES:
        raise ArgumentError(f"the sense is one of {', '.join(SENSES)}, not {sense!r:.40}")
    if not isinstance(objective, str):
        raise ArgumentError(f"the objective is a text, not {type(objective).__name__}")


def _declared(formula: Formula, names: Sequence[str]) -> dict[Expr, Expr]:
    """The unknowns as symbols without facts, each with the variable as it is declared."""
    found = {}
    for name in dict.fromkeys(names):
        variable = formula.variables[formula.variable(name)]
        found[symbol(canonical_name(name), variable.shape, variable.dtype)] = variable
    return found


def _order(texts: Sequence[str], variables: Mapping[str, Expr]) -> tuple[str, ...]:
    """The names of the variables as the texts have them, the objective first."""
    words = [canonical_name(w) for text in texts for w in WORD.findall(text)]
    return tuple(dict.fromkeys([*(w for w in words if w in variables), *variables]))


def without_norms(expression: Expr) -> Expr:
    """The expression with norm2(r)^2 as the sum of the squares of r, and max(r, 0) as relu(r)."""
    changes: dict[Expr, Expr] = {}
    for node in ancestors([expression]):
        positive = _positive_part(node)
        if positive is not None:
            changes[node] = positive
            continue
        name, exponent = node.primitive.name, node.params.get("exponent")
        squared = name == "square" or (name == "power" and exponent == 2)
        squared = squared or (name == "multiply" and node.inputs[0] is node.inputs[1])
        if not squared or node.inputs[0].primitive.name != "vector_norm":
            continue
        norm = node.inputs[0]
        if norm.params["ord"] == 2.0 and not norm.shape:
            (r,) = norm.inputs
            axes = tuple(range(-len(r.shape), 0))
            changes[node] = RECORD.sum(RECORD.multiply(r, r), axis=axes, keepdims=False)
    return replaced([expression], changes)[0] if changes else expression


def _positive_part(node: Expr) -> Expr | None:
    """relu(r) of a maximum of r and 0; None of anything else."""
    if node.primitive.name != "maximum":
        return None
    for zero, other in (node.inputs, node.inputs[::-1]):
        core = zero.inputs[0] if zero.primitive.name == "broadcast_to" else zero
        if "value" in core.params and not np.any(core.params["value"]):
            found: Expr = RECORD.relu(other)
            return found if found.shape == node.shape else None
    return None


def _sides(text: object) -> tuple[str, str, str, str]:
    """The key, the left side, the relation and the right side of a constraint."""
    if not isinstance(text, str):
        raise ArgumentError(f"a constraint is a text such as 'A*x = b', not {text!r:.60}")
    named = NAMED.match(text)
    name, body = (named[1], named[2]) if named else ("", text)
    found = list(RELATION.finditer(body))
    if len(found) != 1:
        raise ArgumentError(
            f"the constraint {text!r:.80} has {len(found)} relations; "
            "write one of =, ==, <=, >=, as in 'lam: A*x = b'"
        )
    left, right = body[: found[0].start()].strip(), body[found[0].end() :].strip()
    if not left or not right:
        raise ArgumentError(f"the constraint {text!r:.80} lacks a side")
    relation = {"=": "==", "≤": "<=", "≥": ">="}.get(found[0][0], found[0][0])
    return name or text.strip(), left, relation, right


def _fresh_name(objective: str, texts: Sequence[object]) -> str:
    """A name that no text uses."""
    name = "gap"
    while any(name in str(text) for text in (objective, *texts)):
        name += "p"
    return name


def _check_keys(constraints: Sequence[Constraint], variables: Mapping[str, Expr]) -> None:
    keys = [c.key for c in constraints]
    for key in keys:
        if keys.count(key) > 1:
            raise ArgumentError(f"two constraints are called {key!r:.60}")
        if canonical_name(key) in variables:
            raise ArgumentError(f"the constraint {key} has the name of a variable")
