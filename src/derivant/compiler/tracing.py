"""One run of a function on variables: the graph that it computes, the nesting of its results."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from derivant.base.errors import ArgumentError, DerivantError
from derivant.base.tree import Structure, flatten, unflatten
from derivant.carriers.expr import LIFTED, VARIABLE, Expr, as_expr, intern
from derivant.carriers.mode import serial
from derivant.carriers.staging import OPEN, STAGE
from derivant.carriers.tensor import Tensor, constant
from derivant.compiler.arguments import Arguments
from derivant.compiler.closure import Around
from derivant.compiler.donation import Pairs, donations
from derivant.compiler.graph import Graph
from derivant.compiler.lifting import read_at_calls
from derivant.compiler.staging import Tracing

PACKAGE = "derivant"


@dataclass(frozen=True, slots=True, eq=False)
class Traced:
    """A function on one kind of arguments. `around` keeps alive what the key names by identity.

    `is_fixed` where numbers of arrays around it are in the graph, and so in the key.
    """

    graph: Graph
    structure: Structure
    leaves: tuple[Any, ...]  # of the results: the place among the graph's outputs, or a constant
    around: tuple[Any, ...]
    donated: Pairs
    sources: tuple[Any, ...]  # what the graph captured, as it stands there now
    is_fixed: bool

    def rebuilt(self, results: Sequence[Any], keep: bool) -> Any:
        """The nesting of the results with these numbers; Tensors where an argument was one."""
        if keep:
            results = [r if isinstance(r, Tensor) else constant(r) for r in results]
        filled = [results[x.place] if isinstance(x, Output) else x for x in self.leaves]
        return unflatten(self.structure, filled)


@dataclass(frozen=True, slots=True)
class Output:
    """A leaf of the results that is computed."""

    place: int


def traced(
    function: Callable[..., Any], given: Arguments, around: Around, donated: frozenset[int]
) -> Traced:
    """Run the function on a variable for each input.

    Raises the error of an operation that a trace cannot do, with the line that asked for it.
    """
    variables = [_variable(x, k) for k, x in enumerate(given.values)]
    args, kwargs = given.rebuilt(variables)
    tracing = Tracing()
    OPEN.append(tracing)
    stage = STAGE.set(tracing)
    token = LIFTED.set(around.lifted)
    try:
        result = read_at_calls(function)(*args, **kwargs)
    except Exception as error:
        own = error if isinstance(error, DerivantError) else error.__cause__ or error.__context__
        if isinstance(own, DerivantError):  # NumPy puts an error of its own around ours
            raise _located(own, error) from error
        raise
    finally:
        LIFTED.reset(token)
        STAGE.reset(stage)
        OPEN.remove(tracing)
    leaves, structure = flatten(result)
    outputs: list[Expr] = []
    places: list[Any] = []
    for leaf in leaves:
        if isinstance(leaf, (Expr, Tensor, np.ndarray, np.generic)):
            places.append(Output(len(outputs)))
            outputs.append(as_expr(leaf))
        else:
            places.append(_still(leaf, given.statics))
    graph = Graph(variables, outputs)
    pairs = donations(given, donated, graph.outputs) if donated else ()
    kept = tuple(around.objects)
    return Traced(graph, structure, tuple(places), kept, pairs, graph.sources, bool(around.fixed))


def _still(leaf: Any, statics: Sequence[Any]) -> Any:
    """A leaf of the results that is no array: one that can hold no number of the trace."""
    if isinstance(leaf, (bool, int, float, str, bytes, type(None))):
        return leaf
    if any(leaf is static for static in statics):
        return leaf
    raise ArgumentError(
        "a compiled function returns arrays, numbers and containers of them; this one returns "
        f"{type(leaf).__name__}, which may hold numbers that are not known yet: return what it "
        "is used for, such as a product with it"
    )


def _variable(value: Any, place: int) -> Expr:
    """A fresh variable of the kind of an input; a Python number gives way to other dtypes."""
    params = {"name": f"x{place}", "facts": (), "serial": serial()}
    if isinstance(value, float) and not isinstance(value, np.generic):
        return intern(VARIABLE, (), params, (), np.dtype(np.float64), True)
    return intern(VARIABLE, (), params, tuple(value.shape), np.dtype(value.dtype), False)


def _located(error: DerivantError, raised: Exception) -> DerivantError:
    """The same error with the line of the user's code that led to it."""
    for frame, line in reversed(list(traceback.walk_tb(raised.__traceback__))):
        if frame.f_globals.get("__name__", "").partition(".")[0] != PACKAGE:
            where = f"{frame.f_code.co_filename}:{line}"
            return type(error)(f"{error} (while tracing {where})")
    return error
