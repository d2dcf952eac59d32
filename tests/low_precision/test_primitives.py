"""Every row of the table of tests in low precision: compiled equals eager, and both are the rounded results of a wider type."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functrans.calls.jitted import jit
from functrans.compiler.lower import lower_jaxpr
from functrans.compiler.simplify import simplify
from functrans.core.low_precision import DTYPES, FORMATS
from functrans.core.trace import typeof
from functrans.kernel_interpret import run
from functrans.kernel_verify import verify
from functrans.transforms.api import jvp, vjp
from functrans.transforms.tracing import make_jaxpr
from functrans.transforms.vmap import vmap
from tests.properties.rows import Row, draw_case, values
from tests.properties.test_compiled import grid
from tests.table import ROWS

LIKE = {"f": np.dtype("float16"), "i": np.dtype("int8"), "u": np.dtype("uint8")}
"""What a row must accept in order to accept the formats of a kind."""
BITWISE = ("bitcast_convert_type", "nextafter", "reduce_precision")
"""What is about the bits of a format and no function of numbers (see `tests.low_precision.test_formats`)."""
FLOAT_ROWS = [row for row in ROWS if LIKE["f"] in row.accepted and row.prim.name != "bitcast_convert_type"]
INTEGER_ROWS = [row for row in ROWS if {LIKE["i"], LIKE["u"]} & {*row.accepted} and row.prim.name != "bitcast_convert_type"]
BFLOAT16 = DTYPES["bfloat16"]
NARROW_FLOATS = [DTYPES[n] for n in ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float6_e3m2fn", "float4_e2m1fn")]
NARROW_INTEGERS = {"i": DTYPES["int4"], "u": DTYPES["uint4"]}
ONCE = settings(max_examples=1)


def is_special(row: Row) -> bool:
    """Whether the row is about a special function: a long program in double precision, at whose ends alone the dtype counts."""
    return str(row.prim.impl.__module__).startswith(("functrans.primitives.special", "functrans.primitives.scalar_program"))


def float_ulps(row: Row) -> int:
    """Where single precision may differ in its last places, the rounded result may be the neighbour."""
    return int(row.ulps > 0 or row.scale is not None)


def assert_near(got: Any, want: Any, ulps: int, what: str) -> None:
    """Equal, or of floats up to `ulps` of the format; nan is nan, and the signs of zeros count where `ulps` is 0."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.dtype == want.dtype and got.shape == want.shape, f"{what}: {got.dtype}{got.shape}, expected {want.dtype}{want.shape}"
    form = FORMATS.get(got.dtype.name)
    if form is None and got.dtype.kind in "fc":
        np.testing.assert_allclose(got, want, rtol=1e-5, err_msg=what)
        return
    if form is None or form.kind != "f":
        np.testing.assert_array_equal(got.astype(np.int64), want.astype(np.int64), err_msg=what)
        return
    g, w = got.astype(np.float64), want.astype(np.float64)
    with np.errstate(all="ignore"):
        unit = np.maximum(np.maximum(np.abs(g), np.abs(w)), 2.0**form.least_exponent) * 2.0**-form.mantissa
        near = np.abs(g - w) <= ulps * unit if ulps else (g == w) & (np.signbit(g) == np.signbit(w))
    bad = ~(near | (g == w) & bool(ulps) | np.isnan(g) & np.isnan(w))
    assert not bad.any(), f"{what}: {bad.sum()} of {bad.size} differ, such as {g[bad][0]} where {w[bad][0]} is expected"


def check(row: Row, calls: list[tuple[Any, list[np.ndarray]]]) -> None:
    def program(groups: list[list[Any]]) -> list[Any]:
        return [row.bind(*args, **case.params) for (case, _), args in zip(calls, groups, strict=True)]

    groups = [args for _, args in calls]
    for (case, args), got, want in zip(calls, jit(program)(groups), program(groups), strict=True):
        what = f"{row} of {[typeof(x) for x in args]} {case.params}"
        assert typeof(got) == typeof(want) == row.abstract(*map(typeof, args), **case.params), what
        assert_near(got, want, float_ulps(row), what)


def drawn(data: Any, row: Row, dtype: np.dtype) -> list[tuple[Any, list[np.ndarray]]]:
    """A call of plain values and, of an elementwise row, one of special ones."""
    case, rng = draw_case(data, row, dtype)
    return [(case, case.args(rng, dtype)), *([(case, grid(row, case, dtype, 300))] if row.elementwise else [])]


@pytest.mark.parametrize("row", [row for row in FLOAT_ROWS if not is_special(row) or row.prim.name in ("lgamma", "erf_inv")], ids=str)
@ONCE
@given(st.data())
def test_floats_compiled_and_eager(row: Row, data: Any) -> None:
    narrower = [] if is_special(row) else drawn(data, row, data.draw(st.sampled_from(NARROW_FLOATS)))
    check(row, drawn(data, row, BFLOAT16) + narrower)


