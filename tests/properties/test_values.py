"""Every row of the table: eager values equal the reference, avals foretell results, and every primitive has a row."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import functrans.primitives
from functrans.core.array import Array
from functrans.core.aval import ShapedArray
from functrans.core.trace import typeof
from tests.properties.rows import Row, assert_close, draw_case, oracle
from tests.table import ROWS

SLOTS = ("impl", "abstract", "jvp", "transpose", "batch", "lower")
EACH = pytest.mark.parametrize("row", ROWS, ids=str)
LIST = """
import importlib, pkgutil
import functrans.primitives as package
for module in pkgutil.iter_modules(package.__path__):
    importlib.import_module(f"{package.__name__}.{module.name}")
from functrans.core.trace import primitives_by_name
for name, prim in primitives_by_name().items():
    modules = {rule.__module__ for slot in ("impl", "abstract", "batch") if (rule := getattr(prim, slot)) is not None}
    print(name, any(m.startswith(package.__name__) for m in modules))
"""


@EACH
@given(st.data())
def test_eager_equals_reference(row: Row, data: Any) -> None:
    for dtype in row.accepted:
        case, rng = draw_case(data, row, dtype)
        args = case.args(rng, dtype)
        got = row.bind(*args, **case.params)
        if row.reference is not None:
            assert_close(
                row.canonical(np.asarray(got)),
                row.canonical(oracle(row, args, case.params)),
                row.eager_tolerance(args),
                row.scaled(args, case.params),
                f"{row} of {[typeof(x) for x in args]} {case.params}",
            )


@EACH
@given(st.data())
def test_aval_foretells_result(row: Row, data: Any) -> None:
    for dtype in row.accepted:
        case, rng = draw_case(data, row, dtype)
        args = case.args(rng, dtype)
        for weak in {False, *(o.dtype is None for o in case.operands)}:
            operands = [
                Array(x.copy(), weak) if weak and o.dtype is None and x.dtype.kind != "b" else x
                for x, o in zip(args, case.operands, strict=True)
            ]
            foretold = row.abstract(*map(typeof, operands), **case.params)
            got = row.bind(*operands, **case.params)
            assert type(foretold) is ShapedArray and typeof(got) == foretold, (
                f"{row} of {[typeof(x) for x in operands]} {case.params}"
            )


@pytest.mark.parametrize("row", [row for row in ROWS if row.elementwise and row.prim.name != "select_n"], ids=str)
def test_other_dtypes_are_refused(row: Row) -> None:
    """A dtype outside the row's list raises TypeError: no primitive computes where its row is silent."""
    every = {np.dtype(d) for d in "?bhilBHILefdFD"}
    case = row.cases(row.accepted[0])
    strategy_params: dict[str, Any] = {}

    @given(case)
    def collect(drawn: Any) -> None:
        strategy_params.update(drawn.params)

    collect()
    names = {str(d) for d in row.accepted} | {
        str(d) for other in ROWS if other.prim is row.prim for d in other.accepted
    }
    arity = 3 if row.prim.name == "clamp" else None
    for dtype in every:
        if str(dtype) in names:
            continue
        aval = ShapedArray((2,), dtype)
        counts = [arity] if arity else [1, 2, 3]
        for n in counts:
            with pytest.raises(TypeError):
                row.prim.abstract(*[aval] * n, **strategy_params)


def test_every_primitive_has_a_row() -> None:
    listed = subprocess.run(
        [sys.executable, "-c", LIST], capture_output=True, text=True, check=True, cwd=_root()
    ).stdout.split("\n")
    names = {line.split()[0] for line in listed if line.endswith("True")}
    assert len(names) > 50
    assert names == {row.prim.name for row in ROWS}


def _root() -> str:
    return str(next(iter(functrans.primitives.__path__)).rsplit("/functrans/", 1)[0])


@pytest.mark.parametrize("prim", list(dict.fromkeys(row.prim for row in ROWS)), ids=str)
def test_empty_slots_have_a_reason(prim: Any) -> None:
    for slot in SLOTS:
        if getattr(prim, slot) is None:
            assert len(prim.reasons.get(slot, "")) > 10, f"{prim}: the slot {slot} is empty without a reason"
        else:
            assert slot not in prim.reasons, f"{prim}: the slot {slot} is filled, and has a reason for being empty"
