"""Every row of the table: forward derivatives against differences and complex steps, reverse against forward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functrans.core.dtypes import float0
from functrans.core.trace import typeof
from functrans.primitives.builders import mul_p
from functrans.primitives.structural import reduce_sum_p
from functrans.transforms.api import grad, jvp, vjp
from tests.properties.rows import Row, draw_case, dtypes_of
from tests.table import ROWS

ACTIVE = pytest.mark.parametrize("row", [row for row in ROWS if row.active], ids=str)
DOUBLE, COMPLEX = np.dtype("float64"), np.dtype("complex128")
DIFFERENTIATED = (DOUBLE, COMPLEX)


def normal(rng: np.random.Generator, x: np.ndarray) -> np.ndarray:
    """A direction at `x`."""
    v = rng.normal(size=x.shape) + (1j * rng.normal(size=x.shape) if x.dtype.kind == "c" else 0)
    return np.asarray(v).astype(x.dtype)


def closed_over(
    row: Row, data: Any, dtype: np.dtype
) -> tuple[Callable[..., Any], list[np.ndarray], np.random.Generator]:
    """A drawn call as a function of its differentiable operands, and their values."""
    case, rng = draw_case(data, row, dtype)
    args = case.args(rng, dtype, row.smooth)
    active = [i for i in row.active if i < len(args) and args[i].dtype == dtype]

    def fun(*xs: Any) -> Any:
        # A complex step makes the operands that are held fixed complex, too.
        operands: list[Any] = [x.astype(typeof(xs[0]).dtype) if x.dtype == dtype else x for x in args]
        for i, x in zip(active, xs, strict=True):
            operands[i] = x
        return row.bind(*operands, **case.params)

    return fun, [args[i] for i in active], rng


def difference(fun: Callable[..., Any], xs: list[np.ndarray], vs: list[np.ndarray], h: float = 1e-4) -> np.ndarray:
    """The derivative along `vs` by central differences of fourth order."""

    def at(step: float) -> np.ndarray:
        return np.asarray(fun(*(x + step * v for x, v in zip(xs, vs, strict=True))))

    def change(step: float) -> np.ndarray:
        ahead, behind = at(step), at(-step)
        unchanged = (ahead == behind) | (np.isnan(ahead) & np.isnan(behind))  # infinities and fillings among them
        return np.where(unchanged, 0, ahead - np.where(unchanged, 0, behind))

    return np.asarray((8 * change(h) - change(2 * h)) / (12 * h))


def assert_derivative(got: Any, want: Any, tol: float = 1e-7) -> None:
    want = np.asarray(want)
    size = np.max(np.abs(want), initial=1.0)
    np.testing.assert_allclose(np.asarray(got), want, rtol=tol, atol=tol * size)


def inexact(row: Row) -> list[np.dtype]:
    return [d for d in DIFFERENTIATED if d in row.accepted]


def has_tangent(fun: Callable[..., Any], xs: list[np.ndarray]) -> bool:
    return bool(typeof(fun(*xs)).dtype.kind in "fc")


@ACTIVE
@given(st.data())
def test_jvp_equals_differences(row: Row, data: Any) -> None:
    for dtype in inexact(row):
        fun, xs, rng = closed_over(row, data, dtype)
        if not xs or not has_tangent(fun, xs):
            continue
        vs = [normal(rng, x) for x in xs]
        y, y_dot = jvp(fun, tuple(xs), tuple(vs))
        np.testing.assert_array_equal(np.asarray(y), np.asarray(fun(*xs)))
        if typeof(y).dtype.itemsize < 8 or typeof(y).dtype == np.complex64:
            continue  # a conversion to a narrower type: differences drown in its rounding
        assert_derivative(y_dot, difference(fun, xs, vs))
        if row.analytic and dtype == DOUBLE and COMPLEX in row.accepted:
            stepped = fun(*(x + 1e-100j * v for x, v in zip(xs, vs, strict=True)))
            assert_derivative(y_dot, np.asarray(stepped).imag / 1e-100, 1e-12)


@ACTIVE
@given(st.data())
def test_second_derivatives(row: Row, data: Any) -> None:
    for dtype in inexact(row):
        fun, xs, rng = closed_over(row, data, dtype)
        if not xs or not has_tangent(fun, xs) or typeof(fun(*xs)).dtype not in DIFFERENTIATED:
            continue
        vs, ws = [normal(rng, x) for x in xs], [normal(rng, x) for x in xs]

        def tangent(*at: Any, fun: Any = fun, vs: Any = vs) -> Any:
            return jvp(fun, at, tuple(vs))[1]

        _, second = jvp(tangent, tuple(xs), tuple(ws))
        assert_derivative(second, difference(tangent, xs, ws), 1e-6)


@ACTIVE
@given(st.data())
def test_vjp_agrees_with_jvp(row: Row, data: Any) -> None:
    for dtype in (d for d in dtypes_of("fc") if d in row.accepted):
        fun, xs, rng = closed_over(row, data, dtype)
        if not xs or not has_tangent(fun, xs):
            continue
        vs = [normal(rng, x) for x in xs]
        _, y_dot = jvp(fun, tuple(xs), tuple(vs))
        y, pull = vjp(fun, *xs)
        ct = normal(rng, np.asarray(y))
        bars = pull(ct)
        for bar, x in zip(bars, xs, strict=True):
            assert typeof(bar).shape == x.shape and typeof(bar).dtype == x.dtype
        terms = [np.asarray(bar).astype(COMPLEX) * v for bar, v in zip(bars, vs, strict=True)]
        forward = np.asarray(y_dot).astype(COMPLEX) * ct
        infos = [np.finfo(dtype), np.finfo(np.asarray(y).dtype)]
        size = sum(float(np.sum(np.abs(t))) for t in (*terms, forward))
        weights = sum(float(np.sum(np.abs(w))) for w in (*vs, ct))
        # Rounding is relative to the terms, but for those so small that they are multiples of the least number.
        unit = max(float(i.eps) for i in infos) * size + max(float(i.smallest_subnormal) for i in infos) * weights
        assert abs(sum(np.sum(t) for t in terms).real - np.sum(forward).real) <= 64 * unit


@ACTIVE
@given(st.data())
def test_forward_over_reverse(row: Row, data: Any) -> None:
    for dtype in inexact(row):
        fun, xs, rng = closed_over(row, data, dtype)
        if not xs or not has_tangent(fun, xs) or typeof(fun(*xs)).dtype not in DIFFERENTIATED:
            continue
        ct = normal(rng, np.asarray(fun(*xs)))
        ws = [normal(rng, x) for x in xs]

        def pulled(*at: Any, fun: Any = fun, ct: Any = ct) -> Any:
            return vjp(fun, *at)[1](ct)[0]

        _, second = jvp(pulled, tuple(xs), tuple(ws))
        assert_derivative(second, difference(pulled, xs, ws), 1e-6)


@ACTIVE
@given(st.data())
def test_gradient_of_gradient(row: Row, data: Any) -> None:
    """Reverse over reverse: the Hessian applied to a direction, against differences of the gradient."""
    if DOUBLE not in row.accepted:
        assert COMPLEX in row.accepted  # such rows are tested forward over reverse
        return
    fun, xs, rng = closed_over(row, data, DOUBLE)
    if not xs or typeof(fun(*xs)).dtype != DOUBLE:
        return
    ct = normal(rng, np.asarray(fun(*xs)))
    w = normal(rng, xs[0])

    def scalar(x: Any) -> Any:
        return inner_product(fun(x, *xs[1:]), ct)

    def directional(x: Any) -> Any:
        return inner_product(grad(scalar)(x), w)

    # The Hessian is symmetric, so its product with w is also the derivative of the gradient along w.
    assert_derivative(grad(directional)(xs[0]), difference(grad(scalar), [xs[0]], [w]), 1e-6)


def inner_product(x: Any, y: Any) -> Any:
    return reduce_sum_p.bind(mul_p.bind(x, y), axes=tuple(range(typeof(x).ndim)))


@pytest.mark.parametrize("row", [row for row in ROWS if "jvp" not in row.prim.reasons], ids=str)
@given(st.data())
def test_tangents_have_the_dtype_of_results(row: Row, data: Any) -> None:
    """For every dtype; integers and booleans, operands or results, have tangents of dtype float0."""
    for dtype in row.accepted:
        case, rng = draw_case(data, row, dtype)
        args = case.args(rng, dtype, row.smooth if dtype.kind in "fc" else small_integers)
        moved = [i for i, x in enumerate(args) if i in row.active or not row.active or x.dtype.kind not in "fc"]

        def fun(*xs: Any, args: Any = args, case: Any = case, moved: Any = moved) -> Any:
            given = dict(zip(moved, xs, strict=True))
            return row.bind(*(given.get(i, x) for i, x in enumerate(args)), **case.params)

        dots = [normal(rng, args[i]) if args[i].dtype.kind in "fc" else np.zeros(args[i].shape, float0) for i in moved]
        y, y_dot = jvp(fun, tuple(args[i] for i in moved), tuple(dots))
        expected = typeof(y).dtype if typeof(y).dtype.kind in "fc" else float0
        assert np.shape(y_dot) == typeof(y).shape and y_dot.dtype == expected
        if not row.active and expected != float0:
            want = row.bind(dots[0], **case.params) if row.straight else np.zeros(typeof(y).shape)
            np.testing.assert_array_equal(np.asarray(y_dot), np.asarray(want))


def small_integers(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    return np.asarray(rng.integers(0, 2, shape)).astype(dtype)
