"""Which shape each name has, from how the text uses it.

First the kinds (number, vector, matrix): those that no use rules out, then the likely one of each
name (an upper-case name a matrix, any other a vector), then the nearest to that which fits. Then
the sizes, by uniting what must be equal.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

from derivant.base.dims import Shape, Size
from derivant.base.errors import DerivantError, ShapeError
from derivant.notation.items import Item, Program
from derivant.notation.kinds import (
    ALL,
    ARRAY,
    EVERY,
    MATRIX,
    NUMBER,
    RARE,
    ROW,
    VECTOR,
    Kinds,
    narrowed,
    outcome,
    words,
)
from derivant.notation.unify import Conflict, shapes_of

WORK = 12_000  # operations looked at in search of a reading
ORDERS = {True: (MATRIX, VECTOR, NUMBER), False: (VECTOR, NUMBER, MATRIX)}  # upper-case or not
OPEN = 1 << NUMBER | 1 << VECTOR | 1 << MATRIX


@dataclass(frozen=True, slots=True)
class Reading:
    """The kind and the shape of every item, and how far it is from the likely one."""

    kinds: Kinds
    shapes: tuple[Shape, ...]
    cost: int


def infer(program: Program, square: frozenset[str]) -> Reading:
    """The one nearest reading; ShapeError where there is none, or several that are as near."""
    masks = _start(program, square)
    strict = _settled(program, list(masks), RARE)
    loose = _settled(program, list(masks), ALL) if isinstance(strict, int) else strict
    if isinstance(loose, int):
        raise _no_kinds(program, masks, loose)
    return _Search(program, square, loose).best()


def _start(program: Program, square: frozenset[str]) -> list[int]:
    """The kinds that each item may have before any use is looked at."""
    masks = [EVERY] * len(program.items)
    for name, place in program.variables.items():
        if name in program.given:
            rank = len(program.given[name])
            masks[place] = 1 << (NUMBER, VECTOR, MATRIX)[rank] if rank < 3 else 1 << ARRAY
        else:
            known = ARRAY if name in program.ranks else MATRIX if name in square else None
            masks[place] = OPEN if known is None else 1 << known
    return masks


def _settled(program: Program, masks: list[int], limit: int) -> list[int] | int:
    """The kinds that all uses allow; the place where none is left otherwise."""
    items = program.items
    places = range(len(items))
    changed = True
    while changed:
        changed = False
        for order in (places, reversed(places)):
            for i in order:
                item = items[i]
                if item.op == "variable":
                    continue
                before = (*(masks[a] for a in item.args), masks[i])
                after = narrowed(item.rule, before, limit)
                if after == before:
                    continue
                changed = True
                for place, mask in zip((*item.args, i), after, strict=True):
                    masks[place] &= mask
                if not all(masks[p] for p in (*item.args, i)):
                    return i
    return masks


def _no_kinds(program: Program, masks: list[int], place: int) -> DerivantError:
    """What an operation was asked to combine: the first that cannot be, from the names up."""
    for i, item in enumerate(program.items):
        if item.op == "variable":
            continue
        seen = tuple(masks[a] for a in item.args)
        after = narrowed(item.rule, (*seen, EVERY), ALL)[-1]
        if not after:
            return _cannot(program, item, [words(m) for m in seen])
        masks[i] = after
    item = program.items[place]
    return program.fail(
        item.span,
        f"{program.excerpt(item.span)} does not fit the rest: no shapes of its names do",
        "give the shapes of the names",
        ShapeError,
    )


def _cannot(program: Program, item: Item, seen: Sequence[str]) -> DerivantError:
    pairs = zip(item.spans, seen, strict=True)
    operands = " and ".join(f"{program.excerpt(s)} ({word})" for s, word in pairs)
    end = item.span[1] if item.op == "index" else item.at + len(item.op)
    at = item.span if not item.at else (item.at, max(item.at + 1, end))
    what = item.op.removeprefix("soft")
    if item.rule.family in ("along", "soft"):
        what += f" along axis {item.rule.flavour}"
    return program.fail(at, f"{what} cannot take {operands}", hint_for(item), ShapeError)


def hint_for(item: Item) -> str:
    """What may have been meant."""
    if item.op == "*" and not item.rule.numpy:
        return "vectors are columns: write x'*y for a number, x*y' for a matrix, x.*y by entries"
    if item.op in ("*", "/", "**", ".*", "./"):
        return (
            "entries need equal shapes, or a number"
            if item.op != "/"
            else ("divide by a number; write ./ by entries and inv(A)*b for a system")
        )
    if item.op == "^":
        return "write .^ for a power of each entry, x'*x or norm2(x)^2 for a vector"
    return "give shapes that fit, or correct the formula"


class _Search:
    """Tries kinds of the open names in order of their cost."""

    def __init__(self, program: Program, square: frozenset[str], masks: list[int]) -> None:
        self._program = program
        self._square = square
        self._masks = masks
        self._open = [
            (name, place, self._choices(name, masks[place]))
            for name, place in program.variables.items()
            if not {name} & {*program.given, *program.ranks, *square}
        ]
        self._conflict: Conflict | None = None

    @staticmethod
    def _choices(name: str, mask: int) -> list[tuple[int, int]]:
        """The kinds of a name with their costs, the likely one first."""
        order = ORDERS["A" <= name[0] <= "Z"]
        return [(cost, kind) for cost, kind in enumerate(order) if mask >> kind & 1]

    def best(self) -> Reading:
        """The nearest reading, which must be alone."""
        found: list[tuple[tuple[int, ...], Reading]] = []
        first = (0,) * len(self._open)
        queue = [(self._cost(first), first, 0)]
        work, least = 0, math.inf
        while queue and queue[0][0] <= least:
            cost, choice, start = heapq.heappop(queue)
            work += len(self._program.items) + len(choice) ** 2
            reading = self._tried(choice, cost)
            if reading is not None:
                found.append((choice, reading))
                least = min(least, reading.cost)
            if work > WORK and least > cost:
                raise self._ask([])
            self._push_next(queue, cost, choice, start, least)
        if not found:
            raise self._refused()
        nearest = [pair for pair in found if pair[1].cost == least]
        if len(nearest) > 1:
            raise self._ask([choice for choice, _ in nearest])
        return nearest[0][1]

    def _push_next(
        self,
        queue: list[tuple[int, tuple[int, ...], int]],
        cost: int,
        choice: tuple[int, ...],
        start: int,
        least: float,
    ) -> None:
        """The choices one step further, each reached in one way: steps go from left to right."""
        for place in range(start, len(choice)):
            choices, current = self._open[place][2], choice[place]
            if current + 1 == len(choices):
                continue
            after = cost + choices[current + 1][0] - choices[current][0]
            if after <= least:
                chosen = (*choice[:place], current + 1, *choice[place + 1 :])
                heapq.heappush(queue, (after, chosen, place))

    def _cost(self, choice: tuple[int, ...]) -> int:
        return sum(choices[c][0] for c, (_, _, choices) in zip(choice, self._open, strict=True))

    def _tried(self, choice: tuple[int, ...], cost: int) -> Reading | None:
        """The reading with these kinds of the open names, None where it does not fit."""
        program = self._program
        fixed = {
            place: choices[c][1] for c, (_, place, choices) in zip(choice, self._open, strict=True)
        }
        kinds: list[int] = []
        for i, item in enumerate(program.items):
            if item.op == "variable":
                kinds.append(fixed.get(i, self._masks[i].bit_length() - 1))
                continue
            found = outcome(item.rule, tuple(kinds[a] for a in item.args))
            if found is None or not self._masks[i] >> found[0] & 1:
                return None
            kinds.append(found[0])
            cost += found[1]
        shapes = shapes_of(program, kinds, self._square)
        if isinstance(shapes, Conflict):
            self._conflict = self._conflict or shapes
            return None
        return Reading(tuple(kinds), shapes, cost)

    def _ask(self, choices: list[tuple[int, ...]]) -> DerivantError:
        """Which names are open, and what they could be."""
        differ = [
            p for p in range(len(self._open)) if not choices or len({c[p] for c in choices}) > 1
        ]
        names = [self._open[p][0] for p in differ]
        place = self._open[differ[0]][1] if differ else 0
        options = words(sum(1 << kind for _, kind in self._open[differ[0]][2])) if differ else ""
        return self._program.fail(
            self._program.items[place].span,
            f"the shapes of {', '.join(names[:8])} are open: {names[0]} may be {options}",
            'give shapes, such as "A: m n, x: n, c:" where c is a number',
            ShapeError,
        )

    def _refused(self) -> DerivantError:
        if self._conflict is None:
            return self._ask([])
        item, message = self._conflict.item, self._conflict.message
        hint = self._conflict.hint or hint_for(item)
        start = item.at or item.span[0]
        end = max(start + 1, min(item.span[1], start + len(item.op)))
        return self._program.fail((start, end), message, hint, ShapeError)


def value_words(kind: int, shape: Sequence[Size]) -> str:
    """The value of a formula as a reader says it."""
    if not shape:
        return "a number"
    word = {VECTOR: "a vector", ROW: "a vector", MATRIX: "a matrix"}.get(kind, "an array")
    return f"{word} ({', '.join(map(str, shape))})"
