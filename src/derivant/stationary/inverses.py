"""A matrix unknown under log|det| or an inverse: with P = inv(Q) the gradient is a polynomial in P.

a P + C = 0 gives Q = -a inv(C); a P + P C P = 0, multiplied by Q on both sides, gives Q = -C/a.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from derivant.carriers.expr import Expr, symbol
from derivant.derivation.structured import projected
from derivant.notation.vocabulary import FUNCTIONS
from derivant.primitives import RECORD
from derivant.rewriting import Atom, Term, lowered
from derivant.stationary.algebra import (
    at_zero,
    constant,
    depends,
    derived,
    formed,
    inverse,
    is_zero,
    opened,
    over,
    payload_of,
    shown,
    simple,
    slope,
    split_scalars,
    substituted,
    summed,
    turned,
)
from derivant.stationary.conditions import Condition, definite, sign_of
from derivant.stationary.found import Found, Lines
from derivant.stationary.hessians import has_kinks, same, scale_of
from derivant.stationary.problem import Constraint, Problem
from derivant.stationary.quadratics import SYMMETRIC, lagrangian, multipliers_of
from derivant.stationary.spheres import root


def inverse_problem(problem: Problem) -> Found | None:
    """The pattern; None where the problem has another form."""
    if len(problem.unknowns) != 1 or len(problem.constraints) > 1:
        return None
    (q,) = problem.unknowns
    if len(q.shape) != 2 or q.shape[0] != q.shape[1] or has_kinks(problem.cost, q):
        return None
    if any(c.gap.shape or c.relation != "==" for c in problem.constraints):
        return None
    lambdas = multipliers_of(problem.constraints)
    value = lagrangian(
        problem.cost, list(zip(lambdas, (c.gap for c in problem.constraints), strict=True))
    )
    gradient = slope(value, q)
    symmetric = bool(problem.facts(q) & SYMMETRIC)
    p = symbol("P", q.shape, facts=("symmetric",) if symmetric else ())
    swapped = _by_inverse(problem, gradient, q, p, symmetric)
    if not depends(swapped, [p]):
        return None
    if depends(swapped, [problem.declared[q], q]):
        plain = symmetric and not problem.constraints
        return _near_a_matrix(problem, q, swapped, p) if plain else None
    in_p = swapped
    found = _polynomial(in_p, p)
    if found is None:
        return None
    rest, number, square = found
    if is_zero(number):
        return _rooted(problem, q, rest, square, lambdas) if symmetric else None
    if not is_zero(square) and not is_zero(rest):
        return None

    def lines() -> Lines:
        return (
            ("∂L/∂Q = 0", f"{shown(in_p)} = 0, where P = inv({q.params['name']})"),
            ("multiply by Q, solve", ""),
        )

    if problem.constraints:
        return _scaled(problem, q, rest, number, lambdas[0], lines) if is_zero(square) else None
    return _unscaled(q, rest, number, square, symmetric, lines)


def _unscaled(
    q: Expr, rest: Expr, number: Expr, square: Expr, symmetric: bool, lines: Callable[[], Lines]
) -> Found:
    """The solution of a P + C = 0 or of a P + P C P = 0."""
    linear = is_zero(square)
    if linear:
        answer = turned(RECORD.negative(RECORD.multiply(number, _inverse(rest))))
    else:
        answer = over(RECORD.negative(turned(square)), number)
    answer = simple(turned(answer) if symmetric else answer)
    need = definite(_core(rest, number) if linear else answer)
    if not symmetric:
        need = Condition("invertible", answer)
    return Found({q: answer}, "the inverse of a matrix", (need,), lines=lines)


def _core(rest: Expr, number: Expr) -> Expr:
    return simple(RECORD.negative(RECORD.multiply(number, rest)))


def _inverse(matrix: Expr) -> Expr:
    return inverse(simple(matrix))


def _by_inverse(problem: Problem, gradient: Expr, q: Expr, p: Expr, symmetric: bool) -> Expr:
    """The gradient with P for the inverse of the unknown."""
    declared = problem.declared[q]
    known = simple(substituted(gradient, {q: declared}))
    if symmetric:
        known = simple(projected(known, declared, "riesz"))
    swapped = substituted(known, {RECORD.inv(declared): p})
    return simple(substituted(swapped, {RECORD.inv(turned(declared)): turned(p)}))


def _near_a_matrix(problem: Problem, q: Expr, gradient: Expr, p: Expr) -> Found | None:
    """h Q + C + a P = 0 with C symmetric: Q commutes with C, so h Q Q + Q C + a I = 0."""
    own = problem.declared[q]
    scale, number = (scale_of(derived(gradient, v).sum) for v in (own, p))
    if scale is None or number is None or depends(scale, [own, p]) or depends(number, [own, p]):
        return None
    rest = at_zero(gradient, [own, p])
    whole = RECORD.add(RECORD.multiply(scale, own), RECORD.multiply(number, p))
    if not same(gradient, RECORD.add(rest, whole)) or not same(rest, turned(rest)):
        return None
    unit = RECORD.diag_embed(constant(1.0, q.shape[:1]), offset=0)
    half = simple(over(RECORD.negative(rest), RECORD.multiply(2.0, scale)))
    part = simple(RECORD.negative(over(number, scale)))
    square = RECORD.add(RECORD.matmul(half, half), RECORD.multiply(part, unit))
    root_ = FUNCTIONS["sqrtm"].lower(simple(square))
    sign = sign_of(part)
    sure = sign is not None and sign.strict and not sign.needs
    return Found(
        {q: simple(RECORD.add(half, root_))},
        "the root of a matrix",
        () if sure else (definite(part),),
        lines=lambda: (
            ("∂L/∂Q = 0", f"{shown(gradient)} = 0, where P = inv({q.params['name']})"),
            ("multiply by Q", f"Q Q = Q ({shown(simple(RECORD.multiply(2.0, half)))}) + "
             f"{shown(part)} I"),
        ),
    )  # fmt: skip


def _polynomial(gradient: Expr, p: Expr) -> tuple[Expr, Expr, Expr] | None:
    """C0, a and C2 of C0 + a P' + P' C2 P', found at multiples of the identity and compared.

    Where P stands alone its terms tell, which costs less.
    """
    apart = _apart(gradient, p)
    if apart is not None:
        return apart
    t = symbol("t", ())
    unit = RECORD.diag_embed(constant(1.0, p.shape[:1]), offset=0)
    line = simple(substituted(gradient, {p: RECORD.multiply(t, unit)}))
    rest = at_zero(line, [t])
    first = slope(line, t)
    second = slope(first, t)
    if depends(second, [t]):
        return None
    number = scale_of(formed(at_zero(first, [t])).sum)
    square = simple(over(second, constant(2.0)))
    if number is None or (is_zero(number) and is_zero(square)):
        return None
    other = turned(p)
    whole = RECORD.add(rest, RECORD.multiply(number, other))
    whole = RECORD.add(whole, RECORD.matmul(RECORD.matmul(other, square), other))
    return (rest, number, square) if same(gradient, whole) else None


def _apart(gradient: Expr, p: Expr) -> tuple[Expr, Expr, Expr] | None:
    """C0, a and C2 of C0 + a P' + P' C2 P' as it is written; None where P stands elsewhere."""
    total = opened(formed(gradient), lambda a: a.payload is not p and depends(payload_of(a), [p]))
    if total is None:
        return None
    rests, numbers, squares = list[Term](), list[Expr](), list[Term]()
    for term in total.terms:
        own = [a for a in term.atoms if a.payload is not None and depends(a.payload, [p])]
        if not own:
            rests.append(term)
        elif len(own) == 1 and _is_turned(own[0], p, 0, 1):
            number, core = split_scalars(total, term)
            if len(core.terms[0].atoms) > 1:
                return None
            numbers.append(number)
        else:
            middle = _between(term, own, p)
            if middle is None:
                return None
            squares.append(middle)
    rest, square = (lowered(replace(total, terms=tuple(t))) for t in (rests, squares))
    return rest, simple(summed([constant(0.0), *numbers])), square


