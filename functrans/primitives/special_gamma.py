"""The gamma function itself, and the logarithm of the beta function without the cancellation of its three terms.

Scalar programs (`scalar_program`); narrower floats are computed in float64 and rounded once. gamma: a polynomial on [1.5, 2.5), by
recurrence up to 8; from there Stirling's formula, whose power is squared last, since it overflows first; reflection left of 0. Whole
results below 2**51 are exact. Largest errors measured in float64: gamma 5 units in the last place (right of -170); log_beta 6, of
the result or of 1, whichever is larger. DLMF 5.5, 5.11, 5.12.
"""

from __future__ import annotations

import math
from typing import Any

from functrans.core.trace import Primitive
from functrans.primitives import special_tables as tables
from functrans.primitives.arithmetic import add_p, mul_p, sub_p
from functrans.primitives.builders import nary, unary
from functrans.primitives.scalar_program import Value, horner, lowered, where
from functrans.primitives.special import digamma_p, near_two, sin_pi
from functrans.primitives.special_integrals import stirling_rest
from functrans.primitives.special_normal import quiet

__all__ = ["gamma_p", "log_beta_p"]


def _large_gamma(x: Value) -> Value:
    """By Stirling's formula, for x >= 8."""
    x = where(x < 200.0, x, 200.0)
    r = 1.0 / x
    half = x.f("pow", 0.5 * x - 0.25)
    return half * ((-x).f("exp") * (math.sqrt(2 * math.pi) * (r * horner(r * r, tables.STIRLING)).f("exp"))) * half


def _positive_gamma(x: Value) -> Value:
    low, lowest, product, _, logarithm = near_two(x)
    core = logarithm.f("exp")
    small = where(lowest, core / (x * (x + 1.0)), where(low, core / x, core * product))
    whole = (x.f("floor") == x) & (x < 19.0)
    out = where(x >= 8.0, _large_gamma(where(x >= 8.0, x, 8.0)), small)
    return where(whole, out.f("round_even"), out)


def _gamma(x: Value) -> Value:
    size = abs(x)
    right = _positive_gamma(size)
    down = x.f("floor")
    odd = (down * 0.5).f("floor") != down * 0.5
    left = (math.pi / sin_pi(size)) / (size * right)
    out = where(x < 0.0, where(odd, -left, left), right)
    out = where(x == 0.0, x.const(math.inf).f("copysign", x), out)
    return where((x < 0.0) & (down == x), math.nan, out)


def _log_beta(a: Value, b: Value) -> Value:
    a, b = where(a > b, a, b), where(a > b, b, a)
    n = a + b
    large = -(a * (b / a).f("log1p")) - b * (n / b).f("log")
    out = large + 0.5 * ((n / a) * (2 * math.pi)).f("log") - 0.5 * b.f("log") + (stirling_rest(b) + (stirling_rest(a) - stirling_rest(n)))
    out = where(b == 0.0, math.inf, out)
    out = where(a == math.inf, where(b == 0.0, b.const(math.nan), -math.inf), out)
    return where((a >= 0.0) & (b >= 0.0), out, math.nan)


def _slope(t: Any, a: Any, b: Any) -> Any:
    return mul_p.bind(t, sub_p.bind(digamma_p.bind(a), digamma_p.bind(add_p.bind(a, b))))


gamma_p: Primitive = unary(
    "gamma", quiet(_gamma), lambda x, y: mul_p.bind(y, digamma_p.bind(x)), kinds="f", lower=lowered(_gamma))
"""``gamma x``; inf with its sign at the zeros, nan at -1, -2, ..."""
log_beta_p: Primitive = nary(
    "log_beta", quiet(_log_beta), lambda t, z, a, b: _slope(t, a, b), lambda t, z, a, b: _slope(t, b, a), kinds="f",
    lower=lowered(_log_beta))
"""``log_beta a b`` for positive operands; nan where either is negative."""
