"""Inverse trigonometric and hyperbolic functions, cube root and error functions for the vector maths.

asin: a polynomial below 1/2, else pi/2 - 2 asin(sqrt((1-x)/2)). atan2: the quotient is reduced about 0, pi/4, pi/2 by
choosing numerator and denominator, one division in all. asinh, acosh, atanh go through the log1p core. cbrt: the
inverse cube root by a polynomial and one high-order step, without division. erf: 1 - exp(-Q(x)) from 1 up. erfc:
exp(-x^2) P(t)/(1+2x) with t = (x-4)/(x+4) (Shepherd and Laframboise, Math. Comp. 36 (1981)), x^2 in two parts.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from functrans.compiler.vecmath_core import exp_kernel, exp_reduce, log1p_core, scale2, table
from functrans.compiler.vecmath_expr import Expr, layout, poly, pow2, select

__all__ = ["SPECIAL"]

_INF, _NAN = math.inf, math.nan
# Head and rest of pi, pi/2, pi/4 for each format.
_PI = ((3.141592653589793, 1.2246467991473532e-16), (3.1415927410125732, -8.742277657347586e-08))


def _pi(x: Expr, factor: float) -> tuple[float, float]:
    head, tail = _PI[layout(x.v.ty).index]
    return head * factor, tail * factor


def _asin_parts(x: Expr) -> tuple[Expr, Expr, Expr]:
    """(|x| < 1/2, s, s z P(z)): s + s z P is asin |x| where small, else asin of sqrt((1 - |x|)/2)."""
    a = x.abs()
    small = a < 0.5
    z = select(small, a * a, (1.0 - a) * 0.5)
    s = select(small, a, z.sqrt())
    return small, s, s * z * poly(z, table(x, "ASIN"))


def _asin(x: Expr) -> Expr:
    small, s, rest = _asin_parts(x)
    p = s + rest
    head, tail = _pi(x, 0.5)
    return select(small, p, head - ((p + p) - tail)).copysign(x)


def _acos(x: Expr) -> Expr:
    small, s, rest = _asin_parts(x)
    p = s + rest
    head, tail = _pi(x, 0.5)
    twice = p + p
    pi_head, pi_tail = _pi(x, 1.0)
    large = select(x < 0.0, pi_head - (twice - pi_tail), twice)
    sign = x.constant(1.0).copysign(x)
    return select(small, head - (s * sign + (rest * sign - tail)), large)


def _atan_ratio(a: Expr, b: Expr) -> Expr:
    """atan(a/b) in [0, pi/2] for a, b >= 0, not both infinite or zero."""
    steep = a > b * (1 + math.sqrt(2))
    middle = a > b * (math.sqrt(2) - 1)
    num = select(steep, -b, select(middle, a - b, a))
    den = select(steep, a, select(middle, a + b, b))
    t = num / den
    z = t * t
    p = (t * z) * poly(z, table(a, "ATAN"))
    half, half_tail = _pi(a, 0.5)
    quarter, quarter_tail = _pi(a, 0.25)
    head = select(steep, half, select(middle, a.constant(quarter), 0.0))
    tail = select(steep, half_tail, select(middle, a.constant(quarter_tail), 0.0))
    return head + (t + (p + tail))


def _atan(x: Expr) -> Expr:
    return _atan_ratio(x.abs(), x.constant(1.0)).copysign(x)


def _atan2(y: Expr, x: Expr) -> Expr:
    at = layout(x.v.ty)
    a, b = y.abs(), x.abs()
    both = a.eq(_INF) & b.eq(_INF)
    a, b = select(both, 1.0, a), select(both, 1.0, b)
    # a + b must not overflow; what the scaling may flush is then far below an ulp of the other.
    top, down = ((2.0**1000, 2.0**-100), (2.0**120, 2.0**-60))[at.index]
    scale = select((a > top) | (b > top), a.constant(down), 1.0)
    a, b = a * scale, b * scale
    b = select(a.eq(0.0) & b.eq(0.0), 1.0, b)
    t = _atan_ratio(a, b)
    head, tail = _pi(x, 1.0)
    return select(x.bits() < 0, head - (t - tail), t).copysign(y)


def _log1p_of(w: Expr, big: Expr, a: Expr) -> Expr:
    """log(1 + w), or log(2 a) where `big`."""
    u = w + 1.0
    b = u - 1.0
    error = (1.0 - (u - b)) + (w - b)
    return log1p_core(select(big, a, u), select(big, 0.0, error), select(big, a.constant(1.0), 0.0))


def _asinh(x: Expr) -> Expr:
    at = layout(x.v.ty)
    a = x.abs()
    big = a > 2.0 ** (at.mantissa // 2 + 3)
    square = a * a
    w = a + square / ((square + 1.0).sqrt() + 1.0)
    y = _log1p_of(w, big, a)
    exact = (a < 2.0 ** -(at.mantissa // 2 + 2)) | ~(a < _INF)
    return select(exact, a, y).copysign(x)


def _acosh(x: Expr) -> Expr:
    at = layout(x.v.ty)
    big = x > 2.0 ** (at.mantissa // 2 + 3)
    t = x - 1.0
    w = t + t.fma(t, t + t).sqrt()
    y = _log1p_of(w, big, x)
    y = select(x.eq(_INF), x, y)
    return select(x < 1.0, _NAN, select(x.cmp("ne", x), x, y))


def _atanh(x: Expr) -> Expr:
    at = layout(x.v.ty)
    a = x.abs()
    inside = a < 1.0
    w = (a + a) / (1.0 - select(inside, a, 0.0))
    y = _log1p_of(w, inside & ~inside, a) * 0.5
    y = select(a < 2.0 ** -(at.mantissa // 2 + 2), a, y)
    edge = select(a.eq(1.0), a.constant(_INF), _NAN)
    return select(inside, y, select(a.cmp("ne", a), a, edge)).copysign(x)


def _cbrt(x: Expr) -> Expr:
    at = layout(x.v.ty)
    a = x.abs()
    tiny = a < at.min_normal
    lift = 54 if at.elem == "double" else 24
    b = select(tiny, a * 2.0**lift, a).bits()
    whole = 2.0**at.mantissa
    e = ((b >> at.mantissa) | at.bits(whole)).as_float(at.elem) - (whole + at.bias)
    m = ((b & ((1 << at.mantissa) - 1)) | at.bits(1.0)).as_float(at.elem)
    t = e.fma(1.0 / 3.0, at.magic)
    third = t - at.magic
    rest = third.fma(-3.0, e)  # -1, 0 or 1
    up, down = rest > 0.5, rest < -0.5
    r = poly(m, table(x, "CBRT"))
    r = r * select(up, 2.0 ** (-1 / 3), select(down, r.constant(2.0 ** (1 / 3)), 1.0))
    m = m * select(up, 2.0, select(down, m.constant(0.5), 1.0))
    # r is within 1e-4 of m^(-1/3): (1 - d)^(-1/3) as a series in d = 1 - m r^3.
    d = 1.0 - m * (r * r * r)
    r = (r * d).fma(poly(d, (1 / 3, 2 / 9, 14 / 81)), r)
    square = r * r
    y = m * square
    y2 = y * y
    residue = y2.fma(y, -m) + y.fma(y, -y2) * y
    y = residue.fma(square * (-1.0 / 3.0), y)
    k = t.bits() - at.bits(at.magic)
    y = y * pow2(select(tiny, k - lift // 3, k), at.elem)
    return select((a > 0.0) & (a < _INF), y, a).copysign(x)



def _erf_small(x: Expr, a: Expr) -> Expr:
    return a.fma(poly(a * a, table(x, "ERF")), a)


def _erf(x: Expr) -> Expr:
    at = layout(x.v.ty)
    a = x.abs()
    r, k = exp_reduce(-poly(a.clamp(None, 6.0), table(x, "ERF_TAIL")))
    s = pow2(k, at.elem)
    large = 1.0 - s.fma(exp_kernel(r), s)
    return select(a < 1.0, _erf_small(x, a), large).copysign(x)


def _erfc(x: Expr) -> Expr:
    at = layout(x.v.ty)
    a = x.abs()
    c = a.clamp(None, (28.0, 10.5)[at.index])
    g = poly((c - 4.0) / (c + 4.0), table(x, "ERFC_TAIL")) / (c + c + 1.0)
    square = c * c
    r, k = exp_reduce(-square)
    r = r - c.fma(c, -square)
    tail = scale2(exp_kernel(r).fma(g, g), k)
    large = select(x < 0.0, 2.0 - tail, tail)
    return select(a < 0.5, 1.0 - _erf_small(x, a).copysign(x), large)


SPECIAL: dict[str, Callable[..., Expr]] = {
    "asin": _asin, "acos": _acos, "atan": _atan, "atan2": _atan2, "asinh": _asinh, "acosh": _acosh, "atanh": _atanh,
    "cbrt": _cbrt, "erf": _erf, "erfc": _erfc,
}
