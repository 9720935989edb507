"""From a function to the structure of its Jacobian: traced at every call, derived once a graph.

A trace turns arguments and captured arrays into variables; what is derived from the graph is kept
by the graph, never by the function, and the arrays of this call are put in. Knows nothing of what
a structured map can answer.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

import numpy as np

from derivant.base.errors import DerivantError
from derivant.base.graph import ancestors
from derivant.base.tree import LEAF, Structure, flatten
from derivant.base.types import Function
from derivant.calculus.arguments import Argument, parameter_name, read_argument
from derivant.carriers.evaluate import evaluate_all, replaced
from derivant.carriers.expr import VARIABLE, Expr, as_expr, intern, symbol
from derivant.carriers.interning import frozen_params
from derivant.carriers.mode import FREE, MODE, changed
from derivant.carriers.tensor import Tensor
from derivant.carriers.trace import parameter_names
from derivant.rewriting.jacobian_form import linear_form
from derivant.rewriting.linear_form import LinearForm
from derivant.sweeps import pullback

MOST_PLANS = 256
MOST_NODES = 4000
SEED = " g"  # no name that a user could write

_PLANS: OrderedDict[tuple[object, ...], Plan] = OrderedDict()
_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What follows from a graph: a form for each output and variable, None where none was found.

    It keeps the graph, so that what the ids in its key stand for lives as long as the key.
    """

    outputs: tuple[Expr, ...]
    variables: tuple[Expr, ...]
    captured: tuple[Expr, ...]
    forms: tuple[tuple[LinearForm | None, ...], ...]
    slots: tuple[Expr, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Traced:
    """One call of a function: its graph, the values of this call, the values of all factors."""

    name: str
    arguments: tuple[Argument, ...]
    given: tuple[Any, ...]
    structure: Structure
    plan: Plan
    values: Mapping[Expr, Any]
    names: Mapping[str, str]
    found: Mapping[int, Any]

    def parts(self, form: LinearForm) -> list[Any]:
        """The values of the factors of a form."""
        return [self.found[id(slot)] for slot in form.slots]

    def run(self, *leaves: Any) -> list[Any]:
        """The outputs at other values of the variables, by the graph."""
        moved = dict(zip(self.plan.variables, leaves, strict=True))
        return evaluate_all(self.plan.outputs, {**self.values, **moved})

    @property
    def leaves(self) -> list[Any]:
        """The values of the variables, as they were."""
        return [self.values[v] for v in self.plan.variables]


def traced(
    f: Function,
    primals: Sequence[Any],
    call: Callable[..., Any],
    places: Sequence[int],
    slope: bool = False,
) -> Traced | None:
    """The function as a graph with the structure of its Jacobians; None where there is none.

    None too where something else is recording: then the sweeps have to run on what is recorded.
    With `slope` it is the gradient of the function, a number of one array, that the graph is of.
    """
    arguments = [
        read_argument(p, partial(parameter_name, f, i))
        for i, p in zip(places, primals, strict=True)
    ]
    given = [leaf for a in arguments for leaf in a.variables]
    if MODE.get().debug_nans or not _are_numbers(given):
        return None
    symbols, names = _symbols(f, arguments, places)
    source = iter(symbols)
    bound = [a.rebuilt([next(source) for _ in a.moving]) for a in arguments]
    try:  # what cannot be traced or evaluated is run as it is, and raises there what is wrong
        with changed(record=True):
            leaves, structure = flatten(call(f, bound))
            outputs = [as_expr(leaf) for leaf in leaves]
        if slope and not (structure is arguments[0].structure is LEAF and outputs[0].shape == ()):
            return None
        graph = _graph(outputs, symbols)
        if graph is None or any(o.dtype.kind != "f" for o in outputs):
            return None
        plan = _plan(graph, outputs, symbols, slope)
        values = dict(zip(plan.variables, (_copied(leaf) for leaf in given), strict=True))
        captured = dict(zip(plan.captured, graph.values, strict=True))
        values |= captured
        with np.errstate(all="ignore"):
            found = dict(zip(map(id, plan.slots), evaluate_all(plan.slots, values), strict=True))
    except Exception:
        return None
    if all(form is None for row in plan.forms for form in row):
        return None
    called = getattr(f, "__name__", "the function")
    whole = Names(names, f, captured)
    return Traced(called, tuple(arguments), tuple(given), structure, plan, values, whole, found)


def _are_numbers(given: Sequence[Any]) -> bool:
    """Whether all variables are numbers that nothing else is recorded of, of one kind."""
    if any(isinstance(leaf, Expr) for leaf in given) or not given:
        return False
    tensors = [leaf for leaf in given if isinstance(leaf, Tensor)]
    if any(t.tag != FREE or t.levels for t in tensors):
        return False
    return len(tensors) in (0, len(given))


def _copied(leaf: Any) -> Any:
    """The numbers of a variable, which nobody else can change."""
    if isinstance(leaf, Tensor):
        return leaf.data
    return leaf if isinstance(leaf, float) else np.array(leaf)[()]


def _symbols(
    f: Function, arguments: Sequence[Argument], places: Sequence[int]
) -> tuple[list[Expr], dict[str, str]]:
    """A variable for each leaf that is differentiated by, and what it is called."""
    called = parameter_names(_unwrapped(f), max(places, default=0) + 1)
    found, names, number = list[Expr](), dict[str, str](), count()
    for place, argument in zip(places, arguments, strict=True):
        for k, leaf in enumerate(argument.variables):
            name = f" x{next(number)}"
            names[name] = called[place] + (str(k) if len(argument.variables) > 1 else "")
            weak = isinstance(leaf, float) and not isinstance(leaf, np.generic)
            kind = np.dtype(np.float64) if weak else leaf.dtype
            shape = () if weak else tuple(leaf.shape)
            found.append(
                intern(VARIABLE, (), {"name": name, "facts": ()}, (), kind, True)
                if weak
                else symbol(name, shape, kind)
            )
    return found, names


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """What a graph is apart from its arrays: a key, the nodes that are arrays, and these."""

    key: tuple[object, ...]
    lifted: tuple[Expr, ...]
    values: tuple[Any, ...]


def _graph(outputs: Sequence[Expr], symbols: Sequence[Expr]) -> Graph | None:
    """A graph taken apart; None where it depends on what is recorded elsewhere, or is too large."""
    nodes = ancestors(outputs)
    if len(nodes) > MOST_NODES:
        return None
    own = {id(s) for s in symbols}
    places, levels = dict[int, int](), dict[int, int]()
    key, lifted, values = list[object](), list[Expr](), list[Any]()
    for node in nodes:
        places[id(node)] = len(places)
        name, params = node.primitive.name, node.params
        if name == "capture":
            source = params["source"]
            if source.tag != FREE or source.levels:
                return None
            lifted, values = [*lifted, node], [*values, source.data]
            key.append((node.shape, node.dtype.str))
        elif name == "const" and node.shape:
            lifted, values = [*lifted, node], [*values, params["value"]]
            key.append((node.shape, node.dtype.str))
        elif not node.inputs:
            if name == "variable" and id(node) not in own:
                return None
            key.append(id(node))
        else:
            if "level" in params:  # numbered anew at each call
                known = levels.setdefault(params["level"], len(levels))
                params = {**params, "level": known}
            below = tuple(places[id(x)] for x in node.inputs)
            key.append((id(node.primitive), below, frozen_params(params)))
    ends = tuple(places[id(o)] for o in outputs)
    return Graph((*key, ends, *map(id, symbols)), tuple(lifted), tuple(values))


def _plan(graph: Graph, outputs: Sequence[Expr], symbols: Sequence[Expr], slope: bool) -> Plan:
    """The plan of a graph, or of its gradient; made once, captured arrays are variables in it."""
    key = (slope, *graph.key)
    with _LOCK:
        known = _PLANS.get(key)
        if known is not None:
            _PLANS.move_to_end(key)
            return known
    changes = {
        node: symbol(f" c{k}", node.shape, node.dtype) for k, node in enumerate(graph.lifted)
    }
    outputs = replaced(outputs, changes) if changes else outputs
    if slope:
        outputs = _gradients(outputs[0], symbols)
    plan = _derived(outputs, symbols, tuple(changes.values()))
    with _LOCK:
        _PLANS[key] = plan
        while len(_PLANS) > MOST_PLANS:
            _PLANS.popitem(last=False)
    return plan


def _derived(outputs: Sequence[Expr], symbols: Sequence[Expr], captured: tuple[Expr, ...]) -> Plan:
    """One pullback of a symbol for each output, read for each variable."""
    forms = []
    slots: dict[int, Expr] = {}
    for out in outputs:
        pulled = zip(_pulled(out, symbols), symbols, strict=True)
        row = tuple(_form(out, found, by) for found, by in pulled)
        forms.append(row)
        for form in row:
            slots.update({id(x): x for x in (form.slots if form else ())})
    return Plan(tuple(outputs), tuple(symbols), captured, tuple(forms), tuple(slots.values()))


def _gradients(out: Expr, symbols: Sequence[Expr]) -> list[Expr]:
    """The gradient of a number by each variable, as one transform alone gives it."""
    found = pullback([out], [out.dtype.type(1)], symbols, 0)
    return [
        s.lifted(np.zeros(s.shape)) if g is None else g for s, g in zip(symbols, found, strict=True)
    ]


def _seed(out: Expr) -> Expr:
    return symbol(SEED, out.shape, out.dtype)


def _pulled(out: Expr, symbols: Sequence[Expr]) -> list[Expr | DerivantError | None]:
    """The cotangent of each variable, linear in the seed; the error where a rule refuses."""
    if any(out is s for s in symbols):
        return [_seed(out) if out is s else None for s in symbols]
    try:
        found: list[Any] = pullback([out], [_seed(out)], symbols, 0)
    except DerivantError as error:
        return [error] * len(symbols)
    return found


def _form(out: Expr, found: Expr | DerivantError | None, by: Expr) -> LinearForm | None:
    if isinstance(found, DerivantError):
        return None
    if found is None:
        sizes = dict(enumerate((*out.shape, *by.shape)))
        return LinearForm(tuple(out.shape), tuple(by.shape), (), sizes)
    try:
        return linear_form(found, _seed(out))
    except DerivantError:
        return None


# Names of captured arrays, for texts alone


def _unwrapped(f: Any) -> Any:
    while hasattr(f, "__wrapped__"):
        f = f.__wrapped__
    return f


class Names(Mapping[str, str]):
    """What variables are called: arguments by name, captured arrays as the function calls them.

    Found when a text is asked for, not at each call.
    """

    def __init__(
        self, arguments: Mapping[str, str], f: Function, captured: Mapping[Expr, Any]
    ) -> None:
        self._arguments, self._function, self._captured = arguments, f, captured
        self._found: dict[str, str] | None = None

    def __getitem__(self, name: str) -> str:
        if self._found is None:
            self._found = {**self._arguments, **_captured_names(self._function, self._captured)}
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arguments)

    def __len__(self) -> int:
        return len(self._arguments)


