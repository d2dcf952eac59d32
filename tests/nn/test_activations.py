"""Activations against mpmath: values, first and second derivatives, kinks, large arguments, dtypes."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

import functrans as ft
from functrans import nn

inf, nan = np.inf, np.nan
mp = mpmath.mp.clone() if hasattr(mpmath.mp, "clone") else mpmath.mp
mp.dps = 60


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


# smooth functions by their definitions
SMOOTH = {
    "sigmoid": _sigmoid,
    "log_sigmoid": lambda x: mp.log(_sigmoid(x)),
    "softplus": lambda x: mp.log(1 + mp.exp(x)),
    "silu": lambda x: x * _sigmoid(x),
    "mish": lambda x: x * mp.tanh(mp.log(1 + mp.exp(x))),
    "gelu": lambda x: x / 2 * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x ** 3))),
    "squareplus": lambda x: (x + mp.sqrt(x * x + 4)) / 2,
    "log1mexp": lambda x: mp.log(1 - mp.exp(-x)),
    "soft_sign": lambda x: x / (1 + abs(x)),
    "tanh": mp.tanh,
}
POINTS = {name: [-700.0, -30.0, -3.0, -0.5, 1e-10, 0.25, 2.0, 20.0, 600.0] for name in SMOOTH}
POINTS["log1mexp"] = [1e-20, 1e-5, 0.3, np.log(2), 0.7, 3.0, 40.0]
POINTS["gelu"] = [-2.0, -0.5, 1e-10, 0.25, 2.0, 20.0, 600.0]  # the definition cancels below
TOLERANCE = 1e-12
ABSOLUTE = [1e-290, 1e-15, 1e-13]  # y (1 - y) and its like lose digits where the derivative is tiny


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("order", [0, 1, 2])
def test_smooth_functions_and_their_derivatives(name: str, order: int) -> None:
    f = getattr(nn, name)
    for _ in range(order):
        f = ft.grad(f)
    for x in POINTS[name]:
        with mp.workdps(350):
            expected = float(mp.diff(SMOOTH[name], mp.mpf(x), order, h=mp.mpf(10) ** -100)) if order else float(SMOOTH[name](mp.mpf(x)))
        np.testing.assert_allclose(float(f(x)), expected, rtol=1e-10 if order else TOLERANCE, atol=ABSOLUTE[order],
                                   err_msg=f"{x}")


@pytest.mark.parametrize("x", [-5.0, -1.0, 0.0, 0.3, 6.0])
def test_exact_gelu(x: float) -> None:
    cdf, pdf = mp.ncdf(x), mp.npdf(x)
    value, gradient = ft.value_and_grad(lambda t: nn.gelu(t, approximate=False))(x)
    np.testing.assert_allclose(float(value), float(x * cdf), rtol=1e-13)
    np.testing.assert_allclose(float(gradient), float(cdf + x * pdf), rtol=1e-12)


# -- kinks: (argument, value, derivative) as JAX has them -----------------------------------------------------------------

KINKS = [
    ("relu", 0.0, 0.0, 0.0), ("relu", -0.0, 0.0, 0.0), ("relu", inf, inf, 1.0), ("relu", -inf, 0.0, 0.0), ("relu", 2.0, 2.0, 1.0),
    ("relu6", 0.0, 0.0, 0.0), ("relu6", 6.0, 6.0, 0.0), ("relu6", 3.0, 3.0, 1.0), ("relu6", inf, 6.0, 0.0),
    ("leaky_relu", 0.0, 0.0, 1.0), ("leaky_relu", -3.0, -0.03, 0.01), ("leaky_relu", -inf, -inf, 0.01),
    ("hard_sigmoid", -3.0, 0.0, 0.0), ("hard_sigmoid", 3.0, 1.0, 0.0), ("hard_sigmoid", 0.0, 0.5, 1 / 6),
    ("hard_tanh", -1.0, -1.0, 1.0), ("hard_tanh", 1.0, 1.0, 1.0), ("hard_tanh", 2.0, 1.0, 0.0), ("hard_tanh", -inf, -1.0, 0.0),
    ("hard_silu", -2.0, -1 / 3, -1 / 6), ("hard_silu", 3.0, 3.0, 1.0), ("hard_silu", -3.0, 0.0, 0.0), ("hard_silu", 1.0, 2 / 3, 5 / 6),
    ("elu", 0.0, 0.0, 1.0), ("elu", -1.0, np.expm1(-1), np.exp(-1)), ("elu", 800.0, 800.0, 1.0), ("elu", -inf, -1.0, 0.0),
    ("celu", 0.0, 0.0, 1.0), ("celu", 800.0, 800.0, 1.0), ("celu", -1.0, np.expm1(-1), np.exp(-1)),
    ("selu", 0.0, 0.0, 1.758099340847376623), ("selu", 2.0, 2.101401974710961, 1.0507009873554805),
    ("sparse_plus", -1.0, 0.0, 0.0), ("sparse_plus", 1.0, 1.0, 1.0), ("sparse_plus", 0.0, 0.25, 0.5), ("sparse_plus", inf, inf, 1.0),
    ("sparse_sigmoid", 0.0, 0.5, 0.5), ("sparse_sigmoid", -1.0, 0.0, 0.25), ("sparse_sigmoid", 1.0, 1.0, 0.25),
    ("softplus", inf, inf, 1.0), ("softplus", -inf, 0.0, 0.0), ("softplus", 0.0, np.log(2), 0.5), ("softplus", 800.0, 800.0, 1.0),
    ("log_sigmoid", -inf, -inf, 1.0), ("log_sigmoid", inf, 0.0, 0.0), ("log_sigmoid", 0.0, -np.log(2), 0.5),
    ("soft_sign", 0.0, 0.0, 1.0), ("mish", 0.0, 0.0, 0.6), ("silu", 0.0, 0.0, 0.5), ("log1mexp", inf, 0.0, 0.0),
    ("log1mexp", 0.0, -inf, inf), ("squareplus", 0.0, 1.0, 0.5),
]


@pytest.mark.parametrize(("name", "x", "value", "slope"), KINKS)
def test_kinks_and_ends(name: str, x: float, value: float, slope: float) -> None:
    f = getattr(nn, name)
    np.testing.assert_allclose([float(f(x)), float(ft.grad(f)(x)), float(ft.jit(ft.grad(f))(x)), float(ft.jacfwd(f)(x))],
                               [value, slope, slope, slope], rtol=1e-12)


@pytest.mark.parametrize("name", ["softplus", "elu", "celu", "selu", "log_sigmoid", "squareplus"])
def test_second_derivative_at_the_joint(name: str) -> None:
    expected = {"softplus": 0.25, "log_sigmoid": -0.25, "squareplus": 0.25, "elu": 1.0, "celu": 1.0, "selu": 1.7580993408473766}
    np.testing.assert_allclose(float(ft.grad(ft.grad(getattr(nn, name)))(0.0)), expected[name], rtol=1e-12)


ALL = [*SMOOTH, *sorted({k[0] for k in KINKS} - set(SMOOTH))]


@pytest.mark.parametrize("name", ALL)
def test_nan_stays_nan(name: str) -> None:
    assert np.isnan(getattr(nn, name)(nan))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32"])
def test_dtypes(name: str, dtype: str) -> None:
    x = np.array([1, 2, 3], dtype)
    out = getattr(nn, name)(x)
    kept = dtype != "int32" or name in ("relu", "hard_tanh")
    assert out.dtype == (dtype if kept else "float64") and out.shape == (3,)
    rtol = {"float16": 4e-3, "float32": 3e-6}.get(dtype, 1e-12)
    np.testing.assert_allclose(np.asarray(out, float), getattr(nn, name)(np.array([1.0, 2.0, 3.0])), rtol=rtol)


@pytest.mark.parametrize("name", ALL)
def test_jit_and_vmap_agree(name: str) -> None:
    f, x = getattr(nn, name), np.linspace(0.1, 8.0, 24).reshape(4, 6) * (1 if name == "log1mexp" else [1, -1, 1, -1, 1, -1])
    np.testing.assert_allclose(ft.jit(f)(x), f(x), rtol=1e-14)
    np.testing.assert_allclose(ft.vmap(ft.vmap(ft.grad(f)))(x), ft.grad(lambda t: f(t).sum())(x), rtol=1e-13)


def test_glu_and_its_odd_axis() -> None:
    x = np.arange(12.0).reshape(2, 6) - 5
    np.testing.assert_allclose(nn.glu(x), x[:, :3] / (1 + np.exp(-x[:, 3:])), rtol=1e-14)
    np.testing.assert_allclose(nn.glu(x, 0), x[:1] / (1 + np.exp(-x[1:])), rtol=1e-14)
    with pytest.raises(ValueError, match=r"glu halves axis 1 .* whose size 3 is odd, at .*test_activations"):
        nn.glu(np.ones((2, 3)))


@pytest.mark.parametrize("name", ["relu", "softplus", "elu", "log_sigmoid", "hard_tanh"])
def test_complex_numbers_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is not defined for complex numbers.*test_activations"):
        getattr(nn, name)(1j)


def test_parameters_are_differentiable() -> None:
    x = -0.5
    np.testing.assert_allclose(ft.grad(nn.elu, 1)(x, 2.0), np.expm1(x))
    np.testing.assert_allclose(ft.grad(nn.celu, 1)(x, 2.0), np.expm1(x / 2) - x / 2 * np.exp(x / 2))
    np.testing.assert_allclose(ft.grad(nn.leaky_relu, 1)(x, 0.1), x)
    np.testing.assert_allclose(ft.grad(nn.squareplus, 1)(0.5, 3.0), 0.25 / np.sqrt(3.25))
    np.testing.assert_allclose(nn.squareplus(0.0, 0.0), 0.0)


def test_what_is_no_array_is_refused() -> None:
    with pytest.raises(TypeError, match=r"relu.*test_activations"):
        nn.relu("one")  # type: ignore[arg-type]
