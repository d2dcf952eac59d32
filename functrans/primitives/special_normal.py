"""Functions of Gauss's bell: the scaled complementary error function, Dawson's integral, the normal distribution.

Scalar programs (`scalar_program`); narrower floats are computed in float64 and rounded once. Squares in exponents are split into
their rounded value and its error, so that tails keep their digits. Largest errors measured in float64, in units of the last place
(of the result; of log_ndtr above 1 as well): erfcx 2, dawsn 3, ndtr 3, log_ndtr 4, ndtri 4.

erfcx: ``(1 + 2x) erfcx(x)`` as a polynomial in (x - 4) / (x + 4) (M. M. Shepherd, J. G. Laframboise, 1981), left of 0 by reflection.
dawsn: piecewise polynomials. ndtri: AS 241 (M. J. Wichura, 1988). DLMF 7.2, 7.10, 7.17.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans.core.trace import Primitive
from functrans.primitives import special_fits as fits
from functrans.primitives import special_tables as tables
from functrans.primitives.arithmetic import div_p, mul_p, sub_p
from functrans.primitives.base import literal
from functrans.primitives.builders import unary
from functrans.primitives.scalar_program import Value, evaluated, horner, lowered, where
from functrans.primitives.transcendental import exp_p

__all__ = ["dawsn_p", "erfcx_p", "log_ndtr_p", "ndtr_p", "ndtri_p", "piecewise", "quiet", "square_parts", "upper_normal"]

Piece = tuple[float, float, tuple[float, ...]]


# -- tools ------------------------------------------------------------------------------------------------------------

def piecewise(x: Value, pieces: Sequence[Piece], cuts: Sequence[float] = ()) -> Value:
    """The polynomial of the piece that `x` is in: below the first cut the first one, and so on."""
    values = [horner((x - middle) * scale, coefficients) for middle, scale, coefficients in pieces]
    out = values[-1]
    for cut, value in zip(reversed(cuts), reversed(values[:-1]), strict=True):
        out = where(x < cut, value, out)
    return out


def square_parts(x: Value) -> tuple[Value, Value]:
    """The square, rounded, and its error."""
    square = x * x
    return square, x.f("fma", x, -square)


def quiet(program: Callable[..., Value]) -> Callable[..., np.ndarray]:
    """The ``impl`` rule of a program in which branches that are not taken may overflow."""
    impl = evaluated(program)

    def evaluate(*xs: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return impl(*xs)

    return evaluate


# -- programs ---------------------------------------------------------------------------------------------------------

def _positive_erfcx(x: Value) -> Value:
    large = piecewise(1.0 - 8.0 / (x + 4.0), fits.ERFCX_LARGE) / (2.0 * x + 1.0)
    return where(x < 1.0, piecewise(x, fits.ERFCX_SMALL), large)


def _erfcx(x: Value) -> Value:
    right = _positive_erfcx(abs(x))
    square, rest = square_parts(where(abs(x) < 27.0, x, 27.0))
    growth = square.f("exp")
    return where(x < 0.0, 2.0 * (growth * (1.0 + rest)) - right, right)


def upper_normal(a: Value) -> Value:
    """The normal distribution's mass above `a` > 0."""
    square, rest = square_parts(where(a < 40.0, a, 40.0))
    bell = (-0.5 * square).f("exp")
    return 0.5 * (bell - bell * (0.5 * rest)) * _positive_erfcx(a * math.sqrt(0.5))


def _ndtr(x: Value) -> Value:
    upper = where(x == x, upper_normal(abs(x)), x)
    return where(x < 0.0, upper, 1.0 - upper)


def _log_ndtr(x: Value) -> Value:
    a = abs(x)
    upper = upper_normal(a)
    inside = where(x > 0.0, (-upper).f("log1p"), where(x < -1.0, 1.0, upper).f("log"))
    low = (0.5 * _positive_erfcx(where(x < -1.0, a, 1.0) * math.sqrt(0.5))).f("log") - 0.5 * (a * a)
    return where(x == x, where(x < -1.0, low, inside), x)


def _quantile_ratio(r: Value, table: tuple[tuple[float, ...], tuple[float, ...]]) -> Value:
    return horner(r, table[0]) / horner(r, table[1])


def _ndtri(p: Value) -> Value:
    q = p - 0.5
    centre = q * _quantile_ratio(0.180625 - q * q, tables.NORMAL_CENTRE)
    r = (-(where(q < 0.0, p, 1.0 - p).f("log"))).f("sqrt")
    tail = where(r <= 5.0, _quantile_ratio(r - 1.6, tables.NORMAL_MIDDLE), _quantile_ratio(r - 5.0, tables.NORMAL_TAIL))
    out = where(abs(q) <= 0.425, centre, tail.f("copysign", q))
    out = where(p == 0.0, -math.inf, where(p == 1.0, math.inf, out))
    return where((p >= 0.0) & (p <= 1.0), out, math.nan)


def _dawsn(x: Value) -> Value:
    a = abs(x)
    near = x * piecewise(x * x, fits.DAWSON_SMALL, (1.0,))
    middle = piecewise(a, fits.DAWSON_MIDDLE, (3.0, 4.0))
    r = 1.0 / x
    far = r * where(a < 6.0, middle, piecewise(r * r, fits.DAWSON_LARGE))
    return where(a < 2.0, near, far)


# -- primitives -------------------------------------------------------------------------------------------------------

def _mul(x: Any, y: Any) -> Any:
    return mul_p.bind(x, y)


def _c(x: Any, value: float) -> Any:
    return literal(x, value)


def _bell(x: Any) -> Any:
    """exp(-x**2 / 2) / sqrt(2 pi)."""
    return _mul(_c(x, 1 / math.sqrt(2 * math.pi)), exp_p.bind(_mul(_c(x, -0.5), _mul(x, x))))


def _mills(x: Any) -> Any:
    """The bell over the distribution function, without a quotient of numbers that underflow."""
    return div_p.bind(_c(x, math.sqrt(2 / math.pi)), erfcx_p.bind(_mul(_c(x, -math.sqrt(0.5)), x)))


def _function(name: str, program: Callable[[Value], Value], derivative: Callable[[Any, Any], Any]) -> Primitive:
    return unary(name, quiet(program), derivative, kinds="f", lower=lowered(program))


erfcx_p = _function(
    "erfcx", _erfcx, lambda x, y: sub_p.bind(_mul(_mul(_c(x, 2), x), y), _c(x, 2 / math.sqrt(math.pi))))
dawsn_p = _function("dawsn", _dawsn, lambda x, y: sub_p.bind(_c(x, 1), _mul(_mul(_c(x, 2), x), y)))
ndtr_p = _function("ndtr", _ndtr, lambda x, y: _bell(x))
log_ndtr_p = _function("log_ndtr", _log_ndtr, lambda x, y: _mills(x))
ndtri_p = _function(
    "ndtri", _ndtri, lambda p, y: _mul(_c(p, math.sqrt(2 * math.pi)), exp_p.bind(_mul(_c(p, 0.5), _mul(y, y)))))
