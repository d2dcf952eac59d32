"""Special functions: gamma and its relatives, Hurwitz zeta, scaled Bessel functions, the inverse error function.

Each algorithm is one scalar program (`scalar_program`), run on arrays and compiled alike; narrower floats are
computed in float64. Loops are unrolled with fixed counts. A few units in the last place in float64, but for: lgamma
and digamma near their zeros left of 0 (absolute error only), polygamma and zeta (some 10 units). zeta at arguments of
-10 and below is nan.

Algorithms: lgamma: Stirling's series from 8 on, below by recurrence to [1.5, 2.5), where a polynomial holds the zero
at 2 exactly; reflection left of 0. digamma: the same, with a polynomial around its zero on [1, 2). zeta:
Euler-Maclaurin, its derivatives by the exponent term by term. Bessel: Chebyshev series (Cephes, S. L. Moshier).
erf_inv: AS 241 (M. J. Wichura, "The percentage points of the normal distribution", 1988). DLMF 5.11, 5.15, 25.11.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np  # noqa: F401 - the doctests use it

from functrans.core.trace import Primitive
from functrans.primitives import special_tables as tables
from functrans.primitives.arithmetic import add_p, div_p, eq_p, mul_p, neg_p, select_n_p, sign_p, sub_p
from functrans.primitives.base import literal
from functrans.primitives.builders import nary, unary
from functrans.primitives.logic import apply
from functrans.primitives.scalar_program import Value, evaluated, horner, lowered, where
from functrans.primitives.transcendental import exp_p

__all__ = [
    "bessel_i0e", "bessel_i0e_p", "bessel_i1e", "bessel_i1e_p", "digamma", "digamma_p", "erf_inv", "erf_inv_p",
    "lgamma", "lgamma_p", "near_two", "polygamma", "polygamma_p", "positive_digamma", "sin_pi", "zeta", "zeta_p",
    "zeta_slope_p",
]


# -- gamma ------------------------------------------------------------------------------------------------------------

def sin_pi(x: Value) -> Value:
    """|sin(pi x)|, the argument reduced exactly."""
    r = abs(x - x.f("round_even"))
    return where(r <= 0.25, (r * math.pi).f("sin"), ((0.5 - r) * math.pi).f("cos"))


def _stirling(x: Value) -> Value:
    """lgamma for x >= 8."""
    r = 1.0 / x
    correction = horner(r * r, tables.STIRLING) * r
    return (x - 0.5) * (x.f("log") - 1.0) + ((math.log(2 * math.pi) - 1) / 2 + correction)


class NearTwo(NamedTuple):
    """x in (0, 8) moved to [1.5, 2.5) by whole steps: where x lies, the product of the steps down, and lgamma of 2 + t."""

    low: Value
    lowest: Value
    product: Value
    t: Value
    core: Value


def near_two(x: Value) -> NearTwo:
    """From [2.5, 8) down by gamma(x) = (x - 1) ... (x - k) gamma(x - k), left of 1.5 up by one step, left of 0.5 by two."""
    product, base = x.const(1.0), x
    for _ in range(6):
        above = base >= 2.5
        base = where(above, base - 1.0, base)
        product = where(above, product * base, product)
    low, lowest = x < 1.5, x < 0.5
    t = where(lowest, x, where(low, x - 1.0, base - 2.0))
    return NearTwo(low, lowest, product, t, t * horner(t, tables.LGAMMA))


def _positive_lgamma(x: Value) -> Value:
    """lgamma for x > 0."""
    low, lowest, product, t, core = near_two(x)
    small = core + where(lowest, -(x.f("log")), product.f("log"))
    small = where(low, small - t.f("log1p"), small)
    return where(x >= 8.0, _stirling(where(x >= 8.0, x, 8.0)), small)


def _lgamma(x: Value) -> Value:
    direct = _positive_lgamma(where(x < 0.0, 1.0 - x, x))
    reflected = (math.pi / sin_pi(x)).f("log") - direct
    out = where(x < 0.0, reflected, direct)
    tiny = abs(x) < 1e-300  # pi / (pi |x|) may overflow
    out = where(tiny, -(abs(x).f("log")), out)
    out = where(abs(x) == math.inf, math.inf, out)
    return where((x <= 0.0) & (x.f("floor") == x), math.inf, out)


def positive_digamma(x: Value) -> Value:
    """digamma for x > 0."""
    # From [2, 10) down to [1, 2) by digamma(x) = digamma(x - 1) + 1 / (x - 1).
    total, base = x.const(0.0), x
    for _ in range(8):
        above = base >= 2.0
        base = where(above, base - 1.0, base)
        total = where(above, total + 1.0 / base, total)
    low = x < 1.0
    base = where(low, x + 1.0, base)
    high, rest = tables.DIGAMMA_ROOT
    # x + 1 rounds; the distance from the zero is taken from x itself.
    gap = where(low, x - (high - 1.0), base - high) - rest
    core = gap * horner(base - 1.5, tables.DIGAMMA)
    small = where(low, core - 1.0 / x, core + total)
    large = where(x >= 10.0, x, 10.0)
    r = 1.0 / large
    series = large.f("log") - 0.5 * r - r * r * horner(r * r, tables.DIGAMMA_TAIL)
    return where(x >= 10.0, series, small)


def _digamma(x: Value) -> Value:
    direct = positive_digamma(where(x < 0.0, 1.0 - x, x))
    r = x - x.f("round_even")
    # cot(pi r), as a tangent where r is past a quarter.
    steep = abs(r) > 0.25
    angle = where(steep, 0.5 - abs(r), abs(r)) * math.pi
    tangent = angle.f("tan").f("copysign", r)
    cotangent = where(steep, tangent, 1.0 / tangent)
    out = where(x < 0.0, direct - math.pi * cotangent, direct)
    out = where(x == math.inf, math.inf, out)
    return where((x <= 0.0) & (x.f("floor") == x), math.nan, out)


_TERMS = 20


def _zeta(x: Value, q: Value) -> Value:
    """The sum of (q + k)**-x: 20 terms, then the Euler-Maclaurin tail at a = q + 20."""
    total = q.f("pow", -x)
    for k in range(1, _TERMS):
        total = total + (q + float(k)).f("pow", -x)
    a = q + float(_TERMS)
    power = a.f("pow", -x)
    r = 1.0 / a
    tail = power * 0.5 + power * (a / (x - 1.0))
    factor = power * (x * r)
    for i, c in enumerate(tables.ZETA_TAIL):
        tail = tail + factor * c
        factor = factor * ((x + float(2 * i + 1)) * r) * ((x + float(2 * i + 2)) * r)
    out = total + where(power == 0.0, 0.0, tail)
    out = where(q <= float(-_TERMS // 2), math.nan, out)
    whole_x = x.f("floor") == x
    odd = (x * 0.5).f("floor") != x * 0.5
    out = where((q <= 0.0) & (q.f("floor") == q), where(whole_x & odd, x.const(math.nan), math.inf), out)
    out = where((q < 0.0) & ~whole_x, math.nan, out)
    out = where(q == math.inf, 0.0, out)
    out = where(x == 1.0, math.inf, where(x < 1.0, math.nan, out))
    return where((x != x) | (q != q), math.nan, out)


def _zeta_slope(x: Value, q: Value, order: int) -> Value:
    """The derivative of `_zeta` of this order by x, for q > 0: each term of the sum and the tail differentiated."""
    fine = (x > 1.0) & (q > 0.0) & (q < math.inf) & (x < math.inf)
    s, start = where(fine, x, 2.0), where(fine, q, 1.0)
    total = s.const(0.0)
    for k in range(_TERMS):
        base = start + float(k)
        total = total + _power_slope(base, s, base.f("log"), order)
    a = start + float(_TERMS)
    r = 1.0 / a
    # Taylor coefficients in x of the tail's factors of a**-x, then the product with its own.
    pole = 1.0 / (s - 1.0)
    tail, rising = [a * pole], [s * r, r, *[s.const(0.0)] * order][:order + 1]
    for _ in range(order):
        tail.append(-tail[-1] * pole)
    tail[0] = tail[0] + 0.5
    for i, c in enumerate(tables.ZETA_TAIL):
        tail = [t + c * f for t, f in zip(tail, rising, strict=True)]
        for m in (2 * i + 1, 2 * i + 2):
            rising = [((s + float(m)) * f + below) * r for f, below in zip(rising, [s.const(0.0), *rising[:-1]], strict=True)]
    logarithm = a.f("log")
    for j, t in enumerate(tail):
        power = _power_slope(a, s, logarithm, order - j)
        total = total + where(power == 0.0, 0.0, math.perm(order, j) * t * power)
    out = where(fine, total, math.nan)
    out = where((x == math.inf) & (q > 0.0), where(q < 1.0, q.const(math.inf), 0.0), out)
    out = where((q == math.inf) & (x > 1.0), 0.0, out)
    return where((x == 1.0) & (q > 0.0), -math.inf if order % 2 else math.inf, out)


def _power_slope(base: Value, x: Value, logarithm: Value, order: int) -> Value:
    """The derivative of ``base**-x`` of this order by x, 0 where the power is."""
    out = base.f("pow", -x)
    for _ in range(order):
        out = where(out == 0.0, 0.0, -logarithm * out)
    return out


def _zeta_of_all(s: Value, q: Value, even: Any) -> Value:
    """zeta for whole s (`even` tells which), however far q is left of 0: the terms left of 0 are a difference of two sums, of
    ``j - f`` for q = f - m and j from 1 to m."""
    left = q <= -9.0
    f = where(left, q - q.f("floor"), q)
    right, near, far = _zeta(s, f), _zeta(s, 1.0 - f), _zeta(s, 1.0 - q)
    return where(left, where(even, (right + near) - far, (right - near) + far), right)


_FACTORIALS = 23


def _polygamma(n: Value, x: Value) -> Value:
    """(-1)**(n + 1) n! zeta(n + 1, x); digamma where n is 0, nan where n is negative or not whole."""
    factorial = n.const(1.0)
    for k in range(2, _FACTORIALS):
        factorial = where(n >= float(k), factorial * float(k), factorial)
    factorial = where(n >= float(_FACTORIALS), _positive_lgamma(abs(n) + 1.0).f("exp"), factorial)
    odd = (n * 0.5).f("floor") != n * 0.5
    size = factorial * _zeta_of_all(n + 1.0, x, odd)
    out = where(n == 0.0, _digamma(x), where(odd, size, -size))
    return where((n < 0.0) | (n.f("floor") != n), math.nan, out)


# -- Bessel -----------------------------------------------------------------------------------------------------------

def _chebyshev(y: Value, coefficients: Sequence[float]) -> Value:
    """The Chebyshev series in y / 2, by Clenshaw's recurrence."""
    newer, older = y.const(coefficients[-1]), y.const(0.0)
    for c in coefficients[-2:0:-1]:
        newer, older = y * newer - older + c, newer
    return 0.5 * y * newer - older + coefficients[0]


