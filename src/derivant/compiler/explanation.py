"""What a compiled function does, for the user to read: the plan as text and as a picture.

It reads plans and changes nothing; it knows no target beyond what a plan says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, final

from derivant.base.drawing import Drawing, Part
from derivant.base.errors import ArgumentError
from derivant.base.types import Function
from derivant.carriers.trace import parameter_names
from derivant.compiler.arguments import Arguments
from derivant.compiler.compiled import Compiled, jit
from derivant.compiler.donation import Pairs
from derivant.compiler.graph import Graph
from derivant.compiler.ir import TYPES
from derivant.compiler.ir_rows import ROWS
from derivant.compiler.layout import Layout
from derivant.compiler.loops import Loop
from derivant.compiler.plan import Outside
from derivant.compiler.products import Product
from derivant.compiler.program import Instruction, Program
from derivant.compiler.running import is_native, places_of, program_of, strictness
from derivant.compiler.views import MOVES, View

LETTER = {"float64": "d", "float32": "s"}  # of BLAS
SHOWN = 6  # rows of a fused loop that the text names


def explain(f: Function, *args: object, **kwargs: object) -> Explanation:
    """The plan of `jit(f)` for arguments of these shapes and dtypes; nothing is run.

    `print` shows it as text: each fused loop with its rows, each product with its routine of BLAS,
    each row that NumPy does and why, with numbers read and written, operations, and which buffers
    share memory. A notebook shows the graph; `.source` is its DOT text, `.render(name)` writes SVG.
    Raises what tracing `f` raises.

    >>> import derivant as dv, numpy as np
    >>> plan = explain(lambda A, x: dv.sum(dv.tanh(A @ x)), np.ones((3, 2)), np.ones(2))
    >>> [step.what for step in plan.steps]
    ['dgemv', 'loop']
    """
    compiled = f if isinstance(f, Compiled) else jit(f)
    given = Arguments(args, kwargs, compiled.static)
    if given.symbolic:
        raise ArgumentError("explain: arguments are arrays and numbers; a formula is not compiled")
    names = parameter_names(compiled.__wrapped__, len(args))
    inputs = [_name(names, given, leaf) for leaf in given.places]
    entry = compiled.traced(given)
    with strictness(compiled.strict):
        return Explanation(compiled.__name__, entry.graph, inputs, entry.donated)


def _name(names: Sequence[str], given: Arguments, leaf: int) -> str:
    """An input as the user calls it: the parameter, and its place where that is a tree."""
    owner = given.owners[leaf]
    if owner >= len(names):
        return f"keyword{leaf - given.owners.index(owner)}"
    first, count = given.owners.index(owner), given.owners.count(owner)
    return names[owner] if count == 1 else f"{names[owner]}{leaf - first}"


@final
@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan: `what` is loop, copy, fill, a routine of BLAS, or numpy."""

    what: str
    rows: tuple[str, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    flops: int  # arithmetic rows times entries; 0 where nobody knows
    nbytes: int  # of the buffers read and written
    why: str = ""  # for a step that is not native where others are
    inner: tuple[Explanation, ...] = ()  # of the graphs that a loop or a branch holds

    @property
    def line(self) -> str:
        """The step as a line of text."""
        rows = ", ".join(self.rows[:SHOWN])
        if len(self.rows) > SHOWN:
            rows += f" and {len(self.rows) - SHOWN} more"
        work = f"{self.flops:,} flops, " if self.flops else ""
        said = f"{', '.join(self.writes)} <- {self.what}({', '.join(self.reads)})"
        why = f"  [{self.why}]" if self.why else ""
        return f"{said}: {rows}; {work}{self.nbytes:,} bytes{why}"


@final
class Explanation:
    """The plan of a compiled function; see `explain`. Its text is what `print` shows.

    Operations of NumPy's rows are not counted, nor those of `while_loop` and of branches.

    >>> import derivant as dv, numpy as np
    >>> print(explain(lambda x: dv.sum(x * x), np.ones(1000)))
    <lambda>: 1 step, 1 of them native
    inputs: x float64 (1000,)
      1  result0 <- loop(x): multiply, sum; 2,000 flops, 8,008 bytes
    results: result0 float64 ()
    memory: no scratch
    total: 2,000 flops, 8,008 bytes
    """

    def __init__(self, name: str, graph: Graph, inputs: Sequence[str], donated: Pairs = ()) -> None:
        self.name = name
        program, self._native = program_of(graph), is_native()
        self._layout = Layout(program, places_of(program, donated))
        self._names = _Names(program, self._layout, inputs)
        steps: Sequence[Any] = self._layout.steps if self._native else _one_by_one(program)
        self.steps = tuple(map(self._step, steps))

    @property
    def flops(self) -> int:
        """Arithmetic operations of all native steps."""
        return sum(step.flops for step in self.steps)

    @property
    def nbytes(self) -> int:
        """The bytes that all steps read and write."""
        return sum(step.nbytes for step in self.steps)

    @property
    def scratch(self) -> int:
        """The bytes of memory for what is neither an argument nor a result, where it is planned."""
        return self._layout.scratch if self._native else 0

    @property
    def text(self) -> str:
        """The plan, one step a line."""
        return "\n".join(self._lines())

    def __repr__(self) -> str:
        return self.text

    @property
    def source(self) -> str:
        """The graph of steps in the DOT language."""
        return self._drawing().source

    def render(self, filename: str) -> str:
        """Write the DOT text to a file and the picture beside it as SVG; the picture's path."""
        return self._drawing().render(filename)

    def _repr_svg_(self) -> str:
        return self._drawing()._repr_svg_()

    @property
    def _is_one_call(self) -> bool:
        """Whether native code does all of it, the results included."""
        direct = all(result.direct for result in self._layout.results)
        return direct and all(step.what != "numpy" for step in self.steps)

    # what a step is

    def _step(self, step: Loop | Product | Outside) -> Step:
        reads = tuple(dict.fromkeys(map(self._names.of, step.reads)))
        writes = tuple(map(self._names.of, step.writes))
        values = self._layout.values
        nbytes = sum(values[root].nbytes for root in {*step.reads, *step.writes})
        if isinstance(step, Loop):
            if not step.computes:
                return Step("copy" if reads else "fill", step.rows, reads, writes, 0, nbytes)
            entries = max(prod(values[root].shape) for root in (*step.reads, *step.writes))
            return Step("loop", step.rows, reads, writes, entries * len(step.rows), nbytes)
        if isinstance(step, Product):
            routine = LETTER[values[step.root].dtype.name] + step.kind
            what = {"": "product", "square": "symmetric product"}.get(step.form, "copy")
            return Step(routine, (what,), reads, writes, step.flops, nbytes)
        rows, inner = (step.step.row.name,), tuple(_inner(step.step))
        why = self._why(step.step, inner) if self._native else ""
        length = getattr(step.step.params.get("loop"), "length", 0)
        flops = length * sum(each.flops for each in inner)
        return Step("numpy", rows, reads, writes, flops, nbytes, why, inner)

    def _why(self, step: Instruction, inner: Sequence[Explanation]) -> str:
        """Why NumPy does a row."""
        name, values = step.row.name, self._layout.values
        if step.row.family == "graph":
            if "loop" in step.params and all(graph._is_one_call for graph in inner):
                return "all its turns are one native call"
            return "it holds programs of its own"
        kinds = [values[x].dtype for x in (*step.inputs, step.output)]
        if any(isinstance(kind, tuple) for kind in kinds):
            return "several results"
        odd = [kind.name for kind in kinds if kind.name not in TYPES]
        if odd:
            return f"no native loops for {odd[0]}"
        shape = values[step.output].shape
        if 0 in shape or len(shape) > 6:
            return "an empty array" if 0 in shape else "more than 6 axes"
        if name in ("matmul", "einsum"):
            return "the operands do not lie as BLAS reads them"
        if name in MOVES:
            return "entries that do not follow one another are copied"
        return "no native form for these dtypes" if name in ROWS else "no native form"

    # text

    def _lines(self) -> Iterator[str]:
        count = len(self.steps)
        native = sum(step.what != "numpy" for step in self.steps)
        yield f"{self.name}: {count} step{'s' * (count != 1)}, {native} of them native"
        layout, names = self._layout, self._names
        yield "inputs: " + ", ".join(names.described(root) for root in layout.inputs)
        for number, step in enumerate(self.steps, 1):
            yield f"{number:3}  {step.line}"
            for inner in step.inner:
                yield from (f"       {line}" for line in inner.text.splitlines())
        pairs = zip(names.results, layout.plan.program.outputs, strict=True)
        yield "results: " + ", ".join(names.described(value, name) for name, value in pairs)
        yield f"memory: {self._memory()}"
        yield f"total: {self.flops:,} flops, {self.nbytes:,} bytes"

    def _memory(self) -> str:
        """How much scratch memory there is, and which buffers take the place of earlier ones."""
        if not self._native:
            return "an array of NumPy's for each step"
        layout, names = self._layout, self._names
        shared = [
            f"{names.of(root)} in the array of {names.of(layout.inputs[slot])}"
            for root, slot in layout.donated.items()
        ]
        shared += [
            f"{names.of(guest)} where {names.of(host)} will be"
            for guest, host in layout.guests.items()
        ]
        if not layout.scratch:
            return "; ".join(["no scratch", *shared])
        held: list[tuple[int, int, int]] = []
        for root, start in layout.offsets.items():
            end = start + layout.values[root].nbytes
            before = [other for other, a, b in held if a < end and start < b]
            if before:
                shared.append(f"{names.of(root)} where {names.of(before[-1])} was")
            held.append((root, start, end))
        text = f"{layout.scratch:,} bytes of scratch for {len(held)} buffers"
        return text + ("; " + ", ".join(shared) if shared else "")

    # picture

    def _drawing(self) -> Drawing:
        parts, edges, maker = [], [], dict[str, str]()
        for number, step in enumerate(self.steps):
            name = f"step{number}"
            for read in step.reads:
                if read not in maker:
                    maker[read] = read
                    parts.append(Part(read, (read,), operation=False))
                edges.append((maker[read], name))
            parts.append(Part(name, (step.what, *step.rows[:SHOWN]), operation=False))
            maker.update(dict.fromkeys(step.writes, name))
        for result in dict.fromkeys(r for r in self._names.results if r in maker):
            parts.append(Part(f"out {result}", (result,), operation=True))
            edges.append((maker[result], f"out {result}"))
        return Drawing(parts, list(dict.fromkeys(edges)))


class _Names:
    """What buffers are called: arguments by their names, results by their places."""

    def __init__(self, program: Program, layout: Layout, inputs: Sequence[str]) -> None:
        self._values = layout.values
        self._known: dict[int, str] = {}
        for place, root in enumerate(program.inputs):
            captured = f"captured{place - len(inputs)}"
            self._known[root] = inputs[place] if place < len(inputs) else captured
        for place, (root, _) in enumerate(program.constants):
            self._known[root] = f"constant{place}"
        self.results: list[str] = []
        for place, result in enumerate(layout.results):
            root = result.view.root if isinstance(result.view, View) else result.view
            self.results.append(self._known.setdefault(root, f"result{place}"))

    def of(self, root: int) -> str:
        """The name of a buffer."""
        return self._known.get(root, f"b{root}")

    def described(self, place: int, name: str = "") -> str:
        """A value with its dtype and shape."""
        value = self._values[place]
        return f"{name or self.of(place)} {value.dtype} {value.shape}"


def _inner(step: Instruction) -> Iterator[Explanation]:
    """The explanations of the graphs that a row holds."""
    for held in step.params.values():
        for part in ("test", "body", "yes", "no"):
            graph = getattr(held, part, None)
            if isinstance(graph, Graph):
                names = [str(x.params["name"]) for x in graph.inputs]
                yield Explanation(f"{held!r} {part}", graph, names)


def _one_by_one(program: Program) -> list[Outside]:
    """The rows of a program as NumPy runs them without a compiler."""
    return [Outside(step, step.inputs) for step in program.instructions]
