"""Taylor mode against the formula of Faa di Bruno, known series, and nested derivatives."""

from __future__ import annotations

import math

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans.experimental.jet import jet


def test_faa_di_bruno() -> None:
    x, x1, x2, x3 = 0.7, 1.3, -0.4, 2.1
    s, c = math.sin(x), math.cos(x)
    value, series = jet(fnp.sin, (x,), ([x1, x2, x3],))
    expected = [c * x1, -s * x1 ** 2 + c * x2, -c * x1 ** 3 - 3 * s * x1 * x2 + c * x3]
    np.testing.assert_allclose([value, *series], [s, *expected], rtol=1e-14)


@pytest.mark.parametrize("run", [ft.jit, lambda f: f], ids=["jit", "eager"])
def test_known_series(run: object) -> None:
    line = [1.0, 0.0, 0.0, 0.0, 0.0]
    _, series = run(lambda x: jet(lambda x: 1 / (1 - x), (x,), (line,)))(0.0)
    np.testing.assert_allclose(series, [math.factorial(k) for k in range(1, 6)], rtol=1e-13)
    _, series = run(lambda x: jet(fnp.exp, (x,), (line,)))(0.5)
    np.testing.assert_allclose(series, [math.exp(0.5)] * 5, rtol=1e-13)
    _, series = run(lambda x: jet(fnp.log1p, (x,), (line,)))(0.0)
    np.testing.assert_allclose(series, [(-1) ** (k + 1) * math.factorial(k - 1) for k in range(1, 6)], rtol=1e-13)


def test_several_arguments_and_pytrees() -> None:
    def f(p: dict[str, object], y: object) -> object:
        return {"product": p["x"] * y, "sum": fnp.sum(p["x"])}

    x, y = np.array([1.0, 2.0]), np.array([3.0, 5.0])
    x1, x2, y1, y2 = np.random.default_rng(0).normal(size=(4, 2))
    value, series = jet(f, ({"x": x}, y), ([{"x": x1}, {"x": x2}], [y1, y2]))
    np.testing.assert_allclose(value["product"], x * y)
    np.testing.assert_allclose(series["product"], [x1 * y + x * y1, x2 * y + 2 * x1 * y1 + x * y2])
    np.testing.assert_allclose(series["sum"], [x1.sum(), x2.sum()])


def test_a_curve_in_a_hessian() -> None:
    def f(x: object) -> object:
        return fnp.sum(fnp.tanh(x) * fnp.roll(x, 1))

    x, v, a = np.random.default_rng(1).normal(size=(3, 4))
    _, (first, second) = jet(f, (x,), ([v, a],))
    np.testing.assert_allclose(first, ft.grad(f)(x) @ v, rtol=1e-13)
    np.testing.assert_allclose(second, v @ np.asarray(ft.hessian(f)(x)) @ v + ft.grad(f)(x) @ a, rtol=1e-12)


def test_gradients_through_jet() -> None:
    # the second derivative of x**4 along 1 is 12 x**2
    assert float(ft.grad(lambda x: jet(lambda x: x ** 4, (x,), ([1.0, 0.0],))[1][1])(2.0)) == 48.0


def test_no_orders_and_single_precision() -> None:
    value, series = jet(fnp.sin, (0.5,), ([],))
    assert series == [] and float(value) == math.sin(0.5)
    value, series = jet(fnp.sin, (np.float32(0.5),), ([np.float32(1)],))
    assert value.dtype == series[0].dtype == "float32"


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"different lengths, \[1, 2\].*test_jet"):
        jet(fnp.add, (1.0, 2.0), ([1.0], [1.0, 2.0]))
    with pytest.raises(ValueError, match="there are 1 primals and 2 series"):
        jet(fnp.sin, (1.0,), ([1.0], [1.0]))
    with pytest.raises(ValueError, match="derivative 1 of argument 0 must have the structure and the shapes"):
        jet(fnp.sin, (np.ones(2),), ([np.ones(3)],))