def _is_turned(atom: Atom, p: Expr, row: int, column: int) -> bool:
    """Whether an atom is the transpose of P with these letters."""
    either = (row, column) if "symmetric" in p.params["facts"] else ()
    return atom.payload is p and atom.power == 1 and atom.index in ((column, row), either)


def _between(term: Term, own: Sequence[Atom], p: Expr) -> Term | None:
    """C2 of P' C2 P' in a term, None of any other."""
    if len(own) != 2 or any(len(a.index) != 2 for a in own):
        return None
    for first, last in (own, own[::-1]):
        a = next((c for c in first.index if c != 0), 0)
        b = next((c for c in last.index if c != 1), 1)
        if not (_is_turned(first, p, 0, a) and _is_turned(last, p, b, 1)) or min(a, b) < 2:
            continue
        rest = [x for x in term.atoms if x is not first and x is not last]
        if a == b:
            rest.append(Atom(None, (0, 1)))
        names = {c: c for c, _ in term.bound} | {a: 0, b: 1}
        bound = tuple((c, size) for c, size in term.bound if c not in (a, b))
        return replace(term, atoms=tuple(x.renamed(names) for x in rest), bound=bound)
    return None


def _scaled(
    problem: Problem,
    q: Expr,
    rest: Expr,
    number: Expr,
    force: Expr,
    lines: Callable[[], Lines],
) -> Found | None:
    """a P + λ B = 0: Q = t inv(B), its size fixed by the linear constraint."""
    (constraint,) = problem.constraints
    base = slope_of_constraint(rest, force)
    if base is None:
        return None
    shape = simple(turned(_inverse(base)))
    size = _size(constraint, q, shape)
    answer = simple(RECORD.multiply(size, shape))
    return Found(
        {q: answer},
        "the inverse of a matrix",
        (definite(answer),),
        {constraint.key: simple(over(RECORD.negative(number), size))},
        lines=lines,
    )


