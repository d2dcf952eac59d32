"""The incomplete gamma functions and their derivatives with respect to the shape `a`; what the integrals of this kind share.

Each is one scalar program (`scalar_program`): a positive integral from the argument outwards over the tail that does
not hold the mode, by a Gauss-Legendre rule of fixed order, times the integrand at the argument. With ``t = x exp(u)``:

    Q(a, x) = D a int_0^V exp(a u - x expm1(u)) du        x > a,  D = x^a exp(-x) / gamma(a + 1)
    P(a, x) = D a int_0^V exp(-a v - x expm1(-v)) dv      x <= a

These exponents are 0 at 0 and concave, so V, where they reach -37, is known well enough from a few bounds. Shapes below 8
are first raised by 8 through the recurrence P(a, x) = P(a + 1, x) + D, whose terms are positive: then the integrand has
no plateau, and 24 nodes are exact to rounding. Where a plateau remains (a and x below 1), the power series of the other
tail serves. Exponents are written as remainders, log1p(z) - z and expm1(u) - u, so that large shapes do not cancel.

Relative errors in float64 are some 1e-15 where the result is well-conditioned; in the tails, the rounding of the exponents.
Narrower floats are computed in float64 and rounded once. N. M. Temme, "Special Functions" (1996), chapter 11; DLMF 8.2,
8.7; the recurrence 8.8.5.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from functrans.core.trace import Primitive
from functrans.primitives import special_tables as tables
from functrans.primitives.arithmetic import add_p, div_p, eq_p, mul_p, neg_p, select_n_p, sub_p
from functrans.primitives.base import literal
from functrans.primitives.builders import nary
from functrans.primitives.logic import apply
from functrans.primitives.scalar_program import Value, evaluated, horner, integral, lowered, where
from functrans.primitives.special import digamma_p, lgamma_p, positive_digamma
from functrans.primitives.transcendental import exp_p, log_p

__all__ = [
    "DEPTH", "SHIFT", "expm1_rest", "igamma", "igamma_grad_a", "igamma_grad_a_p", "igamma_p", "igammac", "igammac_p",
    "integral_function", "less_one", "log1p_rest", "log_ratio_rest", "no_derivative", "quadratic_end",
    "random_gamma_grad", "random_gamma_grad_p", "small_lgamma1p", "stirling_rest", "times_log",
]

DEPTH = 37.0
"""Integrands are cut off at exp(-37), below half a unit in the last place of the integral."""
SHIFT = 8


# -- elementary remainders --------------------------------------------------------------------------------------------

def expm1_rest(u: Value) -> Value:
    """expm1(u) - u."""
    near = abs(u) < 0.5
    small = where(near, u, 0.0)
    series = small * small * horner(small, tables.EXPM1_REST)
    return where(near, series, u.f("expm1") - u)


def _near_log1p_rest(z: Value) -> Value:
    """log1p(z) - z for |z| < 0.3, by 2 atanh(r) with r = z / (2 + z)."""
    r = z / (z + 2.0)
    square = r * r
    return r * (2.0 * square * horner(square, tables.LOG1P_REST) - z)


def log1p_rest(z: Value) -> Value:
    """log1p(z) - z."""
    near = abs(z) < 0.3
    return where(near, _near_log1p_rest(where(near, z, 0.0)), z.f("log1p") - z)


def log_ratio_rest(a: Value, gap: Value, ratio: Value) -> Value:
    """``a log(ratio) - gap`` where ``ratio = 1 + gap / a``, both given."""
    near = abs(gap) < 0.3 * a
    return where(near, a * _near_log1p_rest(where(near, gap, 0.0) / a), a * ratio.f("log") - gap)


def small_lgamma1p(a: Value) -> Value:
    """lgamma(1 + a) for 0 <= a < 8.5, without the rounding of 1 + a."""
    # Down to t in [-1/2, 1/2) by lgamma(1 + a) = lgamma(1 + a - k) + log(a (a - 1) ... (a - k + 1)); then up by one.
    product, t = a.const(1.0), a
    for _ in range(SHIFT):
        above = t >= 0.5
        product = where(above, product * t, product)
        t = where(above, t - 1.0, t)
    ratio = where(a < 0.5, -t / (1.0 + t), product / (1.0 + t) - 1.0)
    return t * horner(t, tables.LGAMMA) + ratio.f("log1p")


def stirling_rest(a: Value) -> Value:
    """lgamma(a) less the terms of Stirling's formula: ``(a - 1/2) log a - a + log(2 pi) / 2``."""
    large = a >= float(SHIFT)
    r = 1.0 / where(large, a, float(SHIFT))
    s = where(large, 1.0, a)
    small = small_lgamma1p(s) - (s + 0.5) * s.f("log") + s - 0.5 * math.log(2 * math.pi)
    return where(large, r * horner(r * r, tables.STIRLING), small)


