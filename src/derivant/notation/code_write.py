"""One expression after another as lines of Python: operators where there are operators.

A part that is used more than once, or is long, gets a name. Knows rows and shapes, nothing of
what is derived.
"""

from __future__ import annotations

import keyword
import math
from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple, TypeAlias

import numpy as np

from derivant.base.dims import Dim, Shape, Size
from derivant.base.errors import DerivantError
from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr
from derivant.notation.code_rows import COMPARED, NUMBERS, Target
from derivant.rewriting import size_of_number

LONG = 60  # characters of a part that gets a name of its own
MOST_ENTRIES = 64  # of a constant array that is written out
CHEAP = ("variable", "const", "matrix_transpose", "negative", "expand_dims", "broadcast_to", "part")
SPREADS = ("broadcast_to", "expand_dims")
ONE_AXIS = ("prod", "softmax", "log_softmax")  # that PyTorch takes
LETTERS = {
    "subtract": "r", "add": "z", "matmul": "z", "softmax": "p", "sigmoid": "s", "exp": "e",
    "vector_norm": "norm", "det": "det", "relu": "h", "tanh": "h", "sqrt": "root",
}  # fmt: skip


class Bond(IntEnum):
    """How firmly a text holds together in Python."""

    SUM = 0
    PRODUCT = 1
    POWER = 2
    TIGHT = 3


class Piece(NamedTuple):
    """The text of a part, how firmly it holds together, and whether it is a Python number."""

    text: str
    bond: Bond = Bond.TIGHT
    number: bool = False

    def at(self, bond: Bond) -> str:
        """The text where it must hold together so firmly."""
        return self.text if self.bond >= bond else f"({self.text})"


