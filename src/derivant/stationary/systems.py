"""Linear equations in several unknowns: blocks in index form, and elimination block by block.

An unknown that is a matrix takes part column by column (or row by row) where every block leaves
one of its axes alone; the equations are then those of vectors, with as many right sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product as choices

from derivant.base.errors import DerivantError
from derivant.carriers.expr import Expr
from derivant.primitives import RECORD
from derivant.rewriting import Atom, Form, Sum, as_number, lowered
from derivant.stationary.algebra import (
    at_zero,
    constant,
    contracted,
    depends,
    derived,
    inverse,
    is_zero,
    opened,
    over,
    simple,
    turned,
)
from derivant.stationary.conditions import Condition, needs_of

Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Equations:
    """sum over v of blocks[u, v] times v = -rests[u], for each unknown u, in index form."""

    unknowns: tuple[Expr, ...]
    blocks: dict[Key, Sum]
    rests: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What each unknown is, and what the way there needed."""

    values: dict[Expr, Expr]
    needs: tuple[Condition, ...]
    proved: bool = True


def equations(gradients: Sequence[Expr], unknowns: Sequence[Expr]) -> Equations | None:
    """The equations where each gradient is linear in all unknowns together, else None."""
    blocks: dict[Key, Sum] = {}
    for i, gradient in enumerate(gradients):
        for j, unknown in enumerate(unknowns):
            if not depends(gradient, [unknown]):
                continue
            form = derived(gradient, unknown)
            if depends(form.to_expr(), unknowns):
                return None
            if form.sum.terms:
                blocks[i, j] = spread(form)
    rests = tuple(at_zero(g, unknowns) for g in gradients)
    return Equations(tuple(unknowns), blocks, rests)


def spread(form: Form) -> Sum:
    """A block with its parentheses opened where they hold more letters than a matrix has."""
    total = opened(form, lambda a: len({*a.index}) > 2)
    return form.sum if total is None else total


@dataclass(frozen=True, slots=True)
class System:
    """Blocks as expressions of numbers, vectors and matrices; right sides with a common axis."""

    blocks: dict[Key, Expr]
    sides: tuple[Expr, ...]
    cores: tuple[int, ...]  # the axes of each unknown that take part: 0 or 1


def solved(equations: Equations, order: Sequence[int] | None = None) -> Answer:
    """The unknowns in closed form.

    Raises DerivantError where no block can be eliminated.
    """
    shapes = [u.shape for u in equations.unknowns]
    if all(len(s) <= 1 for s in shapes):
        system = System(
            {k: lowered(b) for k, b in equations.blocks.items()},
            tuple(simple(RECORD.negative(r)) for r in equations.rests),
            tuple(len(s) for s in shapes),
        )
        found, needs, proved = _eliminated(system)
        return Answer(dict(zip(equations.unknowns, found, strict=True)), needs, proved)
    for axes in choices(*(range(len(s)) for s in shapes)):
        columns = _columns(equations, axes)
        if columns is None:
            continue
        found, needs, proved = _eliminated(columns)
        values = [
            _stood(x, u, axis) for x, u, axis in zip(found, equations.unknowns, axes, strict=True)
        ]
        return Answer(dict(zip(equations.unknowns, values, strict=True)), needs, proved)
    return _two_sided(equations)


def _stood(x: Expr, unknown: Expr, axis: int) -> Expr:
    """A solution with its common axis where the unknown has it."""
    return turned(x) if len(unknown.shape) == 2 and axis == 0 else x


def _columns(equations: Equations, axes: Sequence[int]) -> System | None:
    """The system in which one axis of each unknown is left alone; None where a block mixes it."""
    blocks: dict[Key, Expr] = {}
    for (i, j), block in equations.blocks.items():
        rank = len(equations.unknowns[i].shape)
        core = core_of(block, axes[i], rank + axes[j])
        if core is None:
            return None
        blocks[i, j] = core
    sides = []
    for rest, unknown, axis in zip(equations.rests, equations.unknowns, axes, strict=True):
        side: Expr = RECORD.negative(rest)
        sides.append(simple(turned(side) if len(unknown.shape) == 2 and axis == 0 else side))
    cores = tuple(len(u.shape) - 1 for u in equations.unknowns)
    return System(blocks, tuple(sides), cores)


