"""Exponential, sine, cosine and Fresnel integrals, and the dilogarithm.

Scalar programs (`scalar_program`) on piecewise polynomials (`special_fits`); narrower floats are computed in float64 and rounded once.
Ei and Ci have their first zero as a factor, so that it keeps its digits; the further zeros of Ci, those of no function of one sign,
are right to an absolute error of 1e-16. Largest errors measured in float64, in units of the last place of the result (for Ci and the
Fresnel integrals, of the amplitude of the oscillation): expi 4, exp1 3, sine_integral 2, cosine_integral 3, fresnel_s 3, fresnel_c 2,
spence 3.

The sine, cosine and Fresnel integrals of large arguments are made of the auxiliary functions f and g (DLMF 6.4, 7.4). The
argument pi x**2 / 2 of the Fresnel integrals is reduced exactly. spence: Debye's series in log x with Bernoulli numbers, between
1/2 and 2, elsewhere by reflections (DLMF 25.12). DLMF 6.2, 7.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from functrans.core.trace import Primitive
from functrans.primitives import special_fits as fits
from functrans.primitives.arithmetic import abs_p, add_p, div_p, eq_p, lt_p, mul_p, neg_p, select_n_p, sub_p
from functrans.primitives.base import literal
from functrans.primitives.builders import unary
from functrans.primitives.scalar_program import Value, horner, lowered, where
from functrans.primitives.special_normal import piecewise, quiet, square_parts
from functrans.primitives.transcendental import cos_p, exp_p, log_p, sin_p

__all__ = ["cosine_integral_p", "exp1_p", "expi_p", "fresnel_c_p", "fresnel_s_p", "sine_integral_p", "spence_p"]

_EULER = 0.5772156649015329


# -- exponential integrals --------------------------------------------------------------------------------------------

def _positive_exp1(x: Value) -> Value:
    small = x * piecewise(x, fits.EIN) - (_EULER + x.f("log"))
    r = 1.0 / x
    scaled = where(x < 8.0, piecewise(x, fits.EXP1_MIDDLE, (2.0, 4.0)), piecewise(r, fits.EXP1_LARGE, (1 / 16,)))
    return where(x < 1.0, small, (-x).f("exp") * scaled * r)


def _without_root(x: Value, root: tuple[float, float], slope: Value) -> Value:
    """log(x / root) + (x - root) * slope, with the root as a number and its remainder."""
    high, rest = root
    gap = (x - high) - rest
    near = (x > 0.5 * high) & (x < 2.0 * high)
    return where(near, (where(near, gap, 0.0) / high).f("log1p"), (x / high).f("log")) + gap * slope


def _positive_expi(x: Value) -> Value:
    small = _without_root(x, fits.EI_ROOT, piecewise(x, fits.EI_SMALL, (3.0,)))
    r = 1.0 / x
    scaled = where(x < 20.0, piecewise(x, fits.EI_MIDDLE, (12.0,)), piecewise(r, fits.EI_LARGE, (1 / 40,)))
    root = (0.5 * x).f("exp")  # the exponential itself overflows before its quotient by x
    return where(x < 6.0, small, where(x == math.inf, x, root * (scaled * r) * root))


def _expi(x: Value) -> Value:
    return where(x < 0.0, -_positive_exp1(-x), where(x == 0.0, -math.inf, _positive_expi(x)))


def _exp1(x: Value) -> Value:
    return where(x < 0.0, math.nan, where(x == 0.0, math.inf, _positive_exp1(x)))


# -- sine and cosine integrals ----------------------------------------------------------------------------------------

def _auxiliary(a: Value) -> tuple[Value, Value]:
    """f and g for a >= 2."""
    r = 1.0 / a
    square = r * r
    cuts = (1 / 64, 1 / 16)
    return r * piecewise(square, fits.SICI_F, cuts), square * piecewise(square, fits.SICI_G, cuts)


def _sine_integral(x: Value) -> Value:
    a = abs(x)
    near = a * piecewise(a * a, fits.SI_SMALL)
    f, g = _auxiliary(a)
    finite = where(a < math.inf, a, 0.0)
    far = where(a == math.inf, 0.0, f * finite.f("cos") + g * finite.f("sin"))
    return where(x == x, where(a < 4.0, near, 0.5 * math.pi - far).f("copysign", x), x)


def _cosine_integral(x: Value) -> Value:
    a = abs(x)
    near = _without_root(a, fits.CI_ROOT, piecewise(a, fits.CI_SMALL))
    f, g = _auxiliary(a)
    finite = where(a < math.inf, a, 0.0)
    far = where(a == math.inf, 0.0, f * finite.f("sin") - g * finite.f("cos"))
    out = where(a < 2.0, where(a == 0.0, -math.inf, near), far)
    return where((x == x) & (x != -math.inf), out, math.nan)


# -- Fresnel integrals ------------------------------------------------------------------------------------------------

_FRESNEL_CUT, _FRESNEL_LARGE = 1.6, 1e8


def _waves(a: Value) -> tuple[Value, Value]:
    """cos(pi a**2 / 2) and sin(pi a**2 / 2)."""
    square, rest = square_parts(a)
    turns = square - 4.0 * (0.25 * square).f("round_even")
    # A multiple of a quarter turn is taken out, so that the rounding of the angle is relative to what is left.
    quarters = turns.f("round_even")
    angle = ((turns - quarters) + rest) * (0.5 * math.pi)
    c, s = angle.f("cos"), angle.f("sin")
    odd = abs(quarters) == 1.0
    c, s = where(odd, s, c), where(odd, c, s)
    negative_c = (quarters == 1.0) | (abs(quarters) == 2.0)
    negative_s = (quarters == -1.0) | (abs(quarters) == 2.0)
    return where(negative_c, -c, c), where(negative_s, -s, s)


def _fresnel_parts(a: Value) -> tuple[Value, Value, Value, Value]:
    """f, g and the waves, for a >= 1.6; beyond 1e8 f and g vanish beside 1/2."""
    inside = (a > 1.0) & (a < _FRESNEL_LARGE)
    a = where(inside, a, _FRESNEL_LARGE)
    r = 1.0 / a
    square = r * r
    quartic = square * square
    f = piecewise(quartic, fits.FRESNEL_F, (0.0256,)) * (r * (1 / math.pi))
    g = piecewise(quartic, fits.FRESNEL_G, (0.0256,)) * (r * square * (1 / math.pi**2))
    return where(inside, f, 0.0), where(inside, g, 0.0), *_waves(a)


def _fresnel_s(x: Value) -> Value:
    a = abs(x)
    square = a * a
    near = a * square * piecewise(square * square, fits.FRESNEL_S)
    f, g, c, s = _fresnel_parts(a)
    return where(x == x, where(a < _FRESNEL_CUT, near, 0.5 - (f * c + g * s)).f("copysign", x), x)


def _fresnel_c(x: Value) -> Value:
    a = abs(x)
    square = a * a
    near = a * piecewise(square * square, fits.FRESNEL_C)
    f, g, c, s = _fresnel_parts(a)
    return where(x == x, where(a < _FRESNEL_CUT, near, 0.5 + (f * s - g * c)).f("copysign", x), x)


# -- the dilogarithm --------------------------------------------------------------------------------------------------

_BERNOULLI = (
    (1, 6), (-1, 30), (1, 42), (-1, 30), (5, 66), (-691, 2730), (7, 6), (-3617, 510), (43867, 798), (-174611, 330), (854513, 138),
)
_DEBYE = tuple(n / d / math.factorial(2 * k + 3) for k, (n, d) in reversed(list(enumerate(_BERNOULLI))))


def _debye(u: Value) -> Value:
    """The dilogarithm of 1 - exp(-u), |u| <= log 2 or so: u - u**2 / 4 + sum of B_2k u**(2k + 1) / (2k + 1)!."""
    square = u * u
    return u - square * 0.25 + u * square * horner(square, _DEBYE)


def _spence(x: Value) -> Value:
    large, small = x > 2.0, x < 0.5
    inner = where(large, 1.0 / x, x)
    mirrored = large | small
    logarithm = where(mirrored, (-inner).f("log1p"), x.f("log"))
    part = _debye(0.0 - logarithm)
    reflected = math.pi**2 / 6 - inner.f("log") * logarithm - part
    log_x = where(large, x, 1.0).f("log")
    out = where(mirrored, where(large, -0.5 * (log_x * log_x) - reflected, reflected), part)
    out = where(x == 0.0, math.pi**2 / 6, out)
    return where((x >= 0.0) & (x < math.inf), out, math.nan)


# -- primitives -------------------------------------------------------------------------------------------------------

def _mul(x: Any, y: Any) -> Any:
    return mul_p.bind(x, y)


def _c(x: Any, value: float) -> Any:
    return literal(x, value)


def _sinc(x: Any) -> Any:
    """sin(x) / x."""
    at_zero = eq_p.bind(x, _c(x, 0))
    return select_n_p.bind(at_zero, div_p.bind(sin_p.bind(x), select_n_p.bind(at_zero, x, _c(x, 1))), _c(x, 1))


def _angle(x: Any) -> Any:
    return _mul(_c(x, math.pi / 2), _mul(x, x))


_ATANH = tuple(2 / (2 * k + 1) for k in range(14, -1, -1))


def _spence_slope(x: Any, y: Any) -> Any:
    """log(x) / (1 - x); near 1 by the series of 2 atanh((x - 1) / (x + 1)) / (1 - x)."""
    one = _c(x, 1)
    gap = sub_p.bind(x, one)
    near = lt_p.bind(abs_p.bind(gap), _c(x, 0.25))
    r = div_p.bind(select_n_p.bind(near, _c(x, 0), gap), add_p.bind(x, one))
    square = _mul(r, r)
    series: Any = _c(x, _ATANH[0])
    for c in _ATANH[1:]:
        series = add_p.bind(_mul(series, square), _c(x, c))
    far = div_p.bind(log_p.bind(x), select_n_p.bind(near, gap, one))
    return neg_p.bind(select_n_p.bind(near, far, div_p.bind(series, add_p.bind(x, one))))


def _function(name: str, program: Callable[[Value], Value], derivative: Callable[[Any, Any], Any]) -> Primitive:
    return unary(name, quiet(program), derivative, kinds="f", lower=lowered(program))


expi_p = _function("expi", _expi, lambda x, y: div_p.bind(exp_p.bind(x), x))
exp1_p = _function("exp1", _exp1, lambda x, y: neg_p.bind(div_p.bind(exp_p.bind(neg_p.bind(x)), x)))
sine_integral_p = _function("sine_integral", _sine_integral, lambda x, y: _sinc(x))
cosine_integral_p = _function("cosine_integral", _cosine_integral, lambda x, y: div_p.bind(cos_p.bind(x), x))
fresnel_s_p = _function("fresnel_s", _fresnel_s, lambda x, y: sin_p.bind(_angle(x)))
fresnel_c_p = _function("fresnel_c", _fresnel_c, lambda x, y: cos_p.bind(_angle(x)))
spence_p = _function("spence", _spence, _spence_slope)
