"""From a stated problem to its optimum in closed form: the first pattern that holds, verified."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from derivant.base.errors import DerivantError
from derivant.carriers.expr import Expr
from derivant.carriers.trace import variables
from derivant.notation import Facts, Shapes, numpy_text, shown_name
from derivant.primitives import RECORD
from derivant.stationary.algebra import constant, documented, shown, simple, substituted
from derivant.stationary.conditions import not_implied
from derivant.stationary.diagonals import diagonal_problem
from derivant.stationary.eliminated import eliminated_problem
from derivant.stationary.entrywise import entrywise_problem
from derivant.stationary.explicit import explicit_problem
from derivant.stationary.forced import forced_problem
from derivant.stationary.found import Found
from derivant.stationary.frames import frame_problem
from derivant.stationary.hinges import hinged_problem, slab_problem
from derivant.stationary.impossible import why_impossible
from derivant.stationary.inverses import inverse_problem
from derivant.stationary.kinks import kinked_problem
from derivant.stationary.least_norm import of_least_norm
from derivant.stationary.monotone import monotone_problem
from derivant.stationary.problem import Problem, read_problem
from derivant.stationary.profile import one_by_one
from derivant.stationary.quadratics import quadratic_problem
from derivant.stationary.ratios import ratio_problem
from derivant.stationary.reading import confirmed
from derivant.stationary.rows import row_problem
from derivant.stationary.solution import Solution, SolutionStep
from derivant.stationary.spheres import on_a_ball
from derivant.stationary.verifying import Verdict, verified

NOT_FOUND, NUMBERS = "no closed form was found: ", ". dv.minimize has the numbers"
Pattern = Callable[[Problem], Found | None]
SINGLE: tuple[Pattern, ...] = (
    quadratic_problem,
    explicit_problem,
    kinked_problem,
    hinged_problem,
    slab_problem,
    on_a_ball,
    inverse_problem,
    entrywise_problem,
    ratio_problem,
    frame_problem,
    forced_problem,
    row_problem,
)
PATTERNS: tuple[Pattern, ...] = (
    lambda problem: diagonal_problem(problem, lambda other: solved_problem(other)[0]),
    *SINGLE,
    lambda problem: monotone_problem(problem, lambda other: solved_problem(other)[0]),
    lambda problem: one_by_one(problem, SINGLE),
    lambda problem: eliminated_problem(problem, lambda other: solved_problem(other)[0]),
)


def solve(
    objective: str,
    over: str | Sequence[str],
    subject_to: str | Sequence[str] = (),
    assume: Facts = None,
    shapes: Shapes = None,
    notation: str = "auto",
    sense: str = "minimize",
    least_norm: bool = False,
) -> Solution:
    """The optimum of an objective in closed form, under constraints written with =, <= or >=.

    The gradient of L = f + <λ, left - right> is set to zero and solved for the unknowns; what the
    answer needs of the data is in its `conditions`. Every answer is feasible, stationary and not
    beaten at random data before it is given. With fewer equations than unknowns least squares has
    many answers and is refused; `least_norm` asks for the one of least norm, the pseudoinverse's.

    Raises ArgumentError or ShapeError, with the place marked, where a text cannot be read, and
    DerivantError, with the part that stops it, where no closed form was found.

    >>> s = solve("norm2(A*x - b)^2", over="x")
    >>> print(s.text, s.conditions)
    x = inv(A' A) A' b ('A has full column rank',)
    """
    problem = read_problem(objective, over, subject_to, assume, shapes, notation, sense)
    if least_norm:
        problem = of_least_norm(problem)
    try:
        found, verdict = solved_problem(problem)
    except DerivantError as error:
        why = why_impossible(problem)
        raise DerivantError(NOT_FOUND + why if why else str(error)) from error
    if not least_norm:
        return _solution(problem, found, verdict)
    zero = constant(0.0)
    kind = "the objective is 0 there, and of all such points this is the one of least norm"
    found = replace(found, multipliers={}, sure=kind)
    return replace(_solution(problem, found, verdict), value=zero)


def solved_problem(problem: Problem) -> tuple[Found, Verdict]:
    """The answer of the first pattern that holds; DerivantError with what each one lacked."""
    said: list[str] = []
    for pattern in PATTERNS:
        try:
            found = pattern(problem)
            if found is not None:
                return found, verified(problem, found)
        except DerivantError as error:
            said.append(str(error).removeprefix(NOT_FOUND).removesuffix(NUMBERS))
    why = "; ".join(dict.fromkeys(said)) or "its equations have none of the forms that are known"
    raise DerivantError(NOT_FOUND + why + NUMBERS)


def _solution(problem: Problem, found: Found, verdict: Verdict) -> Solution:
    values = {u: problem.with_facts(x) for u, x in found.values.items()}
    least = found.least
    if least is None:
        value = simple(substituted(problem.objective, dict(values)))
    else:
        value = simple(least if problem.sign > 0 else RECORD.negative(least))
    kind = found.sure or (
        f"no other of {verdict.compared} random feasible points is better"
        + (f" (unique up to {found.unique})" if found.unique else "")
    )
    names = {u: str(u.params["name"]) for u in values}
    answer = Solution(
        {names[u]: x for u, x in values.items()},
        dict(found.multipliers),
        value,
        (
            *dict.fromkeys(str(n) for n in not_implied(found.needs) if variables([n.of])),
            *(() if verdict.everywhere else ("the answer is finite",)),
        ),
        kind,
        found.pattern,
        lambda: _steps(found, verdict, {names[u]: x for u, x in values.items()}, kind),
        verdict,
        problem.said,
        data_of(problem),
    )
    _confirm(answer)
    return answer


def _steps(
    found: Found, verdict: Verdict, values: dict[str, Expr], kind: str
) -> tuple[SolutionStep, ...]:
    steps = [SolutionStep(rule, result) for rule, result in found.lines()]
    if found.needs and not any(s.rule == "solvable?" for s in steps):
        needs = "; ".join(dict.fromkeys(map(str, not_implied(found.needs))))
        steps.append(SolutionStep("solvable?", f"yes where {needs}"))
    steps += [SolutionStep("solution", f"{shown_name(n)} = {shown(x)}") for n, x in values.items()]
    steps += [SolutionStep("multiplier", f"{k} = {shown(x)}") for k, x in found.multipliers.items()]
    return (*steps, SolutionStep("kind", kind), SolutionStep("sanity", str(verdict)))


def data_of(problem: Problem) -> tuple[Expr, ...]:
    """The variables that are given, in order of appearance."""
    own = {str(u.params["name"]) for u in problem.unknowns}
    roots = [problem.cost, *(c.gap for c in problem.constraints)]
    given = {str(v.params["name"]): v for v in variables(roots)}
    return tuple(given[n] for n in problem.names if n in given and n not in own)


def _confirm(answer: Solution) -> None:
    """Each text read again and compared, and the value with what the unknowns give."""
    sample = answer.check.sample
    if sample is None:
        return
    for part in (answer.solution, answer.multipliers, {"": answer.value}):
        for x in part.values():
            confirmed(x, numpy_text(documented(x)), sample)
    values = list(answer.solution.values())
    found = sample([answer.value, *values], {})
    point = dict(zip(sample.problem.unknowns, found[1:], strict=True))
    (wanted,) = sample([sample.problem.objective], point)
    if not abs(found[0] - wanted) <= 1e-7 * max(1.0, abs(float(wanted))):
        raise DerivantError("the optimal value is not that of the answer; it is not shown")
