"""The shared cores of the vector maths: reductions and kernels of exp and log, in float64 and float32.

exp: n = round(x/ln 2) by adding a magic constant, r = x - n ln 2 in two parts (the first product is exact under FMA),
e^r = 1 + p with p = r + r^2 Q(r). log: x = 2^k m with m in [sqrt(1/2), sqrt 2), s = f/(2+f) with f = m - 1, and the
series of atanh in s; log1p carries the rounding error of 1 + x into f. Reference: fdlibm; J.-M. Muller, Elementary
Functions, chapters 4 and 11.
"""

from __future__ import annotations

import math

from functrans.compiler.vecmath_expr import Expr, layout, poly, pow2, select
from functrans.compiler.vecmath_tables import TABLES

__all__ = ["LN2", "exp_kernel", "exp_reduce", "log1p_core", "log_kernel", "log_split", "scale2", "split_normal",
           "table"]

# ln 2 as a rounded head and the rest, for each format.
LN2 = (
    (0.6931471805599453, 2.3190468138462996e-17),
    (0.693147182464599609375, -1.904654299957767e-09),
)
_LOG2E = 1.4426950408889634


def table(x: Expr, name: str) -> tuple[float, ...]:
    """The coefficients `name` for the format of `x`."""
    return TABLES[name][layout(x.v.ty).index]


def exp_reduce(x: Expr) -> tuple[Expr, Expr]:
    """(r, k) with x = r + k ln 2, |r| <= ln 2 / 2, k an integer; |x| must be clamped to a few thousand."""
    at = layout(x.v.ty)
    t = x.fma(_LOG2E, at.magic)
    n = t - at.magic
    head, tail = LN2[at.index]
    r = n.fma(-tail, n.fma(-head, x))
    return r, t.bits() - at.bits(at.magic)


def exp_kernel(r: Expr, name: str = "EXP") -> Expr:
    """e^r - 1 for |r| <= ln 2 / 2."""
    coefs = TABLES[name][0] if name == "EXP_SHORT" else table(r, name)
    return (r * r).fma(poly(r, coefs), r)


def scale2(y: Expr, k: Expr) -> Expr:
    """y * 2**k in two steps, so that overflow and denormal results round once and properly; y in [1/2, 4)."""
    elem = y.v.ty.elem
    half = k.asr(1)
    return y * pow2(half, elem) * pow2(k - half, elem)


def log_split(x: Expr) -> tuple[Expr, Expr]:
    """(k, m) with x = 2^k m, m in [sqrt(1/2), sqrt 2), k as a float; x positive and finite, denormals included."""
    at = layout(x.v.ty)
    small = x < at.min_normal
    lifted = select(small, x * 2.0**at.rescue, x)
    k, m, _ = split_normal(lifted)
    return select(small, k - float(at.rescue), k), m


def split_normal(u: Expr, extra: Expr | None = None) -> tuple[Expr, Expr, Expr]:
    """(k, m, bits of u offset): see `log_split`. The exponent is biased to be positive: it converts without sitofp."""
    at = layout(u.v.ty)
    offset = at.bits(math.sqrt(0.5))
    one = at.bias + 1
    ix = u.bits() + ((one << at.mantissa) - offset)
    whole = 2.0**at.mantissa
    k = ((ix >> at.mantissa) | at.bits(whole)).as_float(at.elem) - (whole + one)
    if extra is not None:
        k = k + extra
    m = ((ix & ((1 << at.mantissa) - 1)) + offset).as_float(at.elem)
    return k, m, ix


def log_kernel(k: Expr | None, f: Expr) -> Expr:
    """log(1 + f) + k ln 2."""
    head, tail = LN2[layout(f.v.ty).index]
    s = f / (f + 2.0)
    z = s * s
    hfsq = f * f * 0.5
    inner = z.fma(poly(z, table(f, "LOG")), hfsq)
    if k is None:
        return f - (hfsq - s * inner)
    return k.fma(head, f - (hfsq - s.fma(inner, k * tail)))


def log1p_core(u: Expr, error: Expr, extra: Expr | None = None) -> Expr:
    """log(u + error) + extra ln 2 for normal u, |error| <= ulp(u): the error is scaled into the reduced argument."""
    at = layout(u.v.ty)
    k, m, ix = split_normal(u, extra)
    # 2^(1-k): one more than needed, so that the largest k gives zero and not a wrapped exponent.
    scale = (2 * at.bits(2.0) - (ix & -(1 << at.mantissa))).as_float(at.elem)
    return log_kernel(k, (error * 0.5).fma(scale, m - 1.0))
