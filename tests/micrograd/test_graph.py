"""The graph as sets and as a drawing, with graphviz and without."""

from __future__ import annotations

import random
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from derivant.base.drawing import Drawing
from derivant.base.errors import ArgumentError, MissingExtraError
from derivant.micrograd.engine import Value
from derivant.micrograd.graph import draw_dot, trace
from derivant.micrograd.nn import Neuron


@pytest.fixture
def without_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine that does not have the package."""
    monkeypatch.setitem(sys.modules, "graphviz", None)


def notebook() -> Value:
    """The notebook's neuron, differentiated."""
    random.seed(1337)
    y = Neuron(2)([Value(1.0), Value(-2.0)])
    y.backward()
    return y


def unnamed(source: str) -> str:
    """DOT text with the ids numbered in order of appearance."""
    seen: dict[str, int] = {}
    return re.sub(r"\d{9,}", lambda m: f"n{seen.setdefault(m.group(), len(seen))}", source)


def test_notebook_graph() -> None:
    x = Value(1.0)
    nodes, edges = trace((x * 2 + 1).relu())
    assert (len(nodes), len(edges)) == (6, 5)
    assert all(tail in head._prev for tail, head in edges)
    assert trace(x) == ({x}, set())


def test_a_deep_graph_is_walked() -> None:
    y = x = Value(1.0)
    for _ in range(5000):
        y = y + x
    assert len(trace(y)[0]) == 5001


def test_source(without_graphviz: None) -> None:
    lines = unnamed(draw_dot((Value(1.0) * 2 + 1).relu()).source).splitlines()
    assert lines[0] == "digraph {" and lines[1] == "\tgraph [rankdir=LR]" and lines[-1] == "}"
    assert lines[2] == '\tn0 [label="{ data 1.0000 | grad 0.0000 }" shape=record]'
    assert '\t"n2*" [label="*"]' in lines and '\t"n2*" -> n2' in lines
    assert '\tn0 -> "n2*"' in lines and '\t"n5ReLU" [label=ReLU]' in lines
    assert sum("->" in line for line in lines) == 8 and sum("record" in line for line in lines) == 6


def test_source_shows_gradients_and_labels(without_graphviz: None) -> None:
    assert draw_dot(notebook()).source.count("data 0.1024 | grad 1.0000") == 2
    source = draw_dot(Value(2.0, label='the "a|b"')).source
    assert '"{ the \\"a\\|b\\" | data 2.0000 | grad 0.0000 }"' in source


@pytest.mark.parametrize("rankdir", ["LR", "TB"])
def test_our_drawing(without_graphviz: None, tmp_path: Path, rankdir: str) -> None:
    drawing = draw_dot(notebook(), rankdir=rankdir)
    assert isinstance(drawing, Drawing) and f"rankdir={rankdir}" in drawing.source
    written = drawing.render(str(tmp_path / "neuron"))
    assert written == str(tmp_path / "neuron.svg")
    assert (tmp_path / "neuron").read_text() == drawing.source
    root = ElementTree.parse(written).getroot()
    tags = [child.tag.partition("}")[2] for child in root]
    assert tags.count("ellipse") == 5 and len(root.findall(".//*[@marker-end]")) == 14
    assert "".join(root.itertext()).count("grad") == 10


def test_boxes_do_not_overlap(without_graphviz: None) -> None:
    for rankdir in ("LR", "TB"):
        drawing = draw_dot(notebook(), rankdir=rankdir)
        assert isinstance(drawing, Drawing)
        root = ElementTree.fromstring(drawing._repr_svg_())
        boxes = [
            tuple(float(r.get(k, "nan")) for k in ("x", "y", "width", "height"))
            for r in root
            if r.tag.endswith("rect") and r.get("x")
        ]
        assert len(boxes) == 10
        for i, (x, y, w, h) in enumerate(boxes):
            for u, v, _, _ in boxes[i + 1 :]:
                assert not (x - w < u < x + w and y - h < v < y + h)


def test_refusals(without_graphviz: None, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="rankdir is LR or TB, not 'RL'"):
        draw_dot(Value(1.0), rankdir="RL")
    with pytest.raises(MissingExtraError, match="pip install graphviz"):
        draw_dot(Value(1.0), format="png").render(str(tmp_path / "x"))
    y = x = Value(1.0)
    for _ in range(1000):
        y = y + x
    with pytest.raises(ArgumentError, match="at most 1000"):
        draw_dot(y).render(str(tmp_path / "x"))
    assert list(tmp_path.iterdir()) == []


def test_source_is_that_of_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    graphviz = pytest.importorskip("graphviz")
    y = notebook()
    y.label = "a{b} <c>"
    theirs = draw_dot(y, rankdir="TB")
    assert isinstance(theirs, graphviz.Digraph)
    monkeypatch.setitem(sys.modules, "graphviz", None)
    assert draw_dot(y, rankdir="TB").source == theirs.source