def core_of(total: Sum, first: int, second: int) -> Expr | None:
    """A block whose every term has the unit tensor between two letters, without it."""
    kept = [c for c in range(total.rank) if c not in (first, second)]
    names = {c: k for k, c in enumerate(kept)}
    terms = []
    for term in total.terms:
        unit = next(
            (a for a in term.atoms if a.payload is None and {*a.index} == {first, second}), None
        )
        rest = [a for a in term.atoms if a is not unit]
        if unit is None or any(c in (first, second) for a in rest for c in a.index):
            return None
        local = {**names, **{c: len(kept) + k for k, (c, _) in enumerate(term.bound)}}
        bound = tuple((local[c], s) for c, s in term.bound)
        terms.append(replace(term, atoms=tuple(a.renamed(local) for a in rest), bound=bound))
    shape = tuple(total.shape[c] for c in kept)
    return lowered(Sum(shape, total.dtype, tuple(terms)))


# Elimination


def _eliminated(system: System) -> tuple[list[Expr], tuple[Condition, ...], bool]:
    """All unknowns: one is expressed by the others and put into their equations, one by one."""
    blocks = {k: simple(b) for k, b in system.blocks.items()}
    sides, cores = list(system.sides), system.cores
    waiting = list(range(len(sides)))
    steps: list[tuple[int, Expr, dict[int, Expr]]] = []
    needs: list[Condition] = []
    proved = True
    while waiting:
        p, sure, wanted = _pivot(blocks, cores, waiting)
        needs += wanted
        proved = proved and sure
        waiting.remove(p)
        own = inverse(blocks[p, p])
        row = {q: blocks[p, q] for q in waiting if (p, q) in blocks}
        steps.append((p, own, row))
        for u in waiting:
            if (u, p) not in blocks:
                continue
            factor = contracted(blocks[u, p], cores[p], own)
            for q, block in row.items():
                change = contracted(factor, cores[p], block)
                known = blocks.get((u, q))
                made: Expr = RECORD.negative(change) if known is None else known - change
                blocks[u, q] = simple(made)
                if is_zero(blocks[u, q]):
                    del blocks[u, q]
            sides[u] = simple(sides[u] - contracted(factor, cores[p], sides[p]))
    values: dict[int, Expr] = {}
    for p, own, row in reversed(steps):
        side = sides[p]
        for q, block in row.items():
            side = side - contracted(block, cores[q], values[q])
        values[p] = simple(contracted(own, cores[p], simple(side)))
    return [values[k] for k in range(len(sides))], tuple(dict.fromkeys(needs)), proved


def _pivot(
    blocks: dict[Key, Expr], cores: Sequence[int], waiting: Sequence[int]
) -> tuple[int, bool, tuple[Condition, ...]]:
    """The unknown to eliminate next: one whose own block is surely invertible, numbers first."""
    best: tuple[tuple[object, ...], int, bool, tuple[Condition, ...]] | None = None
    for p in waiting:
        block = blocks.get((p, p))
        if block is None:
            continue
        sure, needs = needs_of(block)
        rank = (not sure, len(needs), cores[p], p)
        if best is None or rank < best[0]:
            best = (rank, p, sure, needs)
    if best is None:
        raise DerivantError(
            "the equations do not fix all unknowns: no block of them can be eliminated "
            "(the objective is linear or flat in some direction)"
        )
    return best[1:]


# One matrix unknown, on both sides