# -- gamma ------------------------------------------------------------------------------------------------------------

def _gamma_density(a: Value, x: Value) -> Value:
    """x**a exp(-x) / gamma(a + 1)."""
    large = a >= float(SHIFT)
    big, small = where(large, a, float(SHIFT)), where(large, 1.0, a)
    r = 1.0 / big
    by_stirling = log_ratio_rest(big, x - big, x / big) - r * horner(r * r, tables.STIRLING)
    direct = small * x.f("log") - x - small_lgamma1p(small)
    return where(large, by_stirling, direct).f("exp") * where(large, (r * (0.5 / math.pi)).f("sqrt"), 1.0)


def _gamma_integral(
    a: Value, x: Value, gap: Value, right: Value, factor: Callable[..., Value] | None = None, *more: Value,
) -> Value:
    """int_0^V factor(v) exp(a s v - x expm1(s v)) dv: s = 1 where `right` (x > a), else -1 (x <= a - 8).

    `gap` is |x - a|, given because a large shape plus 8 is rounded.
    """
    # Right: from expm1(v) - v >= v**2 / 2, then once from v = log(1 + 37 / x + v a / x).
    broad = 2.0 * DEPTH / (gap + _hypotenuse(gap, math.sqrt(2.0 * DEPTH) * x.f("sqrt")))
    tight = ((DEPTH + broad * a) / x).f("log1p")
    outer = where(broad < tight, broad, tight)
    # Left: from expm1(-v) + v >= v**2 / (v + 2).
    end = where(right, outer, quadratic_end(a, gap))
    sign = where(right, end.const(1.0), -1.0)

    def integrand(s: Value, x: Value, gap: Value, end: Value, sign: Value, *more: Value) -> Value:
        v = s * end
        bell = (-(gap * v + x * expm1_rest(sign * v))).f("exp")
        return bell if factor is None else factor(v, *more) * bell

    return end * integral(integrand, [x, gap, end, sign, *more], tables.LEGENDRE_NODES, tables.LEGENDRE_WEIGHTS)


def _hypotenuse(x: Value, y: Value) -> Value:
    """sqrt(x**2 + y**2), without overflow, of numbers that are not both 0."""
    x, y = abs(x), abs(y)
    more, less = where(x > y, x, y), where(x > y, y, x)
    ratio = less / more
    return more * (1.0 + ratio * ratio).f("sqrt")


def quadratic_end(total: Value, gap: Value) -> Value:
    """The v > 0 with ``gap v + (total - gap) v**2 / (v + 2) == 37``."""
    half = 2.0 * gap - DEPTH
    root = _hypotenuse(half, math.sqrt(8.0 * DEPTH) * total.f("sqrt"))
    return where(half > 0.0, 4.0 * DEPTH / (half + root), 0.5 * ((root - half) / total))


def _corner(a: Value, x: Value) -> tuple[Value, Value]:
    """P and Q for a, x < 1, by the series in powers of x."""
    exponent = a * x.f("log") - small_lgamma1p(a)
    total = 0.0 * x
    for n in range(17, 0, -1):
        total = x * ((1.0 / (a + float(n)) - total) / float(n))
    power = exponent.f("exp")
    small = a * power * total
    return power - small, small - exponent.f("expm1")


def _tails(a: Value, x: Value) -> tuple[Value, Value]:
    """P and Q, by operands that are finite and positive."""
    corner = (a < 1.0) & (x < 1.0)
    right = x > a
    raised = where(right, a, a + float(SHIFT))
    a_safe, x_safe = where(corner, 1.0, a), where(corner, 1.0, x)
    raised = where(corner, 1.0 + SHIFT, raised)
    right = right & ~corner
    gap = where(right, x_safe - a_safe, (a_safe - x_safe) + float(SHIFT))
    tail = raised * _gamma_integral(raised, x_safe, gap, right)
    lower = tail
    for k in range(SHIFT, 0, -1):
        lower = 1.0 + lower * (x_safe / (a_safe + float(k)))
    density = _gamma_density(a_safe, x_safe)
    size = density * where(right, tail, lower)
    p, q = where(right, 1.0 - size, size), where(right, size, 1.0 - size)
    near_p, near_q = _corner(where(corner, a, 0.5), where(corner, x, 0.5))
    return where(corner, near_p, p), where(corner, near_q, q)