def _rooted(
    problem: Problem, q: Expr, rest: Expr, square: Expr, lambdas: list[Expr]
) -> Found | None:
    """P A P = r I: Q = sqrtm(A) / sqrt(r); under a constraint r, and so the size of Q, is free."""
    rate, core = scale_of(formed(rest).sum), simple(RECORD.negative(square))
    if rate is None:
        return None if problem.constraints else _geometric_mean(q, core, rest)
    if is_zero(rate):
        return None
    half, needs = FUNCTIONS["sqrtm"].lower(core), (definite(core),)
    pattern = "the root of a matrix"
    if not problem.constraints:
        answer = simple(over(half, root(rate)))
        return Found({q: answer}, pattern, needs, lines=_root_lines(core))
    (constraint,), (force,) = problem.constraints, lambdas
    by_force = slope(rate, force)
    if depends(by_force, [force]) or not is_zero(at_zero(rate, [force])):
        return None
    size = _size(constraint, q, half)
    pushed = over(constant(1.0), RECORD.multiply(by_force, RECORD.multiply(size, size)))
    return Found(
        {q: simple(RECORD.multiply(size, half))},
        pattern,
        needs,
        {constraint.key: simple(pushed)},
        lines=_root_lines(core),
    )


def _geometric_mean(q: Expr, core: Expr, rest: Expr) -> Found:
    """C = P A P, so Q C Q = A: Q is the geometric mean of A and inv(C).

    Bhatia, Positive Definite Matrices, chapter 4.
    """
    half = FUNCTIONS["sqrtm"].lower(rest)
    middle = RECORD.matmul(RECORD.matmul(half, core), half)
    back = RECORD.inv(half)
    answer = RECORD.matmul(RECORD.matmul(back, FUNCTIONS["sqrtm"].lower(middle)), back)
    return Found(
        {q: answer},
        "the root of a matrix",
        (definite(core), definite(rest)),
        lines=lambda: (
            ("∂L/∂Q = 0", f"inv(Q) ({shown(core)}) inv(Q) = {shown(rest)}"),
            ("multiply by Q on both sides", f"Q ({shown(rest)}) Q = {shown(core)}"),
        ),
    )


def _root_lines(core: Expr) -> Callable[[], Lines]:
    return lambda: (
        ("∂L/∂Q = 0", f"inv(Q) {shown(core)} inv(Q) is a number times I"),
        ("multiply by Q on both sides", f"Q Q is a multiple of {shown(core)}"),
    )


def _size(constraint: Constraint, q: Expr, shape: Expr) -> Expr:
    """The number t for which t times a shape keeps a linear constraint."""
    constant_part = at_zero(constraint.gap, [q])
    linear = simple(RECORD.subtract(substituted(constraint.gap, {q: shape}), constant_part))
    return simple(over(RECORD.negative(constant_part), linear))


def slope_of_constraint(rest: Expr, force: Expr) -> Expr | None:
    """B of a gradient λ B without other terms."""
    base = slope(rest, force)
    if depends(base, [force]) or not is_zero(at_zero(rest, [force])):
        return None
    return base
