"""Common factors of the terms of a sum: A x + B x = (A + B) x, on either side or entry by entry.

Two terms are laid over one another from their free letters inwards; what covers is the common
factor, what is left of both becomes one sum in parentheses. A number such as x'Ax inside a term is
covered whole or not at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations, count
from operator import eq

from derivant.base.dims import Size
from derivant.rewriting.canonical import components
from derivant.rewriting.context import Context
from derivant.rewriting.indexed import ONE, Atom, Index, Letter, Sum, Term, letters_of
from derivant.rewriting.settling import size_of_number

MOST_TERMS = 16  # sums with more are left as they are: pairs of terms grow with the square
MOST_ATOMS = 64  # the same for the factors of all terms
MOST_PAIRS = 256  # of equal atoms of two terms: each is tried as a start, each start walks over all
MOST_TRIED = 4  # common factors that are tried before the sum is left as it is
MOST_AXES = 2  # a rest with more axes than a matrix has would not be easier to read


@dataclass(frozen=True, slots=True, eq=False)
class Cover:
    """What two terms share: places of atoms in both, and the second's letters by the first's."""

    pairs: tuple[tuple[int, int], ...]
    names: dict[Letter, Letter]


def factored(context: Context, total: Sum) -> Sum:
    """The sum with the largest common factor of two terms extracted where that is shorter."""
    atoms = sum(len(t.atoms) for t in total.terms)
    if not (2 <= len(total.terms) <= MOST_TERMS and atoms <= MOST_ATOMS):
        return total
    found: list[tuple[int, int, int, Sum, Cover, Sum]] = []
    payloads = [{id(a.payload) for a in t.atoms} for t in total.terms]
    for i, j in combinations(range(len(total.terms)), 2):
        if payloads[i].isdisjoint(payloads[j]):
            continue
        one, two = _levelled(*_facing(total.terms[i], total.terms[j]))
        cover = _cover(context, one, two, total.rank)
        rest = _rest(one, two, cover, total) if cover.pairs else None
        if rest is not None:
            pair = replace(total, terms=_put(_put(total.terms, i, one), j, two))
            found.append((-len(cover.pairs), i, j, rest, cover, pair))
    found.sort(key=lambda entry: entry[:3])
    size = context.sizes.unsigned(total)
    for _, i, j, rest, cover, pair in found[:MOST_TRIED]:
        shorter = _with_factor(context, pair, i, j, rest, cover)
        if context.sizes.unsigned(shorter) < size:
            return shorter
    return total


def _put(terms: tuple[Term, ...], place: int, term: Term) -> tuple[Term, ...]:
    return (*terms[:place], term, *terms[place + 1 :])


def _facing(one: Term, two: Term) -> tuple[Term, Term]:
    """Both terms; beside y_j, the factor x_i of delta_ij x_i is x_j, which is the same."""
    return _faced(one, two), _faced(two, one)


def _faced(term: Term, other: Term) -> Term:
    ends = [a.index for a in term.atoms if a.payload is None]
    if not ends:
        return term
    carried = letters_of(a for a in other.atoms if a.payload is not None)
    names = {low: high for low, high in ends if high in carried and low not in carried}
    if not names:
        return term
    atoms = tuple(a if a.payload is None else a.renamed(names) for a in term.atoms)
    return replace(term, atoms=atoms)


def _levelled(one: Term, two: Term) -> tuple[Term, Term]:
    """Both terms with the power of a base that they share split off: x^3 is x x^2 beside x."""
    powers = [{(id(a.payload), a.index): a.power for a in t.atoms} for t in (one, two)]
    shared = {
        key: min(p, powers[1][key], key=abs)
        for key, p in powers[0].items()
        if powers[1].get(key, p) is not p and powers[1][key] != p and p * powers[1][key] > 0
    }
    if not shared:
        return one, two
    return _split(one, shared), _split(two, shared)


def _split(term: Term, shared: dict[tuple[int, Index], Fraction]) -> Term:
    atoms = list[Atom]()
    for a in term.atoms:
        part = shared.get((id(a.payload), a.index))
        if part is None or part == a.power:
            atoms.append(a)
        else:
            atoms += [replace(a, power=part), replace(a, power=a.power - part)]
    return replace(term, atoms=tuple(atoms))


def _with_factor(context: Context, total: Sum, i: int, j: int, rest: Sum, cover: Cover) -> Sum:
    """The sum with terms i and j replaced by their common factor times what is left of both."""
    one = total.terms[i]
    common = [one.atoms[k] for k, _ in cover.pairs]
    letters = _boundary(one, total.terms[j], cover, total.rank)
    free = count(1 + max([total.rank, *(c for t in total.terms for c, _ in t.bound)]))
    sizes = dict(one.bound)
    factor = context.factor(
        context.normalised(context, rest), letters, ONE, lambda size: next(free)
    )
    others = [t for k, t in enumerate(total.terms) if k not in (i, j)]
    if factor is None:
        return replace(total, terms=tuple(others))
    atoms = (*common, *factor.atoms)
    bound = [(c, sizes[c]) for c in letters_of(common) | dict.fromkeys(letters) if c in sizes]
    joined = Term(factor.coefficient, atoms, (*bound, *factor.bound))
    return replace(total, terms=(joined, *others))


# Laying one term over another


def _cover(context: Context, one: Term, two: Term, rank: int) -> Cover:
    """The largest common part found when each pair of equal atoms is tried as a start."""
    best = Cover((), {})
    places: dict[object, list[int]] = {}
    for j, b in enumerate(two.atoms):
        places.setdefault((id(b.payload), b.power.as_integer_ratio()), []).append(j)
    keys = [(id(a.payload), a.power.as_integer_ratio()) for a in one.atoms]
    found = [places.get(key, []) for key in keys]
    if not 0 < sum(map(len, found)) <= MOST_PAIRS:
        return best
    equal = [(i, j) for i, others in enumerate(found) for j in others]
    numbers: list[list[set[int]]] = []
    most = sum(min(n, len(places.get(key, ()))) for key, n in Counter(keys).items())
    for pair in equal:
        if len(best.pairs) == most:
            break
        if pair not in best.pairs:
            cover = _grown(context, one, two, pair, equal, rank)
            if len(cover.pairs) > len(best.pairs):
                numbers = numbers or [_numbers(one, rank), _numbers(two, rank)]
                cover = _whole_numbers(cover, numbers)
            if len(cover.pairs) > len(best.pairs):
                best = cover
    return best


def _grown(
    context: Context,
    one: Term,
    two: Term,
    start: tuple[int, int],
    equal: Sequence[tuple[int, int]],
    rank: int,
) -> Cover:
    """What covers when a pair of atoms does, atoms with letters already named first."""
    names: dict[Letter, Letter] = {c: c for c in range(rank)}
    pairs: list[tuple[int, int]] = []
    place, found = start, _matched(context, one.atoms[start[0]], two.atoms[start[1]], names, rank)
    while found is not None:
        names = found
        pairs.append(place)
        equal = [(i, j) for i, j in equal if i != place[0] and j != place[1]]
        place, found = _next(context, one, two, equal, names, rank)
    return Cover(tuple(sorted(pairs)), names)


def _next(
    context: Context,
    one: Term,
    two: Term,
    equal: Sequence[tuple[int, int]],
    names: dict[Letter, Letter],
    rank: int,
) -> tuple[tuple[int, int], dict[Letter, Letter] | None]:
    """The next pair of atoms that can cover: the one with most letters named, then the first."""
    options = [(-sum(c in names for c in two.atoms[j].index), i, j) for i, j in equal]
    for _, i, j in sorted(options):
        found = _matched(context, one.atoms[i], two.atoms[j], names, rank)
        if found is not None:
            return (i, j), found
    return (0, 0), None


def _matched(
    context: Context, a: Atom, b: Atom, names: dict[Letter, Letter], rank: int
) -> dict[Letter, Letter] | None:
    """The names with those that make b equal to a; None where b cannot be."""
    if all(map(eq, map(names.get, b.index), a.index)):
        return names
    orders = [b.index]
    if id(b.payload) in context.namer.symmetric:
        orders.append(b.index[::-1])
    for order in orders:
        trial = dict(names)
        taken = set(trial.values())
        for mine, other in zip(a.index, order, strict=True):
            if other not in trial and mine not in taken and mine >= rank:
                trial[other] = mine
                taken.add(mine)
            elif trial.get(other) != mine:
                break
        else:
            return trial
    return None


def _numbers(term: Term, rank: int) -> list[set[int]]:
    """The places of the atoms of each number in a term of several parts."""
    if len(term.atoms) < 2:
        return []
    groups = components(term.atoms, rank)
    if len(groups) == 1:
        return []
    places = {id(a): k for k, a in enumerate(term.atoms)}
    numbers = (g for g in groups if not any(c < rank for a in g for c in a.index))
    return [{places[id(a)] for a in group} for group in numbers if len(group) > 1]


def _whole_numbers(cover: Cover, numbers: Sequence[Sequence[set[int]]]) -> Cover:
    """The cover without parts of numbers that it holds in part only."""
    dropped: set[tuple[int, int]] = set()
    for side, groups in enumerate(numbers):
        for members in groups:
            held = [p for p in cover.pairs if p[side] in members]
            if len(held) < len(members):
                dropped.update(held)
    return replace(cover, pairs=tuple(p for p in cover.pairs if p not in dropped))


# What is left


def _leftovers(one: Term, two: Term, cover: Cover) -> tuple[list[Atom], list[Atom]]:
    """The atoms of both terms that are not common, by the letters of the first."""
    high = 1 + max([0, *(c for c, _ in one.bound), *(c for c, _ in two.bound)])
    names = {c: cover.names.get(c, high + c) for c, _ in two.bound}
    left = [a for k, a in enumerate(one.atoms) if k not in {i for i, _ in cover.pairs}]
    right = [a for k, a in enumerate(two.atoms) if k not in {j for _, j in cover.pairs}]
    return left, [a.renamed(names) for a in right]


def _boundary(one: Term, two: Term, cover: Cover, rank: int) -> tuple[Letter, ...]:
    """The letters that the rest shares with the outside: free ones, and those of the factor."""
    common = letters_of(one.atoms[i] for i, _ in cover.pairs)
    left, right = _leftovers(one, two, cover)
    return tuple(c for c in sorted(letters_of(left + right)) if c < rank or c in common)


def _is_worth(one: Term, cover: Cover, longer: int) -> bool:
    """Whether numbers are easier to read with a factor taken out: a long one, or a function.

    Fractions over one sum or function are added anyway.
    """
    common = [one.atoms[i] for i, _ in cover.pairs]
    made = [a for a in common if a.payload is not None and a.payload.inputs]
    made = [a for a in made if a.payload is not None and size_of_number(a.payload) is None]
    return len(common) + bool(made) > longer or any(a.power < 0 for a in made)


def _rest(one: Term, two: Term, cover: Cover, total: Sum) -> Sum | None:
    """What is left of two terms as one sum; None where extracting would not help."""
    left, right = _leftovers(one, two, cover)
    letters = _boundary(one, two, cover, total.rank)
    if not cover.pairs or len(letters) > MOST_AXES:
        return None
    if not total.rank and not _is_worth(one, cover, max(len(left), len(right))):
        return None
    sizes: dict[Letter, Size] = {**dict(enumerate(total.shape)), **dict(one.bound)}
    high = 1 + max([0, *(c for c, _ in one.bound), *(c for c, _ in two.bound)])
    sizes |= {cover.names.get(c, high + c): size for c, size in two.bound}
    names = {c: k for k, c in enumerate(letters)}
    terms = []
    for number, atoms in ((one.coefficient, left), (two.coefficient, right)):
        inner = [c for c in letters_of(atoms) if c not in names]
        local = {**names, **{c: len(letters) + k for k, c in enumerate(inner)}}
        bound = tuple((local[c], sizes[c]) for c in inner)
        terms.append(Term(number, tuple(a.renamed(local) for a in atoms), bound))
    return Sum(tuple(sizes[c] for c in letters), total.dtype, tuple(terms))
