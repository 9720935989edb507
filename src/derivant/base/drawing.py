"""A small layered drawing of a directed graph without cycles: DOT text, and SVG made here.

Layers by the longest path, order within a layer by the mean place of the neighbours (Sugiyama,
Tagawa, Toda: Methods for visual understanding of hierarchical system structures, 1981). It knows
nothing of Values: parts have a name, a label and a kind.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias, final

from derivant.base.errors import ArgumentError, MissingExtraError

LIMIT = 1000  # parts; beyond, no drawing is readable
SWEEPS = 8
GAP, ROW, CHARACTER, PAD = 40.0, 14.0, 7.0, 8.0
KEYWORDS = ("node", "edge", "graph", "digraph", "subgraph", "strict")
SPECIAL = re.compile(r"[\\{}|<>]")
WORD = re.compile(r"([a-zA-Z_][a-zA-Z0-9_]*|-?(\.[0-9]+|[0-9]+(\.[0-9]*)?))")

Place: TypeAlias = "tuple[float, float]"
Edges: TypeAlias = "Sequence[tuple[str, str]]"


@final
@dataclass(frozen=True, slots=True)
class Part:
    """One box of a drawing; an operation is drawn as an ellipse, anything else as a record.

    `cells` are the fields of the record; an operation has one.
    """

    name: str
    cells: tuple[str, ...]
    operation: bool

    @property
    def label(self) -> str:
        """The text as DOT wants it: in a record `{`, `|` and their like are escaped."""
        if self.operation:
            return self.cells[0]
        fields = " | ".join(SPECIAL.sub(r"\\\g<0>", cell) for cell in self.cells)
        return f"{{ {fields} }}"


@final
class Drawing:
    """A drawing without the graphviz package: what `draw_dot` returns where that is missing.

    `source` is the DOT text that graphviz would have; a notebook shows the SVG.

    >>> d = Drawing([Part("1", ("data 2",), operation=False)], [])
    >>> d.source.splitlines()[2].strip()
    '1 [label="{ data 2 }" shape=record]'
    """

    def __init__(
        self, parts: Sequence[Part], edges: Edges, format: str = "svg", rankdir: str = "LR"
    ) -> None:
        self.parts = tuple(parts)
        self.edges = tuple(edges)
        self.format = format
        self.rankdir = rankdir

    @property
    def source(self) -> str:
        """The graph in the DOT language."""
        lines = [f"\tgraph [rankdir={self.rankdir}]"]
        for part in self.parts:
            shape = "" if part.operation else " shape=record"
            lines.append(f"\t{quoted(part.name)} [label={quoted(part.label)}{shape}]")
        lines += [f"\t{quoted(tail)} -> {quoted(head)}" for tail, head in self.edges]
        return "\n".join(["digraph {", *lines, "}", ""])

    def _repr_svg_(self) -> str:
        return svg(self.parts, self.edges, self.rankdir)

    def render(self, filename: str = "Digraph.gv") -> str:
        """Write the DOT text to `filename` and the drawing beside it; the drawing's path.

        Raises MissingExtraError for another format than SVG, ArgumentError for a large graph.
        """
        if self.format != "svg":
            raise MissingExtraError(
                f"a drawing as {self.format} needs graphviz; pip install graphviz, or format='svg'"
            )
        target = Path(f"{filename}.svg")
        drawn = self._repr_svg_()
        Path(filename).write_text(self.source, encoding="utf-8")
        target.write_text(drawn, encoding="utf-8")
        return str(target)


def quoted(text: str) -> str:
    """A word or a number of DOT as it is, anything else in quotes."""
    if WORD.fullmatch(text) and text.lower() not in KEYWORDS:
        return text
    return '"' + text.replace('"', '\\"') + '"'


def svg(parts: Sequence[Part], edges: Edges, rankdir: str = "LR") -> str:
    """The drawing as SVG text. Raises ArgumentError for more parts than one can read."""
    if len(parts) > LIMIT:
        raise ArgumentError(
            f"the graph has {len(parts)} parts, a drawing here at most {LIMIT}; "
            "draw less of it, or install graphviz"
        )
    sizes = {part.name: _size(part, rankdir) for part in parts}
    layers, chains = _threaded(_layers(parts, edges), edges)
    sizes.update({n: (ROW, ROW) for chain in chains for n in chain[1:-1]})
    links = [pair for chain in chains for pair in pairwise(chain)]
    places = _places(_ordered(layers, links), sizes, rankdir)
    width = max(places[n][0] + sizes[n][0] / 2 for n in places) + PAD
    height = max(places[n][1] + sizes[n][1] / 2 for n in places) + PAD
    body = [_curve(chain, places, sizes, rankdir) for chain in chains]
    body += [_shape(part, places[part.name], sizes[part.name], rankdir) for part in parts]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="monospace" font-size="11">',
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
            'markerHeight="7" orient="auto"><path d="M0,0 L8,4 L0,8 z"/></marker></defs>',
            f'<rect width="{width:.0f}" height="{height:.0f}" fill="white"/>',
            *body,
            "</svg>",
        ]
    )


def _size(part: Part, rankdir: str) -> Place:
    """Width and height; the fields of a record stand side by side in LR, stacked in TB."""
    widths = [len(cell) * CHARACTER + 2 * PAD for cell in part.cells]
    if part.operation:
        return max(widths[0], 36.0), 2 * ROW
    return (sum(widths), 2 * ROW) if rankdir == "LR" else (max(widths), 1.5 * ROW * len(widths))


def _layers(parts: Sequence[Part], edges: Edges) -> list[list[str]]:
    """Each part one layer behind the last of those it needs; sources just before their use."""
    needs: dict[str, list[str]] = {part.name: [] for part in parts}
    users: dict[str, list[str]] = {part.name: [] for part in parts}
    for tail, head in edges:
        needs[head].append(tail)
        users[tail].append(head)
    depth: dict[str, int] = {}
    waiting = {name: len(before) for name, before in needs.items()}
    ready = [name for name, open_ in waiting.items() if not open_]
    while ready:
        name = ready.pop()
        depth[name] = max((depth[n] + 1 for n in needs[name]), default=0)
        for user in users[name]:
            waiting[user] -= 1
            if not waiting[user]:
                ready.append(user)
    for name, before in needs.items():
        if not before and users[name]:
            depth[name] = min(depth[user] for user in users[name]) - 1
    layers: list[list[str]] = [[] for _ in range(max(depth.values(), default=0) + 1)]
    for part in parts:
        layers[depth[part.name]].append(part.name)
    return layers


def _threaded(layers: list[list[str]], edges: Edges) -> tuple[list[list[str]], list[list[str]]]:
    """Places kept free in every layer that an edge crosses, and each edge as the chain of them."""
    depth = {name: i for i, layer in enumerate(layers) for name in layer}
    chains = []
    for tail, head in edges:
        crossed = range(depth[tail] + 1, depth[head])
        chain = [tail, *(f"{tail}\n{head}\n{i}" for i in crossed), head]
        for i, name in zip(crossed, chain[1:-1], strict=True):
            layers[i].append(name)
        chains.append(chain)
    return layers, chains


def _ordered(layers: list[list[str]], edges: Edges) -> list[list[str]]:
    """Within each layer by the mean place of the neighbours, over a few sweeps."""
    neighbours: dict[str, list[str]] = {name: [] for layer in layers for name in layer}
    for tail, head in edges:
        neighbours[head].append(tail)
        neighbours[tail].append(head)
    for sweep in range(SWEEPS):
        place = {n: (i + 0.5) / len(layer) for layer in layers for i, n in enumerate(layer)}
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            mean = {
                n: sum(place[m] for m in neighbours[n]) / max(len(neighbours[n]), 1) for n in layer
            }
            layer.sort(key=mean.__getitem__)
            place.update({n: (i + 0.5) / len(layer) for i, n in enumerate(layer)})
    return layers


def _places(layers: list[list[str]], sizes: Mapping[str, Place], rankdir: str) -> dict[str, Place]:
    """The centre of each part; layers run along the first axis of LR, the second of TB."""
    along, across = (0, 1) if rankdir == "LR" else (1, 0)
    spans = [sum(sizes[n][across] + PAD for n in layer) for layer in layers]
    places: dict[str, Place] = {}
    start = PAD
    for layer, span in zip(layers, spans, strict=True):
        depth = max(sizes[n][along] for n in layer)
        offset = PAD + (max(spans) - span) / 2
        for n in layer:
            centre = (start + depth / 2, offset + sizes[n][across] / 2)
            places[n] = centre if rankdir == "LR" else (centre[1], centre[0])
            offset += sizes[n][across] + PAD
        start += depth + GAP
    return places


def _curve(
    chain: Sequence[str], places: Mapping[str, Place], sizes: Mapping[str, Place], rankdir: str
) -> str:
    """An arrow from the side of one part to the facing side of another, by the places kept free."""
    points = [places[n] for n in chain]
    (x1, y1), (x2, y2) = points[0], points[-1]
    if rankdir == "LR":
        points[0] = (x1 + sizes[chain[0]][0] / 2, y1)
        points[-1] = (x2 - sizes[chain[-1]][0] / 2, y2)
    else:
        points[0] = (x1, y1 + sizes[chain[0]][1] / 2)
        points[-1] = (x2, y2 - sizes[chain[-1]][1] / 2)
    path = f"M{points[0][0]:.1f},{points[0][1]:.1f}"
    for (x1, y1), (x2, y2) in pairwise(points):
        x, y = (x1 + x2) / 2, (y1 + y2) / 2
        if rankdir == "LR":
            path += f" C{x:.1f},{y1:.1f} {x:.1f},{y2:.1f} {x2:.1f},{y2:.1f}"
        else:
            path += f" C{x1:.1f},{y:.1f} {x2:.1f},{y:.1f} {x2:.1f},{y2:.1f}"
    return f'<path d="{path}" fill="none" stroke="black" marker-end="url(#tip)"/>'


def _shape(part: Part, centre: Place, size: Place, rankdir: str) -> str:
    """A part with its text."""
    (x, y), (width, height) = centre, size
    if part.operation:
        outline = (
            f'<ellipse cx="{x:.1f}" cy="{y:.1f}" rx="{width / 2:.1f}" ry="{height / 2:.1f}" '
            'fill="white" stroke="black"/>'
        )
        return outline + _text(x, y, part.cells[0])
    left, top = x - width / 2, y - height / 2
    out = [
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" '
        'fill="white" stroke="black"/>'
    ]
    for i, cell in enumerate(part.cells):
        if rankdir == "LR":
            wide, high = len(cell) * CHARACTER + 2 * PAD, height
            line = f"M{left:.1f},{top:.1f} v{high:.1f}"
        else:
            wide, high = width, 1.5 * ROW
            line = f"M{left:.1f},{top:.1f} h{wide:.1f}"
        if i:
            out.append(f'<path d="{line}" stroke="black"/>')
        out.append(_text(left + wide / 2, top + high / 2, cell))
        left, top = (left + wide, top) if rankdir == "LR" else (left, top + high)
    return "".join(out)


def _text(x: float, y: float, text: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" dominant-baseline="central">'
        f"{html.escape(text)}</text>"
    )