class Writer:
    """Writes the parts of some results; `lines` are those that got a name.

    `operators` write the rows that are no plain calls; `names` are the parameters.
    """

    def __init__(
        self,
        target: Target,
        results: Sequence[Expr],
        names: dict[Expr, str],
        taken: set[str],
        operators: Mapping[str, Operator],
    ) -> None:
        self.target = target
        self._operators = operators
        self.lines: list[tuple[str, str]] = []
        self.sizes: dict[str, str] = {}  # the dimensions in use, and what they are called
        self._names = names
        self._taken = taken
        self._pieces: dict[int, Piece] = {}
        self._users = _users(results)
        arrays = [name for v, name in names.items() if v.shape]
        self._like = arrays[0] if arrays else ""
        self._results = {id(r) for r in results}
        self._nodes = ancestors(results)

    def write(self) -> None:
        """All parts, operands first."""
        for node in self._nodes:
            self._pieces[id(node)] = self._piece(node)

    def __getitem__(self, node: Expr) -> Piece:
        return self._pieces[id(node)]

    def parameter(self, node: Expr) -> str:
        """The name of a variable in the code."""
        return self._names[node]

    def result(self, node: Expr, like: Expr) -> str:
        """A result as an array, also where it is a number or the same everywhere."""
        piece = self[node]
        if node.primitive.name == "broadcast_to" and not node.inputs[0].shape:
            inner = self[node.inputs[0]]
            return self._filled(inner, node.shape, like) if inner.number else piece.text
        return self._filled(piece, (), like) if piece.number else piece.text

    # Pieces

    def _piece(self, node: Expr) -> Piece:
        """A part; one that is used often, or long, by its name."""
        piece = self._made(node)
        shared = self._users[id(node)] > 1 and node.primitive.name not in CHEAP
        long = len(piece.text) > LONG and id(node) not in self._results
        if piece.number or (not shared and not long):
            return piece
        return self._named(piece, node)

    def _named(self, piece: Piece, node: Expr) -> Piece:
        if piece.text.isidentifier():
            return piece
        return Piece(self.kept(_letter(node), piece.text))

    def kept(self, letter: str, text: str) -> str:
        """The name of a line with this text."""
        name = self.fresh(letter)
        self.lines.append((name, text))
        return name

    def fresh(self, letter: str) -> str:
        """A name that nothing has, from this one."""
        name, count = letter, 1
        while name in self._taken:
            count += 1
            name = f"{letter}{count}"
        self._taken.add(name)
        return name

    def _made(self, node: Expr) -> Piece:
        size = size_of_number(node)
        if size is not None:
            return self.size(size)
        row = node.primitive.name
        operator = self._operators.get(row)
        if operator is not None and not node.levels:
            return operator(self, node)
        if row in COMPARED:
            left, right = (self[x].at(Bond.POWER) for x in node.inputs)
            return Piece(f"{left} {COMPARED[row]} {right}", Bond.SUM)
        return self.call(node)

    def call(self, node: Expr) -> Piece:
        """A row by the name that the library has for it."""
        row = node.primitive.name
        operands = [self[x] for x in node.inputs]
        if len(operands) == 1 and operands[0].number and row in NUMBERS:
            return Piece(NUMBERS[row].format(operands[0].text), number=True)
        template = self.target.rows.get(row)
        params = {k: v for k, v in node.params.items() if k not in ("axis", "axes", "keepdims")}
        plain = not params.pop("offset", 0) and params.pop("ord", 2.0) == 2.0 and not params
        if template is None or not plain or node.levels or not self._fits(node, template):
            known = f"{row} has no code for {self.target.name}"
            raise DerivantError(f"{known}; called with arrays, the result computes")
        texts = [
            self._named(p, x).text if template.count(f"{{{i}}}") > 1 else p.text
            for i, (p, x) in enumerate(zip(operands, node.inputs, strict=True))
        ]
        if self.target.name == "torch":
            texts = [_tensor(p, t, self._like) for p, t in zip(operands, texts, strict=True)]
        text = template.format(
            *texts, m=self.target.module, axis=self._axis(node), axes=_axes(node)
        )
        tight = text.endswith(")") and not text.startswith("-") and " * " not in template
        return Piece(text, Bond.TIGHT if tight or text.endswith("]") else Bond.SUM)

    def _fits(self, node: Expr, template: str) -> bool:
        """Whether a text has a place for each operand, and takes the shape and the axes."""
        count, rank = len(node.inputs), len(node.inputs[0].shape)
        if f"{{{count - 1}}}" not in template or f"{{{count}}}" in template:
            return False
        if ".T" in template and rank != 2:
            return False
        axis = node.params.get("axis")
        one_axis = self.target.name == "torch" and node.primitive.name in ONE_AXIS
        return not one_axis or not isinstance(axis, tuple) or len(axis) == 1

    def _axis(self, node: Expr) -> str:
        """The axes of a row, counted from the front; nothing where all are meant."""
        rank = len(node.inputs[0].shape) if node.inputs else 0
        axis = node.params.get("axis")
        keeps = f", {self.target.keeps}=True" if node.params.get("keepdims") else ""
        if axis is None:
            return keeps
        axes = [a % rank for a in ((axis,) if isinstance(axis, int) else axis)]
        reduces = node.primitive.name in ("sum", "max", "min", "prod")
        if len(axes) == rank and reduces and not keeps:
            return ""
        text = str(axes[0]) if len(axes) == 1 else str(tuple(axes))
        return f", {self.target.axis}={text}{keeps}"

    # Numbers, sizes, arrays of one number

    def size(self, size: Size) -> Piece:
        """A size, its letters read from the shapes of the parameters."""
        if not isinstance(size, Dim):
            return Piece(str(size), number=True)
        terms = []
        for names, count in size.terms:
            letters = map(self._dimension, names)
            factors = [*([] if count == 1 and names else [str(count)]), *letters]
            terms.append(" * ".join(factors))
        bond = Bond.SUM if len(terms) > 1 else Bond.PRODUCT if " " in terms[0] else Bond.TIGHT
        return Piece(" + ".join(terms).replace("+ -", "- "), bond, number=True)

    def _dimension(self, name: str) -> str:
        """What a dimension is called: a name of its own."""
        if name not in self.sizes:
            if not name.isidentifier():
                raise DerivantError(f"the size {name} is no number that code can read")
            self.sizes[name] = self.fresh(name + "_" * keyword.iskeyword(name))
        return self.sizes[name]

    def shape(self, shape: Shape) -> str:
        """A shape as a tuple."""
        texts = [self.size(s).text for s in shape]
        return f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"

    def dtype(self) -> str:
        """The dtype of the arrays, as an argument."""
        if not self._like:
            return ""
        return f", dtype={self._like}.dtype" + self.target.device.format(self._like)

    def _filled(self, number: Piece, shape: Shape, like: Expr) -> str:
        """An array of one number; of the shape of a parameter where there is one."""
        module = self.target.module
        name = self._names.get(like, "") if like.shape == shape else ""
        if not shape and not name:
            kind = "tensor" if module == "torch" else "asarray"
            return f"{module}.{kind}({number.text}{self.dtype()})"
        word = {"0": "zeros", "1": "ones"}.get(number.text)
        if name:
            return (
                f"{module}.{word}_like({name})"
                if word
                else (f"{module}.full_like({name}, {number.text})")
            )
        if word:
            return f"{module}.{word}({self.shape(shape)}{self.dtype()})"
        return f"{module}.full({self.shape(shape)}, {number.text}{self.dtype()})"

    def filled(self, number: Piece, shape: Shape, like: Expr) -> Piece:
        """An array of one number."""
        return Piece(self._filled(number, shape, like))

    def broadcast(self, node: Expr) -> Piece:
        """An array of one number, or an array along more axes."""
        inner = self[node.inputs[0]]
        if inner.number:
            return Piece(self._filled(inner, node.shape, node))
        shape = self.shape(node.shape)
        return Piece(f"{self.target.module}.broadcast_to({inner.text}, {shape})")

    def constant(self, node: Expr) -> Piece:
        """A number, or a small array written out."""
        value = np.asarray(node.params["value"])
        if value.ndim == 0:
            return number_piece(value.item())
        if value.size > MOST_ENTRIES or value.dtype.kind not in "fiub":
            raise DerivantError(
                f"a constant array of shape {value.shape} does not fit into code that stands "
                "alone; make it an argument of the function"
            )
        if not np.all(np.isfinite(value)):
            raise DerivantError("a constant array with entries that are not finite has no code")
        kind = "tensor" if self.target.module == "torch" else "array"
        dtype = self.dtype() if value.dtype.kind == "f" else ""
        return Piece(f"{self.target.module}.{kind}({value.tolist()}{dtype})")

    def eye(self, size: Size) -> Piece:
        """The identity matrix."""
        return Piece(f"{self.target.module}.eye({self.size(size).text}{self.dtype()})")

    def operand(self, x: Expr, node: Expr, among: Sequence[Expr] = ()) -> Piece:
        """An operand entry by entry: what the others spread over needs no spreading of its own."""
        row = x.primitive.name
        if row != "broadcast_to" and (row != "expand_dims" or not _leads(x)):
            return self[x]
        full = (y for y in among or node.inputs if y.shape == node.shape)
        wide = any(y.primitive.name not in SPREADS for y in full)
        return self[x.inputs[0] if wide else x]


