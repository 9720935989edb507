"""A self-contained function as text, for NumPy, JAX or PyTorch.

Parameters are the variables; sizes that have names are read from their shapes. Knows nothing of
derivatives: it writes whatever expressions it is given.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence

from derivant.base.dims import Dim
from derivant.base.errors import ArgumentError
from derivant.carriers.expr import Expr
from derivant.notation.code_operators import OPERATORS
from derivant.notation.code_plan import planned
from derivant.notation.code_rows import TARGETS, Target
from derivant.notation.code_write import Writer

MODULES = ("np", "jnp", "jax", "torch", "scipy", "math", "abs", "float")
WIDTH = 80  # of what is returned in one line
WORD = re.compile(r"[^\W\d]\w*")


def function_text(
    target: str,
    name: str,
    parameters: Sequence[Expr],
    results: Sequence[Expr],
    about: Sequence[str],
    labels: Sequence[str] = (),
    nested: bool = False,
) -> str:
    """The text of a function that returns the results; with `nested` the first, then the others.

    `about` are the lines of its docstring, `labels` names for long results. Raises ArgumentError
    for an unknown target or a name that Python does not take, DerivantError where a part has no
    code.

    >>> from derivant.carriers.trace import symbols
    >>> x, A = symbols("x: n, A: n n")
    >>> print(function_text("numpy", "f", [x, A], [A @ x], ["A x."]))
    def f(x, A):
        \"\"\"A x.\"\"\"
        return A @ x
    <BLANKLINE>
    """
    if target not in TARGETS:
        raise ArgumentError(f"the target is one of {', '.join(TARGETS)}, not {target!r:.40}")
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise ArgumentError(f"{name!r:.40} is no name for a function")
    names = _names(parameters)
    best = planned(results)
    taken = {*names.values(), *MODULES, name}
    writer = Writer(TARGETS[target], best, names, taken, OPERATORS)
    writer.write()
    values = [writer.result(r, _like(r, parameters)) for r in best]
    lines = _needed(writer.lines, values)
    if len(labels) > 1 and len(", ".join(values)) > WIDTH:
        given = [writer.fresh(label) for label in labels]
        lines += list(zip(given, values, strict=True))
        values = given
    sizes, free = _sizes(names, writer.sizes)
    body = [*sizes, *(f"{n} = {text}" for n, text in lines), f"return {_returned(values, nested)}"]
    arguments = ", ".join([*names.values(), *(["*", *free] if free else [])])
    imports = _imports(TARGETS[target], body)
    parts = [
        *([*imports, "\n"] if imports else []),
        f"def {name}({arguments}):",
        *(f"    {line}" if line else "" for line in [*_docstring(about), *body]),
    ]
    return "\n".join(parts) + "\n"


def _returned(values: list[str], nested: bool) -> str:
    if not nested:
        return ", ".join(values)
    rest = ", ".join(values[1:]) + "," * (len(values) == 2)
    return f"{values[0]}, ({rest})"


def _needed(lines: list[tuple[str, str]], values: list[str]) -> list[tuple[str, str]]:
    """The lines whose names are used, in order."""
    found = set(WORD.findall(" ".join(values)))
    kept = []
    for name, text in reversed(lines):
        if name in found:
            found |= set(WORD.findall(text))
            kept.append((name, text))
    return kept[::-1]


def _sizes(names: dict[Expr, str], sizes: dict[str, str]) -> tuple[list[str], list[str]]:
    """The lines that read sizes from shapes, and the sizes that no parameter shows."""
    lines, open_ = [], dict(sizes)
    for parameter, name in names.items():
        letters = [str(s) if isinstance(s, Dim) else "" for s in parameter.shape]
        here = [c for c in dict.fromkeys(letters) if c in open_]
        if len(here) == len(letters) > 1:
            lines.append(f"{', '.join(sizes[c] for c in letters)} = {name}.shape")
        else:
            lines += [f"{sizes[c]} = {name}.shape[{letters.index(c)}]" for c in here]
        open_ = {c: letter for c, letter in open_.items() if c not in here}
    return lines, list(open_.values())


def _imports(target: Target, body: list[str]) -> list[str]:
    text = "\n".join(body)
    used = [m for m in target.imports if re.search(rf"(?<![\w.]){re.escape(m)}\.", text)]
    return [target.imports[m] for m in used]


def _docstring(about: Sequence[str]) -> list[str]:
    """The lines of a docstring; nothing in them ends it."""
    lines = [line.replace("\\", "/").replace('"', "'") for line in about]
    if len(lines) == 1:
        return [f'"""{lines[0]}"""']
    return ['"""' + lines[0], *lines[1:], '"""']


def _names(parameters: Sequence[Expr]) -> dict[Expr, str]:
    """What the parameters are called: a name that Python or an import has gets an underscore."""
    found: dict[Expr, str] = {}
    for p in parameters:
        name = str(p.params["name"])
        if not name.isidentifier():
            raise ArgumentError(f"{name!r:.40} is no name that code can have")
        while keyword.iskeyword(name) or name in MODULES or name in found.values():
            name += "_"
        found[p] = name
    return found


def _like(result: Expr, parameters: Sequence[Expr]) -> Expr:
    """A parameter of the result's shape, the first one if none has it."""
    return next((p for p in parameters if p.shape == result.shape), result)
