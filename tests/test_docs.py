"""What the documentation shows is what happens: its examples run, its commands are the real ones.

Docstrings of every module run as doctests. In README, CONTRIBUTING and docs, a block marked
`python` runs: one with prompts as a doctest, one without as a program, all blocks of a document
in one namespace. The `derivant` commands of a `console` block run, and print what stands there.
`sh` blocks are set-up, which `.ci/run` does; `text` blocks are pictures.
"""

from __future__ import annotations

import doctest
import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from derivant.cli.main import main
from derivant.primitives import TABLE

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
MODULES = sorted(
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
    for path in SOURCE.rglob("*.py")
    if path.stem != "__main__"
)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
FENCE = re.compile(r"^ *```(\w*)[^\n]*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
TEST_COMMAND = "<!-- .ci/run runs this block as it is written -->"
README_LINES = 150
CONTRIBUTING_LINES = 60


@pytest.fixture(autouse=True)
def _unchanged_table() -> Iterator[None]:
    """An example may enter a row of its own; the other tests must not see it."""
    rows = dict(TABLE)
    yield
    TABLE.clear()
    TABLE.update(rows)


def run(test: doctest.DocTest) -> dict[str, Any]:
    """Run one doctest, fail with its report, and give the names that it has bound."""
    report: list[str] = []
    result = doctest.DocTestRunner(optionflags=FLAGS).run(
        test, out=report.append, clear_globs=False
    )
    assert not result.failed, "".join(report)
    return test.globs


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name: str) -> None:
    module = importlib.import_module(name)
    # As the user's own text: errors name the arrays of the first frame that is not derivant's.
    common = {"__name__": "__main__", "dv": importlib.import_module("derivant"), "np": np}
    for test in doctest.DocTestFinder().find(module, extraglobs=common):
        run(test)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_document(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in FENCE.finditer(text):
        line = text.count("\n", 0, block.start())
        if block[1] == "python" and ">>>" in block[2]:
            parser = doctest.DocTestParser()
            names = run(parser.get_doctest(block[2], names, path.name, str(path), line))
        elif block[1] == "python":
            exec(compile("\n" * line + block[2], path, "exec"), names)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_commands_print_what_is_shown(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for block in FENCE.finditer(path.read_text(encoding="utf-8")):
        if block[1] != "console":
            continue
        for part in re.split(r"^\$ ", block[2], flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            program, *arguments = shlex.split(command)
            assert program == "derivant"
            assert main(arguments) in (0, 1)
            printed = capsys.readouterr().out
            assert doctest.OutputChecker().check_output(shown, printed, FLAGS), printed


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_blocks_are_of_a_known_kind(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert {block[1] for block in FENCE.finditer(text)} <= {"python", "sh", "console", "text"}
    assert len(re.findall("^ *```", text, re.MULTILINE)) == 2 * len(FENCE.findall(text))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8"))
    local = [target for target in targets if "://" not in target]
    assert not [target for target in local if not (path.parent / target).exists()]


def test_documents_stay_short() -> None:
    for name, limit in (("README.md", README_LINES), ("CONTRIBUTING.md", CONTRIBUTING_LINES)):
        assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) <= limit, name


def test_readme_holds_the_command_that_ci_runs() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count(TEST_COMMAND) == 1
    block = FENCE.match(text.partition(TEST_COMMAND)[2].lstrip("\n"))
    assert block is not None
    assert block[1] == "sh"
    assert "python -m pytest" in block[2]
    assert TEST_COMMAND in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