def _at_edges(a: Value, x: Value, inside: Value, low: float, high: float) -> Value:
    """`inside`, the value `low` where the distribution has all its mass right of x, and `high` where left of it."""
    out = where((x == 0.0) | (a == math.inf), low, inside)
    out = where((x == math.inf) | (a == 0.0), high, out)
    wrong = ((a == 0.0) & (x == 0.0)) | ((a == math.inf) & (x == math.inf)) | ~(a >= 0.0) | ~(x >= 0.0)
    return where(wrong, math.nan, out)


def _inside(a: Value, x: Value) -> tuple[Value, Value]:
    """The operands where they are finite and positive, else ones."""
    fine = (a > 0.0) & (x > 0.0) & (a < math.inf) & (x < math.inf)
    return where(fine, a, 1.0), where(fine, x, 1.0)


def _igamma(a: Value, x: Value) -> Value:
    return _at_edges(a, x, _tails(*_inside(a, x))[0], 0.0, 1.0)


def _igammac(a: Value, x: Value) -> Value:
    return _at_edges(a, x, _tails(*_inside(a, x))[1], 1.0, 0.0)


def _relative_slope(a: Value, x: Value) -> Value:
    """dP/da over the density ``x**a exp(-x) / gamma(a + 1)``; operands finite and positive."""
    right = (x > a) & (x >= 1.0)
    # log x - digamma(a + 1), which is one of small numbers where a is large.
    large = a >= 10.0
    r = 1.0 / where(large, a, 10.0)
    excess = (x - a) * r
    far = where(abs(excess) < 0.5, excess.f("log1p"), x.f("log") - a.f("log")) - 0.5 * r + r * r * horner(r * r, tables.DIGAMMA_TAIL)
    weight = where(large, far, x.f("log") - positive_digamma(where(large, 1.0, a) + 1.0))
    # Left: S(a) = 1 + x / (a + 1) (1 + x / (a + 2) (...)), ending in S(a + 8) = 1 + x int_0 exp(-(a + 9) v - ...) dv.
    # Sought: weight S + S'. Carried: the part before the integral, and the integral's coefficients.
    product, logarithmic = a.const(1.0), a.const(0.0)
    total = weight
    for k in range(1, SHIFT + 1):
        each = 1.0 / (a + float(k))
        product = product * (x * each)
        logarithmic = logarithmic + each
        total = total + product * (weight - logarithmic)
    constant = where(right, weight * a + 1.0, (weight - logarithmic) * product * x)
    linear = where(right, a, -product * x)
    raised = where(right, a, a + (SHIFT + 1.0))
    gap = where(right, x - a, (a - x) + (SHIFT + 1.0))
    rest = _gamma_integral(raised, x, gap, right, lambda v, constant, linear: constant + linear * v, constant, linear)
    return where(right, -rest, total + rest)


def _igamma_grad_a(a: Value, x: Value) -> Value:
    a_in, x_in = _inside(a, x)
    density = _gamma_density(a_in, x_in)
    slope = where(density == 0.0, 0.0, density * _relative_slope(a_in, x_in))
    out = where((x == 0.0) | (x == math.inf) | (a == math.inf), 0.0, slope)
    return where(~(a > 0.0) | ~(x >= 0.0) | ((a == math.inf) & (x == math.inf)), math.nan, out)


def _random_gamma_grad(a: Value, x: Value) -> Value:
    a_in, x_in = _inside(a, x)
    out = where(x == 0.0, 0.0, -(x_in * (_relative_slope(a_in, x_in) / a_in)))
    out = where(x == math.inf, math.inf, out)
    return where(~(a > 0.0) | ~(x >= 0.0) | (a == math.inf), math.nan, out)


# -- primitives -------------------------------------------------------------------------------------------------------

_BLOCK = 4096


