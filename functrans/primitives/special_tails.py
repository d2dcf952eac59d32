"""Two integrals by Gauss-Legendre quadrature: the generalized exponential integral and Owen's T function.

Scalar programs (`scalar_program`) with the rule of 24 nodes of `special_integrals`; narrower floats are computed in float64 and
rounded once. Largest errors measured in float64, in units of the last place: expn 7, owens_t 4.

    E_n(x) = exp(-x) int_0^V exp(-(n - 1) v - x expm1(v)) dv

where x >= 1 or n is large, which is DLMF 8.19.3 with the variable 1 + expm1(v); elsewhere by the power series 8.19.8.

    T(h, a) = exp(-h**2 / 2) / (2 pi) int_0^a exp(-h**2 x**2 / 2) / (1 + x**2) dx

for |a| <= 1, and beyond by its reflection. D. B. Owen, "Tables for computing bivariate normal probabilities" (1956).
"""

from __future__ import annotations

import math
from typing import Any

from functrans.core.trace import Primitive
from functrans.primitives import special_tables as tables
from functrans.primitives.arithmetic import add_p, div_p, eq_p, mul_p, neg_p, select_n_p, sub_p
from functrans.primitives.base import literal
from functrans.primitives.scalar_program import Value, integral, where
from functrans.primitives.special_integrals import integral_function, no_derivative
from functrans.primitives.special_normal import square_parts, upper_normal
from functrans.primitives.transcendental import erf_p, exp_p

__all__ = ["expn_p", "owens_t_p"]

_DEPTH = 38.0
"""Integrands are cut off at exp(-38)."""


# -- exponential integrals --------------------------------------------------------------------------------------------

_HARMONIC_ORDERS = 16


def _series_expn(n: Value, x: Value) -> Value:
    """E_n(x) for n < 16 and x < 1: the power series, and its one logarithmic term."""
    # (-x)**(n - 1) / (n - 1)! (digamma(n) - log x)
    power, psi = n.const(1.0), n.const(-0.5772156649015329)
    for k in range(1, _HARMONIC_ORDERS):
        within = n > float(k)
        power = where(within, power * (x * (-1.0 / k)), power)
        psi = where(within, psi + 1.0 / k, psi)
    total, term = power * (psi - x.f("log")), n.const(1.0)
    for k in range(24):
        gap = n - float(k + 1)
        total = total + where(gap == 0.0, 0.0, term / where(gap == 0.0, 1.0, gap))
        term = term * (x * (-1.0 / (k + 1)))
    return total


def _expn(n: Value, x: Value) -> Value:
    fine = (n >= 1.0) & (n.f("floor") == n) & (n < math.inf) & (x > 0.0) & (x < 800.0)
    order, y = where(fine, n, 2.0), where(fine, x, 2.0)
    series = (y < 1.0) & (order < float(_HARMONIC_ORDERS))
    rate, steep = where(series, 1.0, order - 1.0), where(series, 2.0, y)
    end = (_DEPTH / steep).f("log1p")
    straight = _DEPTH / (rate + steep)
    end = where(straight < end, straight, end)

    def integrand(s: Value, rate: Value, steep: Value, end: Value) -> Value:
        v = s * end
        return (-(rate * v + steep * v.f("expm1"))).f("exp")

    tail = end * integral(integrand, [rate, steep, end], tables.LEGENDRE_NODES, tables.LEGENDRE_WEIGHTS) * (-y).f("exp")
    out = where(series, _series_expn(where(series, order, 1.0), where(series, y, 0.5)), tail)
    out = where(n == 0.0, (-x).f("exp") / x, where(fine, out, 0.0))
    out = where((x == 0.0) & (n > 1.0), 1.0 / (n - 1.0), out)
    out = where((x == 0.0) & (n <= 1.0), math.inf, out)
    return where((n >= 0.0) & (n.f("floor") == n) & (x >= 0.0), out, math.nan)


# -- Owen's function --------------------------------------------------------------------------------------------------

def _inner_owen(h: Value, a: Value) -> Value:
    """T for h >= 0 and 0 <= a <= 1."""
    square, rest = square_parts(where(h < 40.0, h, 40.0))
    reach = math.sqrt(2 * _DEPTH) / where(h > 1.0, h, 1.0)
    end = where(a < reach, a, reach)

    def integrand(s: Value, end: Value, half: Value) -> Value:
        v = (s * end) * (s * end)
        return (half * v).f("exp") / (1.0 + v)

    bell = (-0.5 * square).f("exp")
    scale = (bell - bell * (0.5 * rest)) * (0.5 / math.pi)
    return scale * end * integral(integrand, [end, -0.5 * square], tables.LEGENDRE_NODES, tables.LEGENDRE_WEIGHTS)


def _owens_t(h: Value, a: Value) -> Value:
    size, slope = abs(h), abs(a)
    outside = slope > 1.0
    far = where((size == 0.0) | (slope == 0.0), 0.0, size * slope)
    inner = _inner_owen(where(outside, far, size), where(outside, 1.0 / slope, slope))
    near, beyond = upper_normal(size), upper_normal(where(outside, far, 1.0))
    # The mass of two right angles less that of the mirrored wedge, in terms of upper tails.
    mirrored = 0.5 * (near + beyond) - near * beyond - inner
    out = where(outside, mirrored, inner)
    out = where(size == math.inf, 0.0, out)
    return where((h == h) & (a == a), where(a < 0.0, -out, out), math.nan)


# -- primitives -------------------------------------------------------------------------------------------------------

def _mul(x: Any, y: Any) -> Any:
    return mul_p.bind(x, y)


def _c(x: Any, value: float) -> Any:
    return literal(x, value)


def _expn_slope(t: Any, z: Any, n: Any, x: Any) -> Any:
    """-E_(n - 1)(x); for n = 0, whose neighbour is not defined, by the closed form."""
    first = eq_p.bind(n, _c(n, 0))
    below = expn_p.bind(select_n_p.bind(first, sub_p.bind(n, _c(n, 1)), _c(n, 0)), x)
    factor = select_n_p.bind(first, _c(x, 1), add_p.bind(_c(x, 1), div_p.bind(_c(x, 1), x)))
    return _mul(t, neg_p.bind(_mul(below, factor)))


def _half_square(x: Any) -> Any:
    return _mul(_c(x, -0.5), _mul(x, x))


def _owen_slope_h(t: Any, z: Any, h: Any, a: Any) -> Any:
    inner = erf_p.bind(_mul(_c(h, math.sqrt(0.5)), _mul(a, h)))
    return _mul(t, _mul(_c(h, -0.5 / math.sqrt(2 * math.pi)), _mul(inner, exp_p.bind(_half_square(h)))))


def _owen_slope_a(t: Any, z: Any, h: Any, a: Any) -> Any:
    size = add_p.bind(_c(a, 1), _mul(a, a))
    return _mul(t, div_p.bind(_mul(_c(h, 0.5 / math.pi), exp_p.bind(_mul(_half_square(h), size))), size))


expn_p: Primitive = integral_function("expn", _expn, no_derivative("expn", "the order n"), _expn_slope)
"""``expn n x``: n whole, x >= 0."""
owens_t_p: Primitive = integral_function("owens_t", _owens_t, _owen_slope_h, _owen_slope_a)