def _bessel_parts(x: Value, small: Sequence[float], large: Sequence[float]) -> tuple[Value, Value]:
    size = abs(x)
    inner = where(size <= 8.0, size, 8.0)
    outer = where(size > 8.0, size, 8.0)
    return _chebyshev(0.5 * inner - 2.0, small), _chebyshev(32.0 / outer - 2.0, large) / outer.f("sqrt")


def _bessel_i0e(x: Value) -> Value:
    near, far = _bessel_parts(x, tables.I0E_SMALL, tables.I0E_LARGE)
    return where(x != x, x, where(abs(x) <= 8.0, near, far))


def _bessel_i1e(x: Value) -> Value:
    near, far = _bessel_parts(x, tables.I1E_SMALL, tables.I1E_LARGE)
    return where(x != x, x, where(abs(x) <= 8.0, near * x, far.f("copysign", x)))


# -- the inverse error function ---------------------------------------------------------------------------------------

def _ratio(r: Value, table: tuple[tuple[float, ...], tuple[float, ...]]) -> Value:
    return horner(r, table[0]) / horner(r, table[1])


def _erf_inv(x: Value) -> Value:
    """The quantile of the normal distribution at (1 + x) / 2, over sqrt 2."""
    size = abs(x)
    centre = (0.5 * x) * _ratio(0.180625 - 0.25 * (x * x), tables.NORMAL_CENTRE)
    p = where(size < 1.0, 0.5 * (1.0 - size), 0.5)
    r = (-(p.f("log"))).f("sqrt")
    tail = where(r <= 5.0, _ratio(r - 1.6, tables.NORMAL_MIDDLE), _ratio(r - 5.0, tables.NORMAL_TAIL)).f("copysign", x)
    out = where(size <= 0.85, centre, tail) * math.sqrt(0.5)
    out = where(size == 1.0, x.const(math.inf).f("copysign", x), out)
    return where(size <= 1.0, out, math.nan)