@pytest.mark.parametrize("dtype", [BFLOAT16, DTYPES["float8_e4m3fn"], DTYPES["int4"]], ids=str)
@ONCE
@given(st.data())
def test_the_interpreter_of_kernels_agrees(dtype: np.dtype, data: Any) -> None:
    """The definition of what kernels mean knows the formats too."""
    names = ("add", "div", "max", "exp", "neg", "sign", "reduce_max", "reduce_sum", "argmax", "sort", "cumsum", "dot_general", "clz", "abs")
    for row in ROWS:
        if row.prim.name in names and LIKE[FORMATS[dtype.name].kind] in row.accepted:
            case, rng = draw_case(data, row, dtype)
            args = case.args(rng, dtype)

            def fun(*xs: Any, row: Row = row, case: Any = case) -> Any:
                return row.bind(*xs, **case.params)

            program = lower_jaxpr(simplify(make_jaxpr(fun)(*args)))
            verify(program)
            for got in run(program, args):
                assert_near(got, fun(*args), float_ulps(row), f"the interpreter of {row} {case.params}")


@pytest.mark.parametrize("row", INTEGER_ROWS, ids=str)
@ONCE
@given(st.data())
def test_narrow_integers_compiled_and_eager(row: Row, data: Any) -> None:
    check(row, [call for kind, dtype in NARROW_INTEGERS.items() if LIKE[kind] in row.accepted for call in drawn(data, row, dtype)])


@pytest.mark.parametrize("row", [row for row in FLOAT_ROWS if row.prim.name not in BITWISE], ids=str)
@ONCE
@given(st.data())
def test_bfloat16_is_single_precision_rounded_once(row: Row, data: Any) -> None:
    """Reductions and products too: their sums are not rounded on the way."""
    case, rng = draw_case(data, row, BFLOAT16)
    args = case.args(rng, BFLOAT16)
    wide = [x.astype(np.float32) if x.dtype == BFLOAT16 else x for x in args]
    params = {k: np.dtype("float32") if v == BFLOAT16 else v for k, v in case.params.items()}
    got, want = np.asarray(row.bind(*args, **case.params)), np.asarray(row.bind(*wide, **params))
    with np.errstate(all="ignore"):
        rounded = want.astype(BFLOAT16) if got.dtype == BFLOAT16 else want.astype(got.dtype)
    assert_near(got, rounded, float_ulps(row), f"{row} of {[typeof(x) for x in args]} {case.params}")


@pytest.mark.parametrize("row", [row for row in FLOAT_ROWS if row.active and not is_special(row)], ids=str)
@ONCE
@given(st.data())
def test_derivatives_of_bfloat16(row: Row, data: Any) -> None:
    """Tangents and cotangents are bfloat16, forward and reverse agree by the dot product, and batches are loops.

    Special functions are left out: their derivatives are made of the same primitives, and long to compile.
    """
    case, rng = draw_case(data, row, BFLOAT16)
    args = case.args(rng, BFLOAT16, row.smooth)
    active = [i for i in row.active if i < len(args) and args[i].dtype == BFLOAT16]
    if not active:
        return

    def fun(*xs: Any) -> Any:
        operands = list(args)
        for i, x in zip(active, xs, strict=True):
            operands[i] = x
        return row.bind(*operands, **case.params)

    xs = [args[i] for i in active]
    vs = [np.asarray(rng.choice([-1.0, 0.5, 1.0], x.shape)).astype(BFLOAT16) for x in xs]
    y, y_dot = jit(lambda xs, vs: jvp(fun, tuple(xs), tuple(vs)))(xs, vs)
    if typeof(y).dtype != BFLOAT16:
        return
    assert typeof(y_dot) == typeof(y)
    ct = np.asarray(rng.choice([-1.0, 0.5, 1.0], np.shape(y))).astype(BFLOAT16)
    x_bars = jit(lambda xs, ct: vjp(fun, *xs)[1](ct))(xs, ct)
    forward = [np.asarray(v).astype(np.float64) for v in (y_dot, ct)]
    assert all(typeof(b) == typeof(x) for b, x in zip(x_bars, xs, strict=True))
    reverse = [(np.asarray(b).astype(np.float64), v.astype(np.float64)) for b, v in zip(x_bars, vs, strict=True)]
    size = np.abs(forward[0] * forward[1]).sum() + sum(np.abs(b * v).sum() for b, v in reverse) + 1e-2
    if np.isfinite(size):
        assert abs((forward[0] * forward[1]).sum() - sum((b * v).sum() for b, v in reverse)) <= 0.05 * size, f"{row} {case}"
    stacked = [np.stack([x, x]) for x in args]
    both = np.asarray(vmap(lambda *each: row.bind(*each, **case.params))(*stacked))
    for part in both:
        assert_near(part, row.bind(*args, **case.params), float_ulps(row), f"vmap of {row}")


def test_the_samplers_of_values_know_the_formats() -> None:
    rng = np.random.default_rng(0)
    for dtype in DTYPES.values():
        assert values(rng, (50,), dtype).dtype == dtype