Operator: TypeAlias = Callable[[Writer, Expr], Piece]


def _leads(x: Expr) -> bool:
    """Whether the new axes stand in front of all others, where they spread by themselves."""
    new = len(x.params["axis"])
    return {a % len(x.shape) for a in x.params["axis"]} == set(range(new))


def _users(results: Sequence[Expr]) -> dict[int, int]:
    """How often the text of each part is needed; a cheap part is written again each time."""
    nodes = ancestors(results)
    count = dict.fromkeys(map(id, nodes), 0)
    for node in results:
        count[id(node)] += 1
    for node in reversed(nodes):
        cheap = node.primitive.name in CHEAP
        for x in node.inputs:
            count[id(x)] += count[id(node)] if cheap else 1
    return count


def _letter(node: Expr) -> str:
    """A name for a part by what it is."""
    row = node.primitive.name
    if row == "inv" and node.inputs[0].primitive.name == "variable":
        return f"{node.inputs[0].params['name']}_inv"
    if row == "matmul" and not node.shape:
        return "q"
    return LETTERS.get(row, "t")


def _axes(node: Expr) -> str:
    axes = node.params.get("axes", node.params.get("axis"))
    if not isinstance(axes, tuple):
        axes = () if axes is None else (axes,)
    return str(tuple(a % len(node.shape) for a in axes)) if node.shape else "()"


def _tensor(piece: Piece, text: str, like: str) -> str:
    """A Python number as PyTorch's functions take it."""
    if not piece.number:
        return text
    return f"torch.tensor({text}, dtype={like}.dtype)" if like else f"torch.tensor({text})"


def number_piece(value: float) -> Piece:
    """A number of Python: an int where it is one."""
    if not math.isfinite(value):
        text = "math.nan" if math.isnan(value) else "math.inf" if value > 0 else "-math.inf"
    elif float(value).is_integer() and abs(value) < 2**53:
        text = str(int(value))
    else:
        text = {math.pi: "math.pi", -math.pi: "-math.pi"}.get(value, repr(float(value)))
    return Piece(text, Bond.SUM if text[0] == "-" else Bond.TIGHT, number=True)