# -- primitives -------------------------------------------------------------------------------------------------------

def _mul(x: Any, y: Any) -> Any:
    return mul_p.bind(x, y)


def _c(x: Any, value: float) -> Any:
    return literal(x, value)


def _i1e_derivative(x: Any, y: Any) -> Any:
    """i0e(x) - y (sign x + 1 / x), and 1/2 at 0."""
    at_zero = eq_p.bind(x, _c(x, 0))
    safe = select_n_p.bind(at_zero, x, _c(x, 1))
    slope = sub_p.bind(bessel_i0e_p.bind(x), _mul(y, add_p.bind(sign_p.bind(x), div_p.bind(_c(x, 1), safe))))
    return select_n_p.bind(at_zero, slope, _c(x, 0.5))


def _special(name: str, program: Any, derivative: Any) -> Primitive:
    return unary(name, evaluated(program), derivative, kinds="f", lower=lowered(program))


lgamma_p = _special("lgamma", _lgamma, lambda x, y: digamma_p.bind(x))
digamma_p: Primitive = _special("digamma", _digamma, lambda x, y: polygamma_p.bind(_c(x, 1), x))
bessel_i0e_p = _special(
    "bessel_i0e", _bessel_i0e, lambda x, y: sub_p.bind(bessel_i1e_p.bind(x), _mul(sign_p.bind(x), y)))