def _in_blocks(impl: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """`impl` over pieces of its operands, so that the nodes of all elements are never in memory at once."""

    def evaluate(*xs: np.ndarray) -> np.ndarray:
        shape = np.broadcast_shapes(*(np.shape(x) for x in xs))
        size = math.prod(shape)
        if size <= _BLOCK:
            return impl(*xs)
        flat = [np.broadcast_to(x, shape).reshape(-1) for x in xs]
        pieces = [impl(*(x[i:i + _BLOCK] for x in flat)) for i in range(0, size, _BLOCK)]
        return np.concatenate(pieces).reshape(shape)

    return evaluate


def integral_function(name: str, program: Callable[..., Value], *partials: Callable[..., Any]) -> Primitive:
    """The elementwise primitive of a program that has an `integral` in it."""
    def quiet(*xs: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):  # lanes that `where` drops
            return evaluated(program)(*xs)

    return nary(name, _in_blocks(quiet), *partials, kinds="f", lower=lowered(program))


def no_derivative(name: str, operand: str) -> Callable[..., Any]:
    """The partial of an operand with respect to which nothing is known: an error that says so."""
    def partial(*_: Any) -> Any:
        raise NotImplementedError(
            f"{name}: the derivative with respect to {operand} is not implemented (it has no closed form); hold that "
            "operand constant with lax.stop_gradient.")

    return partial


def _c(x: Any, value: float) -> Any:
    return literal(x, value)


def times_log(c: Any, logarithm: Any) -> Any:
    """The product, 0 where `c` is 0 whatever the logarithm."""
    zero = eq_p.bind(c, _c(c, 0))
    return select_n_p.bind(zero, mul_p.bind(c, logarithm), _c(c, 0))


def less_one(x: Any) -> Any:
    return sub_p.bind(x, _c(x, 1))


def _gamma_slope(a: Any, x: Any) -> Any:
    """dP/dx, ``x**(a - 1) exp(-x) / gamma(a)``."""
    return exp_p.bind(sub_p.bind(sub_p.bind(times_log(less_one(a), log_p.bind(x)), x), lgamma_p.bind(a)))


def _score(a: Any, x: Any) -> Any:
    """The derivative of the logarithm of dP/dx with respect to a: ``log(x) - digamma(a)``."""
    return sub_p.bind(log_p.bind(x), digamma_p.bind(a))


def _sample_slope(t: Any, z: Any, a: Any, x: Any) -> Any:
    """``-log(x) + digamma(a) - z ((a - 1) / x - 1)``, from z = -(dP/da) / (dP/dx)."""
    tilt = less_one(div_p.bind(less_one(a), x))
    return mul_p.bind(t, neg_p.bind(add_p.bind(_score(a, x), mul_p.bind(z, tilt))))


igamma_grad_a_p: Primitive = integral_function(
    "igamma_grad_a", _igamma_grad_a, no_derivative("igamma_grad_a", "the shape a"),
    lambda t, z, a, x: mul_p.bind(t, mul_p.bind(_gamma_slope(a, x), _score(a, x))))
random_gamma_grad_p: Primitive = integral_function(
    "random_gamma_grad", _random_gamma_grad, no_derivative("random_gamma_grad", "the shape a"), _sample_slope)
igamma_p: Primitive = integral_function(
    "igamma", _igamma, lambda t, z, a, x: mul_p.bind(t, igamma_grad_a_p.bind(a, x)),
    lambda t, z, a, x: mul_p.bind(t, _gamma_slope(a, x)))
igammac_p: Primitive = integral_function(
    "igammac", _igammac, lambda t, z, a, x: mul_p.bind(t, neg_p.bind(igamma_grad_a_p.bind(a, x))),
    lambda t, z, a, x: mul_p.bind(t, neg_p.bind(_gamma_slope(a, x))))


# -- public functions -------------------------------------------------------------------------------------------------

def igamma(a: Any, x: Any) -> Any:
    """The regularized lower incomplete gamma function P(a, x), the distribution function of a gamma variable of shape `a`.

    Operands are floats of equal dtype and shape (rank 0 mixes); the result is of theirs. nan where either is negative
    or nan, and where both are 0 or both inf. Differentiable in both. DLMF 8.2.4.

    >>> igamma(2.0, np.array([0.0, 1.0, np.inf]))
    Array([0.        , 0.26424112, 1.        ], dtype=float64)
    """
    return apply(igamma_p, a, x)


def igammac(a: Any, x: Any) -> Any:
    """The regularized upper incomplete gamma function Q(a, x) = 1 - P(a, x), accurate where it is small too.

    Operands as of `igamma`.

    >>> igammac(2.0, np.array([0.0, 1.0, 50.0]))
    Array([1.00000000e+00, 7.35758882e-01, 9.83662422e-21], dtype=float64)
    """
    return apply(igammac_p, a, x)


def igamma_grad_a(a: Any, x: Any) -> Any:
    """The derivative of `igamma` with respect to `a`; nan where `a` is 0. Differentiable in `x`.

    >>> igamma_grad_a(2.0, np.array([0.0, 1.0]))
    Array([ 0.        , -0.27619605], dtype=float64)
    """
    return apply(igamma_grad_a_p, a, x)


def random_gamma_grad(a: Any, sample: Any) -> Any:
    """The derivative of a gamma sample with respect to its shape `a` at a fixed quantile, -(dP/da) / (dP/dx).

    Differentiable in `sample`. M. Figurnov, S. Mohamed, A. Mnih, "Implicit Reparameterization Gradients", 2018.

    >>> random_gamma_grad(2.0, np.array([0.0, 1.0]))
    Array([0.        , 0.75077869], dtype=float64)
    """
    return apply(random_gamma_grad_p, a, sample)
