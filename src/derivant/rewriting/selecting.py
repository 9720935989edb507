"""Laws of selections: what is left of the rows of an identity beside a variable or each other."""

from __future__ import annotations

from dataclasses import replace

from derivant.base.dims import Size
from derivant.rewriting.context import Context
from derivant.rewriting.indexed import Atom, Sum, Term
from derivant.rewriting.placing import Item, is_named, read_at, selected
from derivant.rewriting.settling import with_terms


def selections_read(context: Context, total: Sum) -> Sum:
    """S x = x[1:], S 1 = 1, S S' = I, and S T' = 0 for other places."""
    terms = [_read(term, total.rank) for term in total.terms]
    kept = [term for term in terms if term.coefficient]
    return (
        with_terms(total, terms) if len(kept) == len(terms) else replace(total, terms=tuple(kept))
    )


def _read(term: Term, rank: int) -> Term:
    """A term with the first selection read that can be."""
    for atom in term.atoms:
        letter = atom.index[-1] if atom.index else -1
        if letter < rank or atom.power != 1 or selected(atom.payload) is None:
            continue
        users = [b for b in term.atoms if b is not atom and letter in b.index]
        if len(users) > 1 or atom.index.count(letter) > 1:
            continue
        found = _joined(atom, users[0]) if users else ()
        if found is None:
            continue
        gone = {id(atom), *map(id, users)}
        rest = tuple(b for b in term.atoms if id(b) not in gone)
        bound = tuple((c, size) for c, size in term.bound if c != letter)
        number = 0 if found == (None,) else 1
        atoms = (*rest, *(b for b in found if b is not None))
        return Term(term.coefficient * number, atoms, bound)
    return term


def _joined(atom: Atom, other: Atom) -> tuple[Atom | None, ...] | None:
    """What a selection and the factor that it reads are; (None,) for zero, None for no change."""
    _, item = _selected(atom)
    *new, letter = atom.index
    if other.payload is None or other.index.count(letter) > 1:
        return None
    if selected(other.payload) is not None:
        return _both(atom, other, item) if other.index[-1] == letter and other.power == 1 else None
    if not is_named(other.payload):
        return None
    axis = other.index.index(letter)
    index = (*other.index[:axis], *new, *other.index[axis + 1 :])
    return (replace(other, payload=read_at(other.payload, axis, item), index=index),)


def _selected(atom: Atom) -> tuple[Size, Item]:
    found = selected(atom.payload)
    assert found is not None
    return found


def _both(atom: Atom, other: Atom, item: Item) -> tuple[Atom | None, ...] | None:
    """Two selections of one axis: the identity where they are one, zero where they never meet."""
    if other.payload is atom.payload:
        ends = (*atom.index[:-1], *other.index[:-1])
        return (Atom(None, ends),) if ends else ()
    one, two = _range(item), _range(_selected(other)[1])
    apart = _is_before(one, two) or _is_before(two, one)
    return (None,) if apart else None


def _range(item: Item) -> tuple[Size, Size]:
    """The first place and the one behind the last, of places side by side or of one place."""
    if not isinstance(item, tuple):
        return item, item + 1
    start, count, step = item[:3]
    if step == 1:
        return start, start + count
    ends = (start, start + (count - 1) * step)
    return (ends[0], ends[1] + 1) if step > 0 else (ends[1], ends[0] + 1)


def _is_before(one: tuple[Size, Size], two: tuple[Size, Size]) -> bool:
    """Whether all places of one range stand before those of the other, whatever the sizes."""
    between = two[0] - one[1]
    return isinstance(between, int) and between >= 0