bessel_i1e_p: Primitive = _special("bessel_i1e", _bessel_i1e, _i1e_derivative)
erf_inv_p = _special("erf_inv", _erf_inv, lambda x, y: _mul(_c(x, math.sqrt(math.pi) / 2), exp_p.bind(_mul(y, y))))


def _no_order_derivative(name: str, operand: str) -> Any:
    def partial(*_: Any) -> Any:
        raise NotImplementedError(
            f"{name}: the derivative with respect to {operand} is not implemented (it has no closed form); hold that "
            "operand constant with lax.stop_gradient.")

    return partial


def _slope_by_q(t: Any, z: Any, x: Any, q: Any, *, order: int) -> Any:
    """The derivative of ``-x zeta(x + 1, q)`` of this order by x."""
    above = add_p.bind(x, _c(x, 1))
    below = zeta_p.bind(above, q) if order == 1 else zeta_slope_p.bind(above, q, order=order - 1)
    size = add_p.bind(_mul(x, zeta_slope_p.bind(above, q, order=order)), _mul(_c(x, order), below))
    return _mul(t, neg_p.bind(size))


zeta_slope_p: Primitive = nary(
    "zeta_slope", lambda x, q, *, order: evaluated(lambda x, q: _zeta_slope(x, q, order))(x, q),
    lambda t, z, x, q, *, order: _mul(t, zeta_slope_p.bind(x, q, order=order + 1)), _slope_by_q, kinds="f",
    lower=lambda b, x, q, *, order: lowered(lambda x, q: _zeta_slope(x, q, order))(b, x, q))
"""``zeta_slope x q; order``: the derivative of this order, 1 or more, of zeta by x, for q > 0."""
zeta_p: Primitive = nary(
    "zeta", evaluated(_zeta), lambda t, z, x, q: _mul(t, zeta_slope_p.bind(x, q, order=1)),
    lambda t, z, x, q: _mul(t, _mul(neg_p.bind(x), zeta_p.bind(add_p.bind(x, _c(x, 1)), q))),
    kinds="f", lower=lowered(_zeta))
polygamma_p: Primitive = nary(
    "polygamma", evaluated(_polygamma), _no_order_derivative("polygamma", "the order m"),
    lambda t, z, m, x: _mul(t, polygamma_p.bind(add_p.bind(m, _c(m, 1)), x)), kinds="f", lower=lowered(_polygamma))


# -- public functions -------------------------------------------------------------------------------------------------

def lgamma(x: Any) -> Any:
    """The logarithm of the absolute value of the gamma function; inf at 0, -1, -2, ...

    >>> lgamma(np.array([2.0, 5.0]))
    Array([0.        , 3.17805383], dtype=float64)
    """
    return apply(lgamma_p, x)


def digamma(x: Any) -> Any:
    """The derivative of the logarithm of the gamma function; nan at 0, -1, -2, ..."""
    return apply(digamma_p, x)


def polygamma(m: Any, x: Any) -> Any:
    """The derivative of order `m` (whole, in a float dtype) of digamma, at `x`.

    >>> polygamma(1.0, np.array([1.0]))
    Array([1.64493407], dtype=float64)
    """
    return apply(polygamma_p, m, x)


def zeta(x: Any, q: Any) -> Any:
    """Hurwitz's zeta function, the sum of ``(q + k)**-x`` over k >= 0, for x > 1; nan for q of -10 and below.

    Differentiable in both, in x for q > 0 (nan elsewhere).

    >>> zeta(np.array([2.0]), 1.0)
    Array([1.64493407], dtype=float64)
    """
    return apply(zeta_p, x, q)


def bessel_i0e(x: Any) -> Any:
    """``exp(-|x|) I0(x)``, of the modified Bessel function of order 0."""
    return apply(bessel_i0e_p, x)


def bessel_i1e(x: Any) -> Any:
    """``exp(-|x|) I1(x)``, of the modified Bessel function of order 1."""
    return apply(bessel_i1e_p, x)


def erf_inv(x: Any) -> Any:
    """The y with ``erf(y) == x``; +-inf at +-1, nan outside.

    >>> erf_inv(np.array([0.0, 0.5]))
    Array([0.        , 0.47693628], dtype=float64)
    """
    return apply(erf_inv_p, x)
