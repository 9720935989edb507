"""Arrays from files and to files: CSV, NPY and NPZ; what holds Python objects is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from derivant.base.errors import ArgumentError

Numbers = npt.NDArray[np.float64]
NOT_PLAIN = "holds no plain arrays as NPY or NPZ; Python objects are not read"


def read_data(text: str) -> dict[str, Numbers]:
    """The arrays of `X=a.csv,y=b.npy,c=0.5`; of `all.npz` each by its name there."""
    found: dict[str, Numbers] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, equals, source = part.partition("=")
        if not equals and part.endswith(".npz"):
            found |= _archive(Path(part))
        elif not equals or not name.strip() or not source.strip():
            raise ArgumentError(f"data are written NAME=FILE or NAME=number, not {part!r:.80}")
        else:
            found[name.strip()] = _array(name.strip(), source.strip())
    return found


def _array(name: str, source: str) -> Numbers:
    try:
        return np.asarray(int(source) if source.lstrip("-").isdigit() else float(source))
    except ValueError:
        pass
    path = Path(source)
    if path.suffix == ".csv":
        return _table(name, path)
    if path.suffix == ".npy":
        return _numbers(name, _loaded(path))
    if path.suffix == ".npz":
        held = _archive(path)
        if name not in held:
            raise ArgumentError(f"{path} has no array {name}; it has {', '.join(held) or 'none'}")
        return held[name]
    raise ArgumentError(f"{name}: {source!r:.80} is no number and no .csv, .npy or .npz file")


def _loaded(path: Path) -> object:
    try:
        return np.load(path, allow_pickle=False)
    except OSError as error:
        raise ArgumentError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise ArgumentError(f"{path} {NOT_PLAIN}") from error


def _archive(path: Path) -> dict[str, Numbers]:
    held = _loaded(path)
    if not isinstance(held, Mapping):
        raise ArgumentError(f"{path} is no .npz archive")
    try:
        return {name: _numbers(name, held[name]) for name in held}
    except ValueError as error:
        raise ArgumentError(f"{path} {NOT_PLAIN}") from error


def _numbers(name: str, value: object) -> Numbers:
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise ArgumentError(f"{name} is of type {array.dtype}; numbers are needed")
    return array.astype(float)


def _table(name: str, path: Path) -> Numbers:
    """The numbers of a CSV file: a heading is skipped; one column is a vector."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ArgumentError(f"{path} cannot be read: {error}") from error
    rows = [(k, line.split(",")) for k, line in enumerate(lines, 1) if line.strip()]
    if rows and not any(map(_is_number, rows[0][1])):
        rows = rows[1:]
    if not rows:
        raise ArgumentError(f"{path} has no numbers for {name}")
    width = len(rows[0][1])
    table = np.empty((len(rows), width))
    for place, (k, cells) in enumerate(rows):
        if len(cells) != width:
            raise ArgumentError(f"{path}, line {k}: {len(cells)} columns, {width} before")
        for column, cell in enumerate(cells):
            if not _is_number(cell):
                raise ArgumentError(
                    f"{path}, line {k}, column {column + 1}: {cell.strip()!r:.40} is no number"
                )
            table[place, column] = float(cell)
    return table[:, 0] if width == 1 else table


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def write_result(path: Path, values: Mapping[str, object]) -> None:
    """The unknowns to a file: .npz or .json of all, .npy or .csv of one."""
    arrays = {name: np.asarray(value, float) for name, value in values.items()}
    if path.suffix not in (".npz", ".json", ".npy", ".csv"):
        raise ArgumentError(f"{path}: a result is written as .npz, .json, .npy or .csv")
    if path.suffix in (".npy", ".csv") and len(arrays) > 1:
        raise ArgumentError(f"{path} holds one array; there are {', '.join(arrays)}: use .npz")
    try:
        if path.suffix == ".npz":
            np.savez(path, allow_pickle=False, **arrays)
        elif path.suffix == ".json":
            plain = {name: value.tolist() for name, value in arrays.items()}
            path.write_text(json.dumps(plain) + "\n", encoding="utf-8")
        elif path.suffix == ".npy":
            np.save(path, next(iter(arrays.values())), allow_pickle=False)
        else:
            value = next(iter(arrays.values()))
            np.savetxt(path, np.atleast_1d(value), delimiter=",", fmt="%.17g")
    except OSError as error:
        raise ArgumentError(f"{path} cannot be written: {error.strerror or error}") from error
