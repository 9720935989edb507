"""Derivatives of functions: vjp and jvp, and what is made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from operator import attrgetter
from typing import Any, Literal, TypeAlias, overload

import numpy as np

from derivant.base.errors import ArgumentError, DifferentiationError, DTypeError, ShapeError
from derivant.base.graph import ancestors
from derivant.base.tree import flatten, matching_leaves, tree_map, unflatten
from derivant.base.types import Array, Derived, Function, shape_of
from derivant.calculus.arguments import (
    Argument,
    bind_leaf,
    handed_out,
    parameter_name,
    read_argument,
    settle_tree,
    without_binds,
)
from derivant.carriers.expr import Expr, as_expr
from derivant.carriers.mode import MODE, changed, serial
from derivant.carriers.tensor import Tensor, constant
from derivant.primitives.dispatch import plain_array
from derivant.sweeps import pullback, pushforward

VARIABLES = attrgetter("variables")
Pullback: TypeAlias = Callable[[object], "tuple[Array, ...]"]


class Recording:
    """A function run once on bound arguments: what sweeps start from."""

    def __init__(
        self,
        function: Function,
        primals: Sequence[Any],
        call: Callable[..., Any],
        places: Sequence[int],
        has_aux: bool = False,
    ) -> None:
        self.name = getattr(function, "__name__", "the function")
        self.arguments = [
            read_argument(p, partial(parameter_name, function, i))
            for i, p in zip(places, primals, strict=True)
        ]
        self.tag = serial()
        self.given = list(chain.from_iterable(map(VARIABLES, self.arguments)))
        if MODE.get().record:
            self._record(function, call, has_aux)
        else:  # a transform asks for its own derivative, whatever is recorded around it
            with changed(record=True):
                self._record(function, call, has_aux)
        self.kept = Tensor in map(type, self.given)

    def _record(self, function: Function, call: Callable[..., Any], has_aux: bool) -> None:
        """Run the function, on expressions where an expression hides what it depends on."""
        self._run(function, call, has_aux, self.given)
        if Expr in map(type, self.outputs) and holds_binds(self.outputs, self.binds):
            self._run(function, call, has_aux, [as_expr(leaf) for leaf in self.given])

    def _run(
        self, function: Function, call: Callable[..., Any], has_aux: bool, leaves: Sequence[Any]
    ) -> None:
        """Bind the leaves, run the function on them, take its result apart."""
        self.binds = [bind_leaf(leaf, self.tag) for leaf in leaves]
        source = iter(self.binds)
        values = [a.rebuilt([next(source) for _ in a.moving]) for a in self.arguments]
        result = call(function, values)
        self.aux = None
        if has_aux:
            if not isinstance(result, tuple) or len(result) != 2:
                raise ArgumentError(f"{self.name} must return (value, aux) with has_aux=True")
            result, self.aux = result
        self.outputs, self.structure = flatten(result)

    def value(self, lasting: bool = False) -> Any:
        """The value of the function, as the caller gets it: a copy where the graph is `lasting`."""
        tree = settle_tree(unflatten(self.structure, self.outputs), self.tag, self.kept)
        return tree_map(_copied, tree) if lasting else tree

    def auxiliary(self) -> Any:
        """What the function returned beside its value, a copy."""
        return tree_map(_copied, settle_tree(self.aux, self.tag, self.kept))

    def pull(self, seeds: Sequence[Any]) -> list[Any]:
        """The cotangents of the variables, in the kind they came in."""
        pairs = [
            (out, fit_seed(seed, out, self.name))
            for out, seed in zip(self.outputs, seeds, strict=True)
            if isinstance(out, (Tensor, Expr)) and seed is not None
        ]
        found = pullback([o for o, _ in pairs], [s for _, s in pairs], self.binds, self.tag)
        return self.handed_out(found, self.given, [s for _, s in pairs])

    def push(self, tangents: Sequence[Any]) -> list[Any]:
        """The tangents of the outputs."""
        nodes = [o for o in self.outputs if isinstance(o, (Tensor, Expr))]
        found = iter(pushforward(nodes, self.binds, tangents, self.tag))
        moving = [next(found) if isinstance(o, (Tensor, Expr)) else None for o in self.outputs]
        likes = [o if self.kept or isinstance(o, Expr) else _numbers(o) for o in self.outputs]
        return self.handed_out(moving, likes, tangents)

    def handed_out(
        self, values: Sequence[Any], likes: Sequence[Any], taken: Sequence[Any] = ()
    ) -> list[Any]:
        """Derivatives in the kinds of what they belong to, no bind of this transform in them.

        No two are one array, nor one of those `taken`: the caller may write to them.
        """
        results = [handed_out(v, like) for v, like in zip(values, likes, strict=True)]
        held = set(map(id, taken))
        for place, result in enumerate(results):
            if result.__class__ is np.ndarray:
                if id(result) in held:
                    results[place] = result.copy()
                held.add(id(result))
        if Expr in map(type, results):
            symbolic = [r for r in results if isinstance(r, Expr)]
            freed = iter(without_binds(symbolic, self.tag))
            results = [next(freed) if isinstance(r, Expr) else r for r in results]
        return results

    def split(self, values: Sequence[Any]) -> list[Any]:
        """Values of all variables as trees, one an argument."""
        source = iter(values)
        return [a.shaped([next(source) for _ in a.moving]) for a in self.arguments]


def _copied(leaf: Any) -> Any:
    return leaf.copy() if leaf.__class__ is np.ndarray else leaf


def _numbers(output: Any) -> Any:
    return output.data if isinstance(output, Tensor) else np.asarray(output, dtype=float)[()]


def holds_binds(outputs: Sequence[Any], binds: Sequence[Any]) -> bool:
    """Whether an expression among the outputs holds a number that is differentiated by.

    No sweep over the expression would see it; the function is then run again on expressions.
    """
    expressions = [out for out in outputs if isinstance(out, Expr)]
    if not expressions or not any(isinstance(bind, Tensor) for bind in binds):
        return False
    bound = {id(bind) for bind in binds}
    sources = [n.params["source"] for n in ancestors(expressions) if n.primitive.name == "capture"]
    return any(id(node) in bound for source in sources for node in ancestors([source]))


def call_plain(function: Function, values: Sequence[Any]) -> Any:
    """Call the function with these as its positional arguments."""
    return function(*values)


def fit_seed(seed: Any, out: Any, name: str) -> Any:
    """A cotangent that must have its output's shape; numbers in the output's dtype."""
    if shape_of(seed) != tuple(out.shape):
        raise ShapeError(
            f"{name} has an output of shape {tuple(out.shape)}; its cotangent has {shape_of(seed)}"
        )
    if hasattr(seed, "derivant_rank"):
        return seed
    return np.asarray(plain_array(seed), dtype=out.dtype)[()]


def fit_tangents(arguments: Sequence[Argument], tangents: Sequence[Any], name: str) -> list[Any]:
    """One tangent a variable, of its shape and dtype; None in a tree is zero."""
    found = []
    for argument, tree in zip(arguments, tangents, strict=True):
        leaves = matching_leaves(argument.structure, tree)
        for place in argument.moving:
            primal, tangent = argument.leaves[place], leaves[place]
            if tangent is not None and shape_of(tangent) != shape_of(primal):
                raise ShapeError(
                    f"{name}: a tangent of shape {shape_of(tangent)} for a variable of shape "
                    f"{shape_of(primal)}"
                )
            if tangent is not None and not hasattr(tangent, "derivant_rank"):
                dtype = np.float64 if isinstance(primal, float) else primal.dtype
                tangent = np.asarray(plain_array(tangent), dtype=dtype)[()]
            found.append(tangent)
    return found


@overload
def vjp(
    f: Function, *primals: object, has_aux: Literal[False] = False
) -> tuple[Array, Pullback]: ...
@overload
def vjp(
    f: Function, *primals: object, has_aux: Literal[True]
) -> tuple[Array, Pullback, object]: ...
def vjp(
    f: Function, *primals: object, has_aux: bool = False
) -> tuple[Array, Pullback] | tuple[Array, Pullback, object]:
    """The value of `f` and its pullback: cotangents of the output to cotangents of the arguments.

    `out, pullback = vjp(f, *primals)`; `pullback(g)` is a tuple, one entry a primal, of J'g. With
    `has_aux` also what `f` returns beside its value.

    >>> out, pullback = vjp(lambda x: x * x, np.array([1.0, 3.0]))
    >>> pullback(np.ones(2))
    (array([2., 6.]),)
    """
    record = Recording(f, primals, call_plain, range(len(primals)), has_aux)

    def pull(cotangent: Any) -> tuple[Any, ...]:
        seeds = matching_leaves(record.structure, cotangent)
        return tuple(record.split(record.pull(seeds)))

    value = record.value(lasting=True)
    return (value, pull, record.auxiliary()) if has_aux else (value, pull)


def jvp(f: Function, primals: Sequence[object], tangents: Sequence[object]) -> tuple[Array, Array]:
    """The value of `f` and J v, its derivative in the direction of the tangents.

    >>> jvp(lambda x: x * x, (3.0,), (1.0,))
    (np.float64(9.0), np.float64(6.0))
    """
    if len(primals) != len(tangents):
        raise ArgumentError(f"jvp: {len(primals)} primals and {len(tangents)} tangents")
    record = Recording(f, primals, call_plain, range(len(primals)))
    moving = record.push(fit_tangents(record.arguments, tangents, record.name))
    found: Any = unflatten(record.structure, moving)
    return record.value(), found


def linearize(f: Function, *primals: object) -> tuple[Array, Derived]:
    """The value of `f` and the linear map J at the primals, to be applied to many tangents.

    >>> out, line = linearize(lambda x: x * x, 3.0)
    >>> line(1.0), line(2.0)
    (np.float64(6.0), np.float64(12.0))
    """
    record = Recording(f, primals, call_plain, range(len(primals)))

    def line(*tangents: object) -> Any:
        if len(tangents) != len(primals):
            raise ArgumentError(f"linearize: {len(primals)} primals and {len(tangents)} tangents")
        moving = record.push(fit_tangents(record.arguments, tangents, record.name))
        return unflatten(record.structure, moving)

    return record.value(lasting=True), line


def grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Derived:
    """The function that gives the gradient of a scalar function `f`.

    The gradient has the nesting, the shapes, the dtypes and the kind of the arguments `argnums`.
    With `has_aux`, `f` returns (value, aux) and the result is (gradient, aux). Raises
    DifferentiationError where `f` does not give one number, DTypeError for integer arguments.

    >>> grad(lambda x: x**3)(2.0)
    np.float64(12.0)
    """

    def gradient(*args: Any, **kwargs: Any) -> Any:
        record = gradient_recording(f, argnums, has_aux, args, kwargs)
        slopes = slopes_of(record, argnums)
        return (slopes, record.auxiliary()) if has_aux else slopes

    return named_after(f, gradient, "grad")


def value_and_grad(
    f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., tuple[Array, Array]]:
    """The function that gives the value of a scalar function `f` and its gradient, sharing work.

    With `has_aux`, `f` returns (value, aux) and the result is ((value, aux), gradient).

    >>> value_and_grad(lambda x: x**3)(2.0)
    (np.float64(8.0), np.float64(12.0))
    """

    def both(*args: Any, **kwargs: Any) -> Any:
        record = gradient_recording(f, argnums, has_aux, args, kwargs)
        slopes = slopes_of(record, argnums)
        value = record.value()
        return ((value, record.auxiliary()) if has_aux else value), slopes

    return named_after(f, both, "value_and_grad")


def gradient_recording(
    f: Function,
    argnums: int | Sequence[int],
    has_aux: bool,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Recording:
    """The function run on the arguments, those of argnums bound."""
    places = argument_places(argnums, len(args), f)
    call = calling(args, kwargs, places)
    return Recording(f, [args[i] for i in places], call, places, has_aux)


def slopes_of(record: Recording, argnums: int | Sequence[int]) -> Any:
    """The gradient of the one number that was recorded, as a tree an argument."""
    out = scalar_output(record)
    if isinstance(out, (Tensor, Expr)):
        found = pullback([out], [_seed_like(out)], record.binds, record.tag)
    else:
        found = [None] * len(record.binds)
    slopes = record.split(record.handed_out(found, record.given))
    return slopes[0] if isinstance(argnums, int) else tuple(slopes)


def _seed_like(out: Any) -> Any:
    """One; under vmap with the hidden axes of the output."""
    if isinstance(out, Tensor) and out.levels:
        return constant(np.ones_like(out.data), out.levels)
    return out.dtype.type(1)


def argument_places(argnums: int | Sequence[int], count: int, f: Function) -> list[int]:
    """The positions that argnums name, counted from the front."""
    given = [argnums] if isinstance(argnums, int) else list(argnums)
    for place in given:
        if not -count <= place < count:
            called = getattr(f, "__name__", "the function")
            raise ArgumentError(f"argnums has {place}; {called} was called with {count} arguments")
    places = [place % count for place in given]
    if len(set(places)) != len(places):
        raise ArgumentError(f"argnums {tuple(given)} name one argument twice")
    return places


def calling(
    args: Sequence[Any], kwargs: dict[str, Any], places: Sequence[int]
) -> Callable[..., Any]:
    """Call a function with all its arguments, those at `places` replaced."""

    def call(function: Function, values: Sequence[Any]) -> Any:
        everything = list(args)
        for place, value in zip(places, values, strict=True):
            everything[place] = value
        return function(*everything, **kwargs)

    return call


def scalar_output(record: Recording) -> Any:
    """The one number that a gradient is of."""
    outputs = record.outputs
    out: Any = outputs[0] if len(outputs) == 1 else None
    if len(outputs) != 1 or shape_of(out) != ():
        shapes = [shape_of(o) for o in outputs]
        raise DifferentiationError(
            f"{record.name} gives {shapes[0] if len(shapes) == 1 else shapes}; a gradient is of "
            "one number: sum it, or use jacobian or vjp"
        )
    kind = out.dtype if hasattr(out, "dtype") else np.result_type(type(out))
    if kind.kind != "f":
        raise DTypeError(f"{record.name} gives a number of dtype {kind}, which has no derivative")
    return out


def hvp(f: Function, x: object, v: object) -> Array:
    """The Hessian of a scalar function at `x`, times `v`: forward over reverse, never formed.

    >>> hvp(lambda x: (x**3).sum(), np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    array([6., 0.])
    """
    return jvp(grad(f), (x,), (v,))[1]


def named_after(f: Function, g: Callable[..., Any], prefix: str) -> Callable[..., Any]:
    """Give a transformed function a name that errors can use."""
    g.__name__ = f"{prefix}({getattr(f, '__name__', 'function')})"
    vars(g)["__wrapped__"] = f
    return g


__all__ = ["grad", "hvp", "jvp", "linearize", "value_and_grad", "vjp"]
