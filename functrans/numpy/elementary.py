"""Elementwise exponentials, logarithms, trigonometric and hyperbolic functions, and what is made of them.

Integers and booleans become the default float; complex arguments take the principal values. Angles are in radians.

Known limits: `i0`, `arctan2`, `hypot` and the degree conversions are for real numbers.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.util import binary_inexact, constant_like, unary_inexact
from functrans.primitives.arithmetic import abs_p, div_p, log_p, max_p, select_n_p, sqrt_p, square_p, sub_p
from functrans.primitives.builders import add_p, mul_p
from functrans.primitives.logic import eq_p, gt_p, lt_p, or_p
from functrans.primitives.movement import zeros_like
from functrans.primitives.parts import complex_p, imag_p, real_p
from functrans.primitives.special import bessel_i0e_p
from functrans.primitives.stop_gradient import stop_gradient_p
from functrans.primitives.transcendental import (
    acos_p,
    acosh_p,
    asin_p,
    asinh_p,
    atan2_p,
    atan_p,
    atanh_p,
    cos_p,
    cosh_p,
    exp2_p,
    exp_p,
    expm1_p,
    log1p_p,
    sin_p,
    sinh_p,
    tan_p,
    tanh_p,
)

__all__ = [
    "acos",
    "acosh",
    "angle",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cos",
    "cosh",
    "deg2rad",
    "degrees",
    "exp",
    "exp2",
    "expm1",
    "hypot",
    "i0",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logaddexp2",
    "rad2deg",
    "radians",
    "sin",
    "sinc",
    "sinh",
    "tan",
    "tanh",
]

_c = constant_like


def _where(condition: Any, x: Any, y: Any) -> Any:
    return select_n_p.bind(condition, y, x)


def _refuse_complex(name: str, x: Any, error: type[Exception] = ValueError) -> None:
    if typeof(x).dtype.kind == "c":
        raise error(f"{name} is not defined for complex numbers, at {describe(user_source())}. Apply it to real(x) and imag(x), or to "
                    "abs(x).")


# -- exponentials and logarithms --------------------------------------------------------------------------------------

def exp(x: Any, /) -> Any:
    """e to the power `x`.

    >>> exp(np.array([0, 1]))
    Array([1.        , 2.71828183], dtype=float64)
    """
    return exp_p.bind(unary_inexact("exp", x))


def exp2(x: Any, /) -> Any:
    """2 to the power `x`.

    >>> exp2(np.array([0.0, 3.0]))
    Array([1., 8.], dtype=float64)
    """
    return exp2_p.bind(unary_inexact("exp2", x))


def expm1(x: Any, /) -> Any:
    """``exp(x) - 1``, accurate for small `x`.

    >>> expm1(np.array([1e-10]))
    Array([1.e-10], dtype=float64)
    """
    return expm1_p.bind(unary_inexact("expm1", x))


def log(x: Any, /) -> Any:
    """The natural logarithm; -inf at 0, nan below.

    >>> log(np.array([1.0, np.e]))
    Array([0., 1.], dtype=float64)
    """
    return log_p.bind(unary_inexact("log", x))


def log1p(x: Any, /) -> Any:
    """``log(1 + x)``, accurate for small `x`.

    >>> log1p(np.array([1e-10]))
    Array([1.e-10], dtype=float64)
    """
    return log1p_p.bind(unary_inexact("log1p", x))


def log2(x: Any, /) -> Any:
    """The logarithm to base 2.

    >>> log2(np.array([1.0, 8.0]))
    Array([0., 3.], dtype=float64)
    """
    x = unary_inexact("log2", x)
    return _log_to_base(x, 2)


def _log_to_base(x: Any, base: int) -> Any:
    """``log(x) / log(base)``; complex numbers part by part, so that an infinite part leaves the other as it is."""
    y = log_p.bind(x)
    if typeof(x).dtype.kind != "c":
        return div_p.bind(y, _c(x, math.log(base)))
    parts = (real_p.bind(y), imag_p.bind(y))
    return complex_p.bind(*(div_p.bind(p, _c(p, math.log(base))) for p in parts))


def log10(x: Any, /) -> Any:
    """The logarithm to base 10.

    >>> log10(np.array([1.0, 100.0]))
    Array([0., 2.], dtype=float64)
    """
    x = unary_inexact("log10", x)
    return _log_to_base(x, 10)


def logaddexp(x: Any, y: Any, /) -> Any:
    """``log(exp(x) + exp(y))`` without overflow; the derivative is finite where the arguments are infinite and equal.

    >>> logaddexp(np.array([1000.0]), 1000.0)
    Array([1000.69314718], dtype=float64)
    """
    x, y = binary_inexact("logaddexp", x, y)
    return _logaddexp(x, y)


def _logaddexp(x: Any, y: Any) -> Any:
    """``m + log1p(expm1(larger - m) + exp(smaller - m))`` with the constant ``m = max(x, y)``; complex numbers go by real parts.

    The shift is a constant to differentiation and the two terms are chosen, not maximised, so that derivatives of every order
    are right where the arguments tie. An infinite shift is 0 instead, and the terms then say all.
    """
    if typeof(x).dtype.kind == "c":
        rx, ry = real_p.bind(x), real_p.bind(y)
        m = stop_gradient_p.bind(max_p.bind(rx, ry))
        m = complex_p.bind(m, zeros_like(m))
        swap, infinite = lt_p.bind(rx, ry), eq_p.bind(abs_p.bind(real_p.bind(m)), _c(rx, np.inf))
    else:
        m = stop_gradient_p.bind(max_p.bind(x, y))
        swap, infinite = lt_p.bind(x, y), eq_p.bind(abs_p.bind(m), _c(m, np.inf))
    big, small = _where(swap, y, x), _where(swap, x, y)
    zero = _c(m, 0)
    big_gap = _where(infinite, zero, sub_p.bind(big, m))
    small_gap = _where(infinite, _c(m, -np.inf), sub_p.bind(small, m))
    return add_p.bind(_where(infinite, big, m), log1p_p.bind(add_p.bind(expm1_p.bind(big_gap), exp_p.bind(small_gap))))


def logaddexp2(x: Any, y: Any, /) -> Any:
    """``log2(2**x + 2**y)`` without overflow.

    >>> logaddexp2(np.array([3.0]), 3.0)
    Array([4.], dtype=float64)
    """
    x, y = binary_inexact("logaddexp2", x, y)
    ln2 = _c(x, math.log(2))
    return div_p.bind(_logaddexp(mul_p.bind(x, ln2), mul_p.bind(y, ln2)), ln2)


# -- trigonometric ----------------------------------------------------------------------------------------------------

def sin(x: Any, /) -> Any:
    """The sine.

    >>> sin(np.array([0.0, np.pi / 2]))
    Array([0., 1.], dtype=float64)
    """
    return sin_p.bind(unary_inexact("sin", x))


def cos(x: Any, /) -> Any:
    """The cosine.

    >>> cos(0)
    Array(1., dtype=float64, weak_type=True)
    """
    return cos_p.bind(unary_inexact("cos", x))


def tan(x: Any, /) -> Any:
    """The tangent.

    >>> tan(np.array([0.0]))
    Array([0.], dtype=float64)
    """
    return tan_p.bind(unary_inexact("tan", x))


def arcsin(x: Any, /) -> Any:
    """The inverse sine, in ``[-pi/2, pi/2]``; nan outside ``[-1, 1]``.

    >>> arcsin(np.array([1.0]))
    Array([1.57079633], dtype=float64)
    """
    return asin_p.bind(unary_inexact("arcsin", x))


def arccos(x: Any, /) -> Any:
    """The inverse cosine, in ``[0, pi]``; nan outside ``[-1, 1]``.

    >>> arccos(np.array([-1.0]))
    Array([3.14159265], dtype=float64)
    """
    return acos_p.bind(unary_inexact("arccos", x))


def arctan(x: Any, /) -> Any:
    """The inverse tangent, in ``[-pi/2, pi/2]``.

    >>> arctan(np.array([1.0]))
    Array([0.78539816], dtype=float64)
    """
    return atan_p.bind(unary_inexact("arctan", x))


def arctan2(x1: Any, x2: Any, /) -> Any:
    """The angle of the point with ordinate `x1` and abscissa `x2`, in ``[-pi, pi]``.

    >>> arctan2(np.array([1.0]), -1.0)
    Array([2.35619449], dtype=float64)
    """
    x1, x2 = binary_inexact("arctan2", x1, x2)
    _refuse_complex("arctan2", x1)
    return atan2_p.bind(x1, x2)


def hypot(x1: Any, x2: Any, /) -> Any:
    """``sqrt(x1**2 + x2**2)`` without overflow or underflow; the derivative at the origin is 0.

    Raises:
        ValueError: for complex numbers.

    >>> hypot(np.array([3e300]), 4e300)
    Array([5.e+300], dtype=float64)
    """
    x1, x2 = binary_inexact("hypot", x1, x2)
    _refuse_complex("hypot", x1)
    x, y = abs_p.bind(x1), abs_p.bind(x2)
    infinite = or_p.bind(eq_p.bind(x, _c(x, np.inf)), eq_p.bind(y, _c(y, np.inf)))
    scale = stop_gradient_p.bind(max_p.bind(x, y))
    origin = eq_p.bind(scale, _c(scale, 0))
    scale = _where(or_p.bind(origin, infinite), _c(scale, 1), scale)
    u, v = _where(origin, _c(scale, 1), div_p.bind(x1, scale)), div_p.bind(x2, scale)
    size = mul_p.bind(scale, sqrt_p.bind(add_p.bind(square_p.bind(u), square_p.bind(v))))
    return _where(infinite, _c(scale, np.inf), _where(origin, _c(scale, 0), size))


def angle(z: Any, deg: bool = False) -> Any:
    """The argument of complex numbers in ``(-pi, pi]``, or in degrees; 0 or pi for real numbers.

    >>> angle(np.array([1j]), deg=True)
    Array([90.], dtype=float64)
    """
    z = unary_inexact("angle", z)
    re, im = (real_p.bind(z), imag_p.bind(z)) if typeof(z).dtype.kind == "c" else (z, zeros_like(z))
    out = atan2_p.bind(im, re)
    return mul_p.bind(out, _c(out, 180 / math.pi)) if deg else out


def deg2rad(x: Any, /) -> Any:
    """Degrees to radians.

    >>> deg2rad(180.0)
    Array(3.14159265, dtype=float64, weak_type=True)
    """
    x = unary_inexact("deg2rad", x)
    return mul_p.bind(x, _c(x, math.pi / 180))


def rad2deg(x: Any, /) -> Any:
    """Radians to degrees.

    >>> rad2deg(np.pi)
    Array(180., dtype=float64, weak_type=True)
    """
    x = unary_inexact("rad2deg", x)
    return mul_p.bind(x, _c(x, 180 / math.pi))


def sinc(x: Any, /) -> Any:
    """``sin(pi x) / (pi x)``, 1 at 0, with all derivatives at 0.

    Near 0 the Maclaurin series in ``(pi x)**2`` stands for the quotient, so that derivatives of any order are right there.

    >>> sinc(np.array([0.0, 0.5]))
    Array([1.        , 0.63661977], dtype=float64)
    """
    x = unary_inexact("sinc", x)
    t = mul_p.bind(x, _c(x, math.pi))
    size = abs_p.bind(t)
    near = _near_zero(size)
    safe = _where(near, _c(t, 1), t)
    u = square_p.bind(_where(near, t, _c(t, 0)))
    series = _c(t, 0)
    for k in range(_SERIES_TERMS, -1, -1):
        series = add_p.bind(mul_p.bind(series, u), _c(t, (-1.0) ** k / math.factorial(2 * k + 1)))
    return _where(near, series, div_p.bind(sin_p.bind(safe), safe))


_SERIES_TERMS = 8  # at |t| = 0.5 the ninth term is below 1e-22


def _near_zero(size: Any) -> Any:
    return gt_p.bind(_c(size, 0.5), size)


# -- hyperbolic -------------------------------------------------------------------------------------------------------

def sinh(x: Any, /) -> Any:
    """The hyperbolic sine.

    >>> sinh(np.array([0.0]))
    Array([0.], dtype=float64)
    """
    return sinh_p.bind(unary_inexact("sinh", x))


def cosh(x: Any, /) -> Any:
    """The hyperbolic cosine.

    >>> cosh(np.array([0.0]))
    Array([1.], dtype=float64)
    """
    return cosh_p.bind(unary_inexact("cosh", x))


def tanh(x: Any, /) -> Any:
    """The hyperbolic tangent.

    >>> tanh(np.array([0.0, np.inf]))
    Array([0., 1.], dtype=float64)
    """
    return tanh_p.bind(unary_inexact("tanh", x))


def arcsinh(x: Any, /) -> Any:
    """The inverse hyperbolic sine.

    >>> arcsinh(np.array([0.0]))
    Array([0.], dtype=float64)
    """
    return asinh_p.bind(unary_inexact("arcsinh", x))


def arccosh(x: Any, /) -> Any:
    """The inverse hyperbolic cosine; nan below 1.

    >>> arccosh(np.array([1.0]))
    Array([0.], dtype=float64)
    """
    return acosh_p.bind(unary_inexact("arccosh", x))


def arctanh(x: Any, /) -> Any:
    """The inverse hyperbolic tangent; infinite at -1 and 1, nan outside.

    >>> arctanh(np.array([0.0]))
    Array([0.], dtype=float64)
    """
    return atanh_p.bind(unary_inexact("arctanh", x))


asin, acos, atan, atan2 = arcsin, arccos, arctan, arctan2
asinh, acosh, atanh = arcsinh, arccosh, arctanh
radians, degrees = deg2rad, rad2deg


def i0(x: Any) -> Any:
    """The modified Bessel function of the first kind, order 0, of real numbers.

    >>> i0(np.array([0.0]))
    Array([1.], dtype=float64)
    """
    x = unary_inexact("i0", x)
    _refuse_complex("i0", x)
    size = abs_p.bind(x)
    return mul_p.bind(exp_p.bind(size), bessel_i0e_p.bind(x))
