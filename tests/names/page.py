"""Writes ``docs/names.md``, the page of public names, from the table that tests them: ``python -m tests.names.page``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

import functrans as ft
from functrans.core.trace import to_numpy
from functrans.tree_util import tree_leaves
from tests.names.elsewhere import ELSEWHERE
from tests.names.rows import Name
from tests.names.surface import namespaces
from tests.names.table import ROWS

__all__ = ["PAGE", "text"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "names.md"
YES, NONE = "yes", "-"
HEAD = """# Public names

What is tested of each function of arrays. This page is made from the table of the tests (`tests/names/`) by
`python -m tests.names.page`, and a test compares the two; so each "yes" is a test that passes.

- **dtypes**: the kinds of numbers that its values are compared for with NumPy, SciPy, mpmath or stored results of JAX
  (b: bool, i: integer, f: float32 and float64, c: complex).
- **forward**, **reverse**: derivatives in that mode agree with finite differences. "-": arguments or results are not
  floating.
- **batch**: `vmap` over a stack of arguments gives the stack of results.
- **native**: under `jit` it is machine code without calls of Python, and gives what it gives without `jit`.

Where something holds only with an argument, the argument is named; where it does not hold, the reason. `jit` of what is not native
is an error that names the line.
"""


@cache
def _differentiable(row: Name) -> bool:
    """Whether it takes floating numbers to floating numbers."""
    dtype = next((d for d in row.dtypes if np.dtype(d).kind in "fc"), row.dtypes[-1])
    args = row.sample(dtype)
    if not any(a.dtype.kind in "fc" for a in args):
        return False
    if row.loops:
        return any(y.dtype.kind in "fc" for y in tree_leaves(ft.eval_shape(row.fun, *args)))
    with ft.disable_jit():
        return any(to_numpy(y).dtype.kind in "fc" for y in tree_leaves(row.fun(*args)))


def _derivative(row: Name, mode: str) -> str:
    if not _differentiable(row):
        return NONE
    held = " and ".join(row.held.values())
    return getattr(row, mode) or (f"not by {held}" if held else YES)


def _cells(row: Name) -> list[str]:
    return [_derivative(row, "forward"), _derivative(row, "reverse"), row.batch or (YES if row.operands else NONE), row.native or YES]


def _kinds(rows: list[Name]) -> str:
    own = {np.dtype(d).kind for row in rows for o in row.operands if o.dtype is None for d in row.dtypes}
    own |= {a.dtype.kind for row in rows if not own for a in row.sample(row.dtypes[-1])}
    return "".join(k for k in "bifc" if k in {{"u": "i"}.get(kind, kind) for kind in own}) or NONE


def _merged(rows: list[Name]) -> list[str]:
    """The cells of one name; those that only an argument makes good say so."""
    first, *others = [_cells(row) for row in rows]
    for row, cells in zip(rows[1:], others, strict=True):
        first = [a if a == b else f"with `{row.when}`" if b == YES else a for a, b in zip(first, cells, strict=True)]
    return first


def _table(namespace: str) -> Iterator[str]:
    by_name: dict[str, list[Name]] = {}
    for row in ROWS:
        if row.namespace == namespace:
            by_name.setdefault(row.path.rpartition(".")[2], []).append(row)
    if by_name:
        yield "| name | dtypes | forward | reverse | batch | native |\n| --- | --- | --- | --- | --- | --- |"
        for name in sorted(by_name):
            yield f"| `{name}` | {_kinds(by_name[name])} | {' | '.join(_merged(by_name[name]))} |"
        yield ""


def text() -> str:
    """The page."""
    lines = [HEAD]
    for namespace in namespaces():
        others = sorted(name for names in ELSEWHERE.get(namespace, {}).values() for name in names.split())
        table = list(_table(namespace))
        if table or others:
            lines += [f"## functrans{'.' if namespace else ''}{namespace}\n", *table]
        if others:
            listed = ", ".join(f"`{n}`" for n in others)
            lines.append(f"Types, constants, transformations and what else is no function of arrays: {listed}.\n")
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(text())