def _two_sided(equations: Equations) -> Answer:
    """A X B = C, and sums of such terms by stacked columns."""
    if (0, 0) not in equations.blocks:
        raise DerivantError("the matrix unknown has no block of its own")
    if len(equations.unknowns) > 1:
        raise DerivantError("the matrix equations of several unknowns mix their rows and columns")
    total = equations.blocks[0, 0]
    side: Expr = simple(RECORD.negative(equations.rests[0]))
    pairs = [pair_of(total, k) for k in range(len(total.terms))]
    if any(p is None for p in pairs):
        raise DerivantError("the matrix equation is no sum of products A X B")
    sides = [p for p in pairs if p is not None]
    unknown = equations.unknowns[0]
    if len(sides) == 1:
        left, right = sides[0]
        sure, needs = _both(left, right)
        value = _applied((inverse(left), inverse(right)), side)
        return Answer({unknown: simple(value)}, needs, sure)
    rows, columns = unknown.shape
    whole = None
    first = abs(total.terms[0].coefficient)
    numbers = [as_number(t.coefficient) for t in total.terms]
    side = simple(over(side, constant(as_number(first))))
    for number, (left, right) in zip(numbers, sides, strict=True):
        one = RECORD.einsum(right, simple(over(left, constant(number))), spec="AB,CD->ACBD")
        flat = (
            number / as_number(first) * RECORD.reshape(one, shape=(columns * rows, columns * rows))
        )
        whole = flat if whole is None else whole + flat
    assert whole is not None
    stacked = RECORD.reshape(turned(side), shape=(columns * rows,))
    flat = RECORD.matmul(RECORD.inv(whole), stacked)
    value = turned(RECORD.reshape(flat, shape=(columns, rows)))
    return Answer({unknown: value}, (Condition("invertible", whole),), False)


def _applied(pair: tuple[Expr, Expr], x: Expr) -> Expr:
    """P X R'."""
    found: Expr = RECORD.matmul(RECORD.matmul(pair[0], x), turned(pair[1]))
    return found


def _both(left: Expr, right: Expr) -> tuple[bool, tuple[Condition, ...]]:
    one, two = needs_of(left), needs_of(right)
    return one[0] and two[0], (*one[1], *two[1])


def pair_of(total: Sum, place: int) -> tuple[Expr, Expr] | None:
    """A term M[i, k] N[j, l] as its two matrices: letters i, j of the row, k, l of the unknown."""
    form = Sum(total.shape, total.dtype, (total.terms[place],))
    (term,) = form.terms
    groups: dict[str, list[int]] = {"left": [], "right": []}
    owner = _owners(term.atoms)
    for k, letters in enumerate(owner):
        free = {c for c in letters if c < 4}
        if free <= {0, 2}:
            groups["left"].append(k)
        elif free <= {1, 3}:
            groups["right"].append(k)
        else:
            return None
    return (
        _part(form, groups["left"], (0, 2), with_number=True),
        _part(form, groups["right"], (1, 3), with_number=False),
    )


def _owners(atoms: Sequence[Atom]) -> list[set[int]]:
    """For each atom the letters of all atoms that it hangs together with by bound letters."""
    sets = [{*a.index} for a in atoms]
    changed = True
    while changed:
        changed = False
        for i, a in enumerate(sets):
            for j, b in enumerate(sets):
                if i != j and {c for c in a & b if c >= 4} and a != a | b:
                    sets[i] = a = a | b
                    changed = True
    return sets


def _part(total: Sum, places: Sequence[int], ends: tuple[int, int], with_number: bool) -> Expr:
    (term,) = total.terms
    atoms = [term.atoms[k] for k in places]
    used = {c for a in atoms for c in a.index}
    bound = [(c, s) for c, s in term.bound if c in used]
    names = {ends[0]: 0, ends[1]: 1, **{c: 2 + k for k, (c, _) in enumerate(bound)}}
    one = replace(
        term,
        coefficient=term.coefficient if with_number else term.coefficient / term.coefficient,
        atoms=tuple(a.renamed(names) for a in atoms),
        bound=tuple((names[c], s) for c, s in bound),
    )
    return lowered(Sum((total.shape[ends[0]], total.shape[ends[1]]), total.dtype, (one,)))
