"""Every row of the table: `jit` equals eager evaluation, for all dtypes, sizes, layouts and special values, alone and
under transformations. Several calls are compiled at once, since each compilation has a price of its own.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functrans.calls.jitted import jit
from functrans.core.trace import typeof
from functrans.transforms.api import jvp, vjp
from functrans.transforms.vmap import vmap
from tests.properties.rows import VECTOR_SIZES, Case, Operand, Row, assert_close, draw_case, special_values, values
from tests.properties.test_derivatives import normal
from tests.table import ROWS

EACH = pytest.mark.parametrize("row", ROWS, ids=str)
POINTWISE = pytest.mark.parametrize("row", [row for row in ROWS if row.elementwise], ids=str)
FEW = settings(max_examples=max(2, settings().max_examples // 3))

Call = tuple[Case, list[np.ndarray]]


def check(row: Row, calls: list[Call]) -> None:
    """Compile all `calls` of the row as one program and compare with evaluation."""

    def program(groups: list[list[Any]]) -> list[Any]:
        return [row.bind(*args, **case.params) for (case, _), args in zip(calls, groups, strict=True)]

    groups = [args for _, args in calls]
    for (case, args), got, want in zip(calls, jit(program)(groups), program(groups), strict=True):
        what = f"jit of {row} of {[typeof(x) for x in args]} {case.params}"
        assert typeof(got) == typeof(want), f"{what} gives {typeof(got)}, eager gives {typeof(want)}"
        assert_close(got, np.asarray(want), row.tolerance(args), row.scaled(args, case.params), what)


@EACH
@FEW
@given(st.data())
def test_jit_equals_eager(row: Row, data: Any) -> None:
    calls = []
    for dtype in row.accepted:
        case, rng = draw_case(data, row, dtype)
        calls.append((case, case.args(rng, dtype)))
    check(row, calls)


@EACH
@FEW
@given(st.data())
def test_jit_of_transformations(row: Row, data: Any) -> None:
    """jvp, vjp and vmap under jit are what they are without."""
    dtypes = [np.dtype(d) for d in ("float32", "float64", "complex128", "int32")]
    dtype = data.draw(st.sampled_from([d for d in dtypes if d in row.accepted] or list(row.accepted)))
    case, rng = draw_case(data, row, dtype)
    sample = row.smooth if dtype.kind in "fc" else values
    args = case.args(rng, dtype, sample)
    active = [i for i in row.active if i < len(args) and args[i].dtype == dtype and dtype.kind in "fc"]
    vs = [normal(rng, args[i]) for i in active]
    y = np.asarray(row.bind(*args, **case.params))
    ct = normal(rng, y) if y.dtype.kind in "fc" else None
    others = case.args(rng, dtype, sample)
    pairs = [np.stack(pair) for pair in zip(args, others, strict=True)]

    def program(args: list[Any], vs: list[Any], ct: Any, pairs: list[Any]) -> list[Any]:
        def fun(*xs: Any) -> Any:
            operands = list(args)
            for i, x in zip(active, xs, strict=True):
                operands[i] = x
            return row.bind(*operands, **case.params)

        out = [vmap(lambda *xs: row.bind(*xs, **case.params))(*pairs)] if pairs else []
        if active and ct is not None:
            xs = [args[i] for i in active]
            out += [jvp(fun, tuple(xs), tuple(vs))[1], *vjp(fun, *xs)[1](ct)]
        return out

    tol = 1e-4 if dtype.name == "float32" or y.dtype.name in ("float32", "complex64", "float16") else 1e-11
    for got, want in zip(jit(program)(args, vs, ct, pairs), program(args, vs, ct, pairs), strict=True):
        assert typeof(got) == typeof(want)
        want = np.asarray(want)
        if want.dtype.kind in "fc":
            size = np.max(np.abs(want), initial=1.0)
            np.testing.assert_allclose(np.asarray(got), want, rtol=tol, atol=tol * size if np.isfinite(size) else 0)
        else:
            np.testing.assert_array_equal(np.asarray(got), want)


def grid(row: Row, case: Case, dtype: np.dtype, limit: int = 900) -> list[np.ndarray]:
    """Operands that hold every combination of special values (a random choice of them where they are many)."""
    columns = [special_values(np.dtype(o.dtype or dtype)) for o in case.operands]
    total = int(np.prod([len(c) for c in columns]))
    rng = np.random.default_rng(len(columns))
    which = np.arange(total) if total <= limit else rng.integers(0, total, limit)
    return [c[i] for c, i in zip(columns, np.unravel_index(which, [len(c) for c in columns]), strict=True)]


@POINTWISE
@FEW
@given(st.data())
def test_special_values(row: Row, data: Any) -> None:
    """nan, infinities, zeros of both signs, denormals, extremes: compiled equals eager, bit for bit or in ulps."""
    calls = []
    for dtype in row.accepted:
        case, _ = draw_case(data, row, dtype)
        args = grid(row, case, dtype)
        calls.append((case, args))
    check(row, calls)


@pytest.mark.parametrize("row", [row for row in ROWS if not row.elementwise and row.prim.name != "iota"], ids=str)
@FEW
@given(st.data())
def test_special_values_among_others(row: Row, data: Any) -> None:
    def sample(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return np.where(
            rng.integers(0, 3, shape) > 0, values(rng, shape, dtype), rng.choice(special_values(dtype), shape)
        ).astype(dtype)

    calls = []
    for dtype in row.accepted:
        case, rng = draw_case(data, row, dtype)
        calls.append((case, case.args(rng, dtype, sample)))
    check(row, calls)


@POINTWISE
@settings(max_examples=1)
@given(st.data())
def test_sizes_around_vector_widths(row: Row, data: Any) -> None:
    """Empty, of rank 0, of one element, and sizes around the widths of vectors, spread over the dtypes."""
    every = [(), (0,), (3, 0), (1, 1), *((n,) for n in VECTOR_SIZES)]
    calls = []
    for shape, dtype in zip(every, itertools.cycle(row.accepted), strict=False):
        case, rng = draw_case(data, row, dtype)
        sized = Case(tuple(Operand(shape, o.dtype, o.sample) for o in case.operands), case.params, case.plain)
        calls.append((sized, sized.args(rng, dtype)))
    check(row, calls)


def layouts(x: np.ndarray) -> dict[str, np.ndarray]:
    """The same values laid out in other ways."""
    spread = np.empty((*x.shape, 2), x.dtype)
    spread[...] = x[..., None]
    raw = np.zeros(x.nbytes + 1, np.uint8)
    misaligned = raw[1:].view(x.dtype).reshape(x.shape) if x.nbytes else x
    misaligned[...] = x
    read_only = x.copy()
    read_only.flags.writeable = False
    return {
        "strided": spread[..., 0],
        "reversed": x[tuple([slice(None, None, -1)] * x.ndim)].copy()[tuple([slice(None, None, -1)] * x.ndim)],
        "fortran": np.array(x, order="F"),
        "misaligned": misaligned,
        "read-only": read_only,
        "big-endian": x.astype(x.dtype.newbyteorder(">")),
    }


@pytest.mark.parametrize("row", [row for row in ROWS if row.prim.name != "iota"], ids=str)
@settings(max_examples=1)
@given(st.data())
def test_layouts(row: Row, data: Any) -> None:
    """Non-contiguous, misaligned, read-only and big-endian operands give what plain ones give, compiled and eager."""
    dtype = data.draw(st.sampled_from(row.accepted))
    case, rng = draw_case(data, row, dtype)
    args = case.args(rng, dtype)
    before = [x.copy() for x in args]

    def fun(*xs: Any) -> Any:
        return row.bind(*xs, **case.params)

    compiled = jit(fun)
    eager, native = np.asarray(fun(*args)), np.asarray(compiled(*args))
    variants = [layouts(x) for x in args]
    for name in ("strided", "reversed", "fortran", "misaligned", "read-only", "big-endian"):
        operands = [v[name] for v in variants]
        got = compiled(*operands)
        assert typeof(got).dtype == native.dtype and typeof(got).dtype.isnative
        assert_close(got, native, 0, what=f"jit of {row} of {name} operands")
        assert_close(
            fun(*operands),
            eager,
            max(row.tolerance(args), row.eager_tolerance(args)),
            row.scaled(args, case.params),
            f"{row} of {name} operands",
        )
    for x, old in zip(args, before, strict=True):
        assert_close(x, old, 0, what=f"{row} changed its operand")
