"""NumPy code of a solution: the formula stays the textbook's, the code avoids inverses.

A Gram matrix under an inverse means least squares or QR, since forming A'A squares the condition
number; a positive definite matrix means Cholesky; anything else one solve. What is needed twice is
computed once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from derivant.base.errors import DerivantError
from derivant.notation.document import (
    Built,
    Call,
    Contraction,
    Entrywise,
    Name,
    Node,
    Number,
    Power,
    Product,
    Scaled,
    Sum,
    Turned,
)
from derivant.notation.numpy_text import python_name
from derivant.rewriting import as_number
from derivant.stationary.numpy_names import called

Chain = tuple[Node, ...]


def turned(node: Node) -> Node:
    """The transpose of a part."""
    if isinstance(node, Turned):
        return node.of
    if isinstance(node, Product) and node.rank == 2:
        return Product(tuple(turned(f) for f in reversed(node.factors)), 2)
    return Turned(node, node.rank)


def factors_of(node: Node) -> Chain:
    """The factors of a product; a part alone is one."""
    return node.factors if isinstance(node, Product) else (node,)


def product(factors: Chain) -> Node:
    """Factors as one part."""
    if len(factors) == 1:
        return factors[0]
    return Product(factors, 1 if factors[-1].rank == 1 else 2)


class Code:
    """Lines of a function body, and the names of what they computed."""

    def __init__(self, facts: Mapping[str, Sequence[str]], sizes: Iterable[str]) -> None:
        self.facts = facts
        self.lines: list[str] = []
        self.known: dict[object, str] = {}
        self.taken = {*facts, *sizes}

    def named(self, key: object, stem: str, text: str, why: str = "") -> str:
        """The name of a value, computed in a line the first time it is asked for."""
        if key not in self.known:
            name = ", ".join(map(self._fresh, stem.split(", ")))
            self.known[key] = name
            self.lines += [f"# {why}"] * bool(why) + [f"{name} = {text}"]
        return self.known[key]

    def _fresh(self, stem: str) -> str:
        name, k = stem, 1
        while name in self.taken:
            k += 1
            name = f"{stem}{k}"
        self.taken.add(name)
        return name

    # Parts

    def text(self, node: Node) -> str:
        """A part as a Python expression that may stand anywhere."""
        match node:
            case Name(name):
                return python_name(name)
            case Number(value):
                return repr(as_number(value))
            case Turned(of, rank):
                return self.text(of) + (".T" if rank == 2 else "")
            case Product(factors):
                return self._chain(factors)
            case Call(name="inv"):
                return self._chain((node,))
            case Call(name="sqrtm"):
                return self._root(node)
            case Call():
                arguments = [*map(self.text, node.arguments), *map(str, node.fixed)]
                return called(node.name, arguments)
            case Sum(terms):
                return "(" + self._sum(terms) + ")"
            case Scaled():
                return self._scaled(node)
            case Entrywise():
                above = " * ".join(map(self.text, node.factors)) or "1.0"
                return f"({above}" + "".join(f" / {self.text(b)}" for b in node.below) + ")"
            case Power():
                return self._power(node)
            case Contraction(spec, operands):
                return f"np.einsum({', '.join([repr(spec), *map(self.text, operands)])})"
            case Built(array=array):
                return self.text(array)
            case _:
                raise DerivantError("a part of the answer has no NumPy code")

    def _sum(self, terms: Sequence[tuple[int, Node]]) -> str:
        text = ""
        for sign, part in terms:
            mark = ("-" if sign < 0 else "") if not text else " - " if sign < 0 else " + "
            text += mark + self.text(part)
        return text

    def _scaled(self, node: Scaled) -> str:
        pieces = list(map(self.text, node.numbers))
        if node.body is not None:
            pieces.append(self.text(node.body))
        text = " * ".join(pieces) or "1.0"
        return f"({text}" + "".join(f" / {self.text(b)}" for b in node.below) + ")"

    def _power(self, node: Power) -> str:
        base = self.text(node.base)
        if isinstance(node.exponent, Fraction):
            if node.exponent == Fraction(1, 2):
                return f"np.sqrt({base})"
            if node.exponent < 0:
                return f"(1.0 / ({base})**{as_number(-node.exponent)!r})"
            return f"({base})**{as_number(node.exponent)!r}"
        return f"({base})**{self.text(node.exponent)}"

    def _root(self, node: Call) -> str:
        (inner,) = node.arguments
        values = self.named(("eigh", inner), "w, V", f"np.linalg.eigh({self.text(inner)})")
        w, v = values.split(", ")
        return f"(({v} * np.sqrt({w})) @ {v}.T)"

    # Products with inverses

    def _chain(self, factors: Chain) -> str:
        outer = self._outer(factors)
        if outer is not None:
            return outer
        place = next((k for k, f in enumerate(factors) if _inverted(f) is not None), None)
        if place is None:
            return "(" + " @ ".join(map(self.text, factors)) + ")"
        left, right = factors[:place], factors[place + 1 :]
        matrix = _inverted(factors[place])
        assert matrix is not None
        found = self._around(left, matrix, right)
        if found is not None:
            return found
        if right:
            solved = self._solved(matrix, right)
            return f"({' @ '.join([*map(self.text, left), solved])})" if left else solved
        if left and not (len(left) == 1 and left[0].rank == 1):
            flipped = self._solved(turned(matrix), factors_of(turned(product(left))))
            return f"{flipped}.T"
        if left:
            return self._solved(turned(matrix), (_column(left[0]),))
        return self._inverse(matrix)

    def _outer(self, factors: Chain) -> str | None:
        """A column before a row."""
        for k in range(1, len(factors)):
            row = factors[k]
            if factors[k - 1].rank == 1 and isinstance(row, Turned) and row.rank == 1:
                column, rest = factors[:k], factors[k:]
                if any(f.rank == 1 for f in column[:-1]):
                    return None
                side = self._chain(tuple(map(turned, reversed(rest)))) if rest else ""
                return f"np.outer({self._chain(column)}, {side})"
        return None

    def _around(self, left: Chain, matrix: Node, right: Chain) -> str | None:
        """D inv(D'D) R by the QR factors of D; D inv(sqrtm(D'D)) by singular values."""
        if isinstance(matrix, Call) and matrix.name == "sqrtm":
            half = _half(matrix.arguments[0])
            size = len(half or ())
            if half is None or left[-size:] != half:
                return None
            text = f"np.linalg.svd({self.text(product(half))}, full_matrices=False)"
            names = self.named(("svd", half), "U, _, Vt", text, "the polar factor")
            u, _, vt = names.split(", ")
            return self._within(left[:-size], f"({u} @ {vt})", right)
        half = _half(matrix)
        size = len(half or ())
        if half is None or not right or left[-size:] != half or right[:size] == _flipped(half):
            return None
        q, r = self._factors(half).split(", ")
        side = self.text(product(right))
        solved = f'scipy.linalg.solve_triangular({r}, {side}, trans="T")'
        return self._within(left[:-size], f"({q} @ {solved})", ())

    def _within(self, left: Chain, text: str, right: Chain) -> str:
        pieces = [*map(self.text, left), text, *map(self.text, right)]
        return f"({' @ '.join(pieces)})" if len(pieces) > 1 else text

    def _factors(self, half: Chain) -> str:
        text = f'scipy.linalg.qr({self.text(product(half))}, mode="economic")'
        why = "a Gram matrix under an inverse: QR does not square the condition number"
        return self.named(("qr", half), "Q, R", text, why)

    def _solved(self, matrix: Node, right: Chain) -> str:
        """inv(M) R."""
        key = ("solve", matrix, right)
        if key in self.known:
            return self.known[key]
        least = self._least_squares(matrix, right)
        if least is not None:
            return least
        side = self.text(product(right))
        tall = self._tall(matrix)
        if tall is not None:
            r = self.named(
                ("r", matrix), "R", f'np.linalg.qr({tall}, mode="r")',
                "a Gram matrix under an inverse: its Cholesky factor by QR",
            )  # fmt: skip
            inner = f'scipy.linalg.solve_triangular({r}, {side}, trans="T")'
            return self.named(key, "z", f"scipy.linalg.solve_triangular({r}, {inner})")
        if self._positive(matrix):
            factor = self.named(
                ("cho", matrix), "C", f"scipy.linalg.cho_factor({self.text(matrix)})",
                "positive definite: Cholesky",
            )  # fmt: skip
            return self.named(key, "z", f"scipy.linalg.cho_solve({factor}, {side})")
        return self.named(key, "z", f"np.linalg.solve({self.text(matrix)}, {side})")

    def _inverse(self, matrix: Node) -> str:
        """An inverse that is itself asked for."""
        return self.named(("inverse", matrix), "z", f"np.linalg.inv({self.text(matrix)})")

    # Least squares

    def _least_squares(self, matrix: Node, right: Chain) -> str | None:
        """inv(C'C) C'S as the least squares solution of C z = S, rows stacked and weighted."""
        blocks = self._blocks(matrix)
        if blocks is None:
            return None
        for k, (half, weight) in enumerate(blocks):
            start = (*_flipped(half), *(() if weight is None else (weight,)))
            if _is_eye(half[0]) or right[: len(start)] != start or len(right) == len(start):
                continue
            rest = product(right[len(start) :])
            tops = [self._weighted(h, w) for h, w in blocks]
            sides = [
                self._weighted((rest,), weight)
                if j == k
                else f"np.zeros(({t}.shape[0],) + {self.text(rest)}.shape[1:])"
                for j, t in enumerate(tops)
            ]
            top = tops[0] if len(tops) == 1 else f"np.concatenate(({', '.join(tops)}))"
            side = sides[0] if len(sides) == 1 else f"np.concatenate(({', '.join(sides)}))"
            why = "least squares by orthogonal factors: the condition number is not squared"
            return self.named(
                ("solve", matrix, right), "z", f"scipy.linalg.lstsq({top}, {side})[0]", why
            )
        return None

    def _tall(self, matrix: Node) -> str | None:
        """A matrix whose Gram matrix it is."""
        blocks = self._blocks(matrix)
        if blocks is None or all(_is_eye(h[0]) for h, _ in blocks):
            return None
        tops = [self._weighted(h, w) for h, w in blocks]
        return tops[0] if len(tops) == 1 else f"np.concatenate(({', '.join(tops)}))"

    def _blocks(self, matrix: Node) -> list[tuple[Chain, Node | None]] | None:
        """C'WC + ... + c I as pairs of C and W; c I has C = I and W = c."""
        terms = matrix.terms if isinstance(matrix, Sum) else ((1, matrix),)
        found: list[tuple[Chain, Node | None]] = []
        for sign, part in terms:
            block = self._block(part) if sign > 0 else None
            if block is None:
                return None
            found.append(block)
        return found

    def _block(self, part: Node) -> tuple[Chain, Node | None] | None:
        if _is_eye(part):
            return (part,), None
        if isinstance(part, Scaled) and part.body is not None and not part.below:
            inner = self._block(part.body)
            good = inner is not None and inner[1] is None and len(part.numbers) == 1
            return (
                (inner[0], part.numbers[0])
                if good and inner and self._sure(part.numbers[0])
                else None
            )
        factors = factors_of(part)
        middle = len(factors) // 2
        if len(factors) > 1 and _flipped(factors[-middle:]) == factors[:middle]:
            if len(factors) % 2 == 0:
                return factors[middle:], None
            weight = factors[middle]
            core = _inverted(weight)
            if self._is_spd(core if core is not None else weight):
                return factors[middle + 1 :], weight
        return None

    def _weighted(self, half: Chain, weight: Node | None) -> str:
        """sqrt(W) C."""
        text = self.text(product(half))
        if weight is None:
            return text
        if weight.rank == 0:
            return f"(np.sqrt({self.text(weight)}) * {text})"
        core = _inverted(weight)
        of = weight if core is None else core
        factor = self.named(
            ("cholesky", of), "L", f"np.linalg.cholesky({self.text(of)})",
            "positive definite: the weights by Cholesky",
        )  # fmt: skip
        if core is None:
            return f"({factor}.T @ {text})"
        return f"scipy.linalg.solve_triangular({factor}, {text}, lower=True)"

    def _sure(self, number: Node) -> bool:
        """Whether a number is positive by its fact."""
        if isinstance(number, Number):
            return number.value > 0
        positive = {"positive", "gt1", "big"}
        return isinstance(number, Name) and bool(positive & {*self.facts.get(number.name, ())})

    def _is_spd(self, node: Node) -> bool:
        return isinstance(node, Name) and "spd" in self.facts.get(node.name, ())

    def _positive(self, matrix: Node) -> bool:
        """Whether a matrix is seen to be positive definite: declared, or a sum with such a part."""
        terms = matrix.terms if isinstance(matrix, Sum) else ((1, matrix),)
        sure = False
        for sign, part in terms:
            body = part
            if isinstance(part, Scaled) and part.body is not None:
                if not all(map(self._sure, (*part.numbers, *part.below))):
                    return False
                body = part.body
            core = _inverted(body)
            own = self._is_spd(core if core is not None else body)
            gram = self._block(body) is not None
            if sign < 0 or not (own or gram):
                return False
            sure = sure or own or _is_eye(body)
        return sure


def _is_eye(node: Node) -> bool:
    return isinstance(node, Call) and node.name == "eye"


def _inverted(node: Node) -> Node | None:
    """What a part is the inverse of, None where it is none."""
    if isinstance(node, Call) and node.name == "inv":
        return node.arguments[0]
    if isinstance(node, Turned) and isinstance(node.of, Call) and node.of.name == "inv":
        return turned(node.of.arguments[0])
    return None


def _flipped(chain: Chain) -> Chain:
    return tuple(turned(f) for f in reversed(chain))


def _half(matrix: Node) -> Chain | None:
    """C of a matrix that is written C'C."""
    factors = factors_of(matrix)
    middle = len(factors) // 2
    if len(factors) < 2 or len(factors) % 2 or _flipped(factors[middle:]) != factors[:middle]:
        return None
    return factors[middle:]


def _column(node: Node) -> Node:
    return node.of if isinstance(node, Turned) else node