def _captured_names(f: Function, captured: Mapping[Expr, Any]) -> dict[str, str]:
    """What the function calls the arrays that it uses, where that is plain."""
    plain = _unwrapped(f)
    code = getattr(plain, "__code__", None)
    if code is None:
        return {}
    known = getattr(plain, "__globals__", {})
    seen = {n: known[n] for n in code.co_names if n in known}
    for name, cell in zip(code.co_freevars, plain.__closure__ or (), strict=True):
        try:
            seen[name] = cell.cell_contents
        except ValueError:  # an empty cell
            continue
    found = {}
    for variable, value in captured.items():
        for name, there in seen.items():
            if _alike(there, value) or _alike(getattr(there, "T", None), value):
                found[str(variable.params["name"])] = name + "'" * (not _alike(there, value))
                break
    return found


def _alike(there: Any, value: Any) -> bool:
    """Whether two arrays agree in shape, dtype and the entries that are looked at."""
    there = there.data if isinstance(there, Tensor) else there
    if not isinstance(there, np.ndarray) or (there.shape, there.dtype) != (
        value.shape,
        value.dtype,
    ):
        return False
    if not value.size:
        return True
    some = tuple(np.arange(16) * (size - 1) // 15 for size in value.shape)
    return bool(np.array_equal(there[some], value[some]))
