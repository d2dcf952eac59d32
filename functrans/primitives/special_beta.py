"""The regularized incomplete beta function and its derivatives with respect to the shapes `a` and `b`.

By the method of `special_integrals`, in the variable ``log(t / (1 - t))``:

    I_x(a, b) = D S,  D = x^a y^b / (a B(a, b)),  S = a int_0^V exp(-a v - (a + b) log(1 + x expm1(-v))) dv

with ``y = 1 - x`` and ``x <= a / (a + b)``, else by I_x(a, b) = 1 - I_y(b, a). The shape is raised by 8 through the recurrence
S(a) = 1 + x (a + b) / (a + 1) S(a + 1); the power series of the other tail serves where b < 1 and x is near 1.

The derivatives are those of recurrence and integral, term by term:

    dI / D = w S + dS,  w = d log(D):  log(x) + digamma(a + b) - digamma(a + 1), or log(y) + digamma(a + b) - digamma(b)
    w(a) S(a) + dS(a) = w(a) + x (a + b) / (a + 1) (w(a + 1) S(a + 1) + dS(a + 1))
    dS = S / a [by a alone] - a int_0^V log(1 + y expm1(v)), or log(1 + x expm1(-v)), times the exponential, dv

Left of the mean w is negative in the first and positive in the second case, whatever the shapes, so that no terms cancel;
differences of digammas are computed as such. Second derivatives follow by the same rule. (R. J. Boik and J. F. Robison-Cox,
"Derivatives of the incomplete beta function", 1998, differentiate the continued fraction instead.)

Relative errors in float64 are some 1e-15 where the result is well-conditioned; in the tails, the rounding of the exponents: for
shapes from 0.05 to 1000 at most 1.1e-13 measured in the derivatives (at results of 1e-245);
second derivatives as accurate beside their zeros.
Narrower floats are computed in float64 and rounded once. DLMF 8.17; the recurrence 8.17.20.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np  # noqa: F401 - the doctests use it

from functrans.core.trace import Primitive
from functrans.primitives import special_tables as tables
from functrans.primitives.arithmetic import add_p, eq_p, mul_p, neg_p, select_n_p, sub_p
from functrans.primitives.base import literal
from functrans.primitives.logic import apply
from functrans.primitives.scalar_program import Value, horner, integral, where
from functrans.primitives.special import digamma_p, lgamma_p, polygamma_p
from functrans.primitives.special_integrals import (
    DEPTH,
    SHIFT,
    expm1_rest,
    integral_function,
    less_one,
    log1p_rest,
    log_ratio_rest,
    no_derivative,
    quadratic_end,
    small_lgamma1p,
    stirling_rest,
    times_log,
)
from functrans.primitives.transcendental import exp_p, log1p_p, log_p

__all__ = [
    "betainc", "betainc_grad_a", "betainc_grad_a_p", "betainc_grad_aa_p", "betainc_grad_ab_p", "betainc_grad_b", "betainc_grad_b_p",
    "betainc_grad_bb_p", "regularized_incomplete_beta_p",
]


# -- differences of gamma functions -----------------------------------------------------------------------------------

def _lgamma_step(a: Value, b: Value) -> Value:
    """lgamma(a + b) - lgamma(a) for 0 <= b <= 1, relative to b."""
    # Up to A = a + 8 by the product of 1 + b / (a + k), kept less 1.
    over = a.const(0.0)
    for k in range(SHIFT):
        each = b / (a + float(k))
        each = where(each < 1e300, each, 1e300)
        over = over + each + over * each
    a = a + float(SHIFT)
    r0, r1 = 1.0 / a, 1.0 / (a + b)
    step = -b * r0 * r1  # r1 - r0
    z0, gap = r0 * r0, step * (r1 + r0)
    z1 = z0 + gap
    value, slope = _with_difference(tables.STIRLING, z0, z1)
    rest = step * (value + gap * slope) + r0 * gap * slope
    return (a + b - 0.5) * (b * r0).f("log1p") + b * (a.f("log") - 1.0) + rest - over.f("log1p")


def _with_difference(coefficients: Sequence[float], z0: Value, z1: Value) -> tuple[Value, Value]:
    """A polynomial's value at z0 and its divided difference between z0 and z1, by one Horner scheme."""
    value, slope = z0.const(coefficients[0]), z0.const(0.0)
    for c in coefficients[1:]:
        slope = slope * z1 + value
        value = value * z0 + c
    return value, slope


def _digamma_rest(low: Value, high: Value, gain: Value) -> Value:
    """digamma(high) - digamma(low) - log(high / low), where both are 8 or more and ``gain = high - low``."""
    r0, r1 = 1.0 / low, 1.0 / high
    step = -gain * r0 * r1  # r1 - r0
    z0, gap = r0 * r0, step * (r1 + r0)
    z1 = z0 + gap
    value, slope = _with_difference(tables.DIGAMMA_TAIL, z0, z1)
    return -0.5 * step - gap * (value + z1 * slope)


def _raised_digamma(low: Value, high: Value, gain: Value) -> Value:
    """What digamma(high) - digamma(low) loses when 8 is added to both: a sum of terms of one sign."""
    total = low.const(0.0)
    for k in range(SHIFT):
        total = total + gain / (low + float(k)) / (high + float(k))
    return total


def _digamma_step(low: Value, high: Value, gain: Value) -> Value:
    """digamma(high) - digamma(low) for positive operands, relative to their difference `gain`."""
    base, top = low + float(SHIFT), high + float(SHIFT)
    return _raised_digamma(low, high, gain) + ((gain / base).f("log1p") + _digamma_rest(base, top, gain))


_TRIGAMMA_TAIL = (*(v for k, c in zip(range(10, 0, -1), tables.DIGAMMA_TAIL, strict=True) for v in (2 * k * c, 0.0)), 1.0, 0.0)
"""trigamma(x) is the polynomial with these coefficients of 1 / x, plus half its square, for x of 8 and more (DLMF 5.15.8)."""


def _large_trigamma(x: Value) -> Value:
    """trigamma(x) for x of 8 and more."""
    r = 1.0 / x
    return horner(r, _TRIGAMMA_TAIL) + 0.5 * r * r


def _trigamma_rest(low: Value, high: Value, gain: Value) -> Value:
    """trigamma(high) - trigamma(low), where both are 8 or more and ``gain = high - low``."""
    r0, r1 = 1.0 / low, 1.0 / high
    value, slope = low.const(_TRIGAMMA_TAIL[0]), low.const(0.0)
    for c in _TRIGAMMA_TAIL[1:]:
        slope = slope * r1 + value
        value = value * r0 + c
    return -gain * r0 * r1 * (slope + 0.5 * (r0 + r1))


def _raised_trigamma(low: Value, high: Value, gain: Value) -> Value:
    """What trigamma(high) - trigamma(low) loses when 8 is added to both."""
    total = low.const(0.0)
    for k in range(SHIFT):
        u, v = 1.0 / (low + float(k)), 1.0 / (high + float(k))
        total = total - gain * u * v * (u + v)
    return total


def _trigamma_step(low: Value, high: Value, gain: Value) -> Value:
    """trigamma(high) - trigamma(low) for positive operands, relative to their difference `gain`."""
    return _raised_trigamma(low, high, gain) + _trigamma_rest(low + float(SHIFT), high + float(SHIFT), gain)


# -- the function -----------------------------------------------------------------------------------------------------

def _beta_density(a: Value, b: Value, x: Value, y: Value) -> Value:
    """x**a y**b / (a B(a, b)), with y = 1 - x."""
    n, gap = a + b, a * y - b * x
    least = 1e-300 * n  # below, the ratio would overflow, and its logarithm does not count
    exponent = log_ratio_rest(a, -gap, x * (n / where(a > least, a, least)))
    exponent = exponent + log_ratio_rest(b, gap, y * (n / where(b > least, b, least)))
    rest = stirling_rest(n) - stirling_rest(a) - stirling_rest(b)
    return (exponent + rest).f("exp") * ((b / n) * (0.5 / math.pi)).f("sqrt") / a.f("sqrt")


def _beta_integral(
    a: Value, b: Value, x: Value, y: Value, gap: Value, factor: Callable[..., Value] | None = None, *more: Value,
) -> Value:
    """int_0^V factor(v) exp(-a v - (a + b) log(1 + x expm1(-v))) dv for x left of a / (a + b); `gap` is a y - b x."""
    n = a + b
    near = x <= 0.5
    part, sign = where(near, x, y), where(near, x.const(-1.0), 1.0)
    # From the variance x y exp(-v) of the tilted Bernoulli law or more; then from y expm1(v) <= expm1((37 + b v) / n);
    # then one step of Newton's method, which stays right of the root of a convex function.
    end = quadratic_end(gap + n * x * y, gap)
    for _ in range(2):
        tight = (((DEPTH + b * end) / n).f("expm1") / y).f("log1p")
        end = where(tight < end, tight, end)
    fall = (-end).f("expm1")
    depth, slope = _beta_depth(end, n, gap, part, sign), gap - n * x * (y * (fall / (1.0 + x * fall)))
    end = end - where(depth > DEPTH, (depth - DEPTH) / slope, 0.0)

    def integrand(s: Value, end: Value, n: Value, gap: Value, part: Value, sign: Value, *more: Value) -> Value:
        v = s * end
        bell = (-_beta_depth(v, n, gap, part, sign)).f("exp")
        return bell if factor is None else factor(v, part, sign, *more) * bell

    return end * integral(integrand, [end, n, gap, part, sign, *more], tables.LEGENDRE_NODES, tables.LEGENDRE_WEIGHTS)


def _beta_depth(v: Value, n: Value, gap: Value, part: Value, sign: Value) -> Value:
    """``a v + n log(1 + x expm1(-v))``, of which the smaller of x and 1 - x is the `part`, with sign -1 or 1."""
    rest = expm1_rest(sign * v)
    return gap * v + n * (log1p_rest(part * (rest + sign * v)) + part * rest)


def _beta_corner(a: Value, b: Value, y: Value) -> tuple[Value, Value]:
    """I_x(a, b) and its complement for b < 1 and y = 1 - x <= 0.15 with (a - 1) y <= 1, by the series in powers of y."""
    exponent = b * y.f("log") + _lgamma_step(a, b) - small_lgamma1p(b)
    term, total = y.const(1.0), y.const(0.0)
    for n in range(1, 20):
        term = term * (y * ((float(n) - a) / float(n)))
        total = total - term / (b + float(n))
    power = exponent.f("exp")
    small = b * power * total
    return small - exponent.f("expm1"), power - small


def _at_corner(a: Value, b: Value, y: Value) -> Value:
    return (b < 1.0) & (y <= 0.15) & ((a - 1.0) * y <= 1.0)


class _Frame(NamedTuple):
    """Where a result is computed: the operands, exchanged where `swap`, so that x is left of the mean or the `corner` near 1."""

    a: Value
    b: Value
    x: Value
    y: Value
    swap: Value
    corner: Value

    def at_corner(self) -> tuple[Value, Value, Value]:
        """a, b and y there, elsewhere others that are."""
        return where(self.corner, self.a, 1.0), where(self.corner, self.b, 0.5), where(self.corner, self.y, 0.1)

    def beside(self) -> tuple[Value, Value, Value, Value]:
        """a, b, x and y beside the corner."""
        half = self.x.const(0.5)
        return (where(self.corner, 1.0, self.a), where(self.corner, 1.0, self.b), where(self.corner, half, self.x),
                where(self.corner, half, self.y))


def _framed(a: Value, b: Value, x: Value) -> _Frame:
    """For finite positive a and b and 0 < x < 1."""
    # Their sum must not overflow.
    a, b = where(a < 8e307, a, 8e307), where(b < 8e307, b, 8e307)
    y = 1.0 - x
    right, left = _at_corner(a, b, y), _at_corner(b, a, x)
    corner = right | left
    swap = left | (~corner & (b * x > a * y))
    return _Frame(where(swap, b, a), where(swap, a, b), where(swap, y, x), where(swap, x, y), swap, corner)


def _raised_gap(a: Value, b: Value, x: Value, y: Value) -> Value:
    """a y - b x with the shape a raised."""
    return (a * y - b * x) + float(SHIFT) * y


def _inner_betainc(a: Value, b: Value, x: Value) -> Value:
    """betainc for finite positive a and b and 0 < x < 1."""
    # Where both are tiny, only their ratio counts, but their products underflow.
    scale = where((a < 1e-250) & (b < 1e-250), a.const(1e220), 1.0)
    frame = _framed(a * scale, b * scale, x)
    corner_small, corner_rest = _beta_corner(*frame.at_corner())
    a, b, x, y = frame.beside()
    raised = a + float(SHIFT)
    total = raised * _beta_integral(raised, b, x, y, _raised_gap(a, b, x, y))
    for k in range(SHIFT, 0, -1):
        total = 1.0 + total * (x * ((a + b + float(k - 1)) / (a + float(k))))
    small = _beta_density(a, b, x, y) * total
    swap, corner = frame.swap, frame.corner
    return where(swap, where(corner, corner_rest, 1.0 - small), where(corner, corner_small, small))


def _betainc(a: Value, b: Value, x: Value) -> Value:
    fine = (a > 0.0) & (b > 0.0) & (a < math.inf) & (b < math.inf) & (x > 0.0) & (x < 1.0)
    out = _inner_betainc(where(fine, a, 1.0), where(fine, b, 1.0), where(fine, x, 0.5))
    out = where((b == 0.0) | (a == math.inf), 0.0, out)
    out = where((a == 0.0) | (b == math.inf), 1.0, out)
    out = where(x == 0.0, 0.0, where(x == 1.0, 1.0, out))
    wrong = ((a == 0.0) & (b == 0.0)) | ((a == math.inf) & (b == math.inf)) | ~(a >= 0.0) | ~(b >= 0.0)
    return where(wrong | ~((x >= 0.0) & (x <= 1.0)), math.nan, out)


# -- its derivatives by the shapes ------------------------------------------------------------------------------------

def _log_scores(a: Value, b: Value, x: Value, y: Value, first: Value) -> list[Value]:
    """d log(D) with a raised by 0, 1, ..., 8: by a where `first`, else by b. Left of the mean each has one sign."""
    n, gap, top = a + b, a * y - b * x, a + b + float(SHIFT)
    # By a: from the most raised one downwards, where digammas are of large numbers; log(x top / base), base = a + 9.
    base, steps = a + (SHIFT + 1.0), range(SHIFT)
    less = (gap + float(SHIFT) * y + 1.0) / base
    score = where(less < 0.5, (-where(less < 0.5, less, 0.0)).f("log1p"), (x * (top / base)).f("log"))
    by_a = [score + _digamma_rest(base, top, b - 1.0)]
    for k in reversed(steps):
        by_a.append(by_a[-1] - (1.0 / (n + float(k)) - 1.0 / (a + float(k + 1))))
    # By b: upwards; log(y top / base), base = b + 8.
    base = b + float(SHIFT)
    more = (gap - float(SHIFT) * x) / base
    near = abs(more) < 0.5
    score = where(near, where(near, more, 0.0).f("log1p"), (y * (top / base)).f("log"))
    by_b = [score + _digamma_rest(base, top, a) + _raised_digamma(b, n, a)]
    for k in steps:
        by_b.append(by_b[-1] + 1.0 / (n + float(k)))
    return [where(first, u, v) for u, v in zip(reversed(by_a), by_b, strict=True)]


def _weighted(v: Value, part: Value, sign: Value, constant: Value, scale: Value, tilt: Value) -> Value:
    """``constant - scale log(1 + y expm1(v))`` where the `tilt` is 1, ``constant - scale log(1 + x expm1(-v))`` where it is 0."""
    # One logarithm is the other plus v; taken is that of the smaller of x and y, which is the `part`.
    logarithm = (part * (sign * v).f("expm1")).f("log1p")
    return constant - scale * (logarithm + where(sign < 0.0, tilt, tilt - 1.0) * v)


def _beside_slope(a: Value, b: Value, x: Value, y: Value, first: Value) -> Value:
    """dI by a where `first`, else by b; left of the mean, beside the corner."""
    raised = a + float(SHIFT)
    *scores, last = _log_scores(a, b, x, y, first)
    tilt = where(first, a.const(1.0), 0.0)
    total = _beta_integral(raised, b, x, y, _raised_gap(a, b, x, y), _weighted, last * raised + tilt, raised, tilt)
    for k in reversed(range(SHIFT)):
        total = scores[k] + total * (x * ((a + b + float(k)) / (a + float(k + 1))))
    density = _beta_density(a, b, x, y)
    return where(density == 0.0, 0.0, density * total)


def _corner_slope(a: Value, b: Value, y: Value, first: Value) -> Value:
    """The same in the corner: less that of the complement, by its series (`_beta_corner`) differentiated term by term."""
    term, change, total = y.const(1.0), y.const(0.0), y.const(1.0)
    by_a, by_b = y.const(0.0), y.const(0.0)
    for n in range(1, 20):
        each = y / float(n)
        change = (float(n) - a) * each * change - term * each
        term = term * ((float(n) - a) * each)
        share = 1.0 / (b + float(n))
        total = total + b * share * term
        by_a = by_a + b * share * change
        by_b = by_b + float(n) * share * share * term
    power = (b * y.f("log") + _lgamma_step(a, b) - small_lgamma1p(b)).f("exp")
    score = where(first, _digamma_step(a, a + b, b), y.f("log") + _digamma_step(b + 1.0, a + b, a - 1.0))
    return -(power * (score * total + where(first, by_a, by_b)))


# -- second derivatives by the shapes ---------------------------------------------------------------------------------

def _score_slopes(a: Value, b: Value, u: Value, v: Value) -> list[Value]:
    """The derivatives of `_log_scores`: second ones of log(D), by a where a flag holds, else by b."""
    n, top = a + b, a + b + float(SHIFT)
    base, steps = a + (SHIFT + 1.0), range(SHIFT)
    by_aa, by_ab = [_trigamma_rest(base, top, b - 1.0)], [_large_trigamma(top)]
    for k in reversed(steps):
        here, before = 1.0 / (n + float(k)), 1.0 / (a + float(k + 1))
        by_aa.append(by_aa[-1] + (here * here - before * before))
        by_ab.append(by_ab[-1] + here * here)
    by_bb = [_trigamma_step(b, n, a)]
    for k in steps:
        here = 1.0 / (n + float(k))
        by_bb.append(by_bb[-1] - here * here)
    rows = zip(reversed(by_aa), reversed(by_ab), by_bb, strict=True)
    return [where(u & v, aa, where(u | v, ab, bb)) for aa, ab, bb in rows]


def _twice_weighted(
    v: Value, part: Value, sign: Value, raised: Value, bend: Value, score: Value, tilt: Value, other: Value, other_tilt: Value,
) -> Value:
    """The second derivative of ``raised D exp(-depth)`` over that of D and the exponential."""
    first, second = (_weighted(v, part, sign, w, raised.const(1.0), t) for w, t in ((score, tilt), (other, other_tilt)))
    return raised * (first * second + bend) + tilt * second + other_tilt * first


def _beside_curvature(a: Value, b: Value, x: Value, y: Value, u: Value, v: Value) -> Value:
    """The second derivative of I by a where a flag holds, else by b; left of the mean, beside the corner."""
    raised, one = a + float(SHIFT), a.const(1.0)
    bends, scores, others = _score_slopes(a, b, u, v), _log_scores(a, b, x, y, u), _log_scores(a, b, x, y, v)
    total = _beta_integral(raised, b, x, y, _raised_gap(a, b, x, y), _twice_weighted, raised, bends[-1], scores[-1],
                           where(u, one, 0.0), others[-1], where(v, one, 0.0))
    for k in reversed(range(SHIFT)):
        total = scores[k] * others[k] + bends[k] + total * (x * ((a + b + float(k)) / (a + float(k + 1))))
    density = _beta_density(a, b, x, y)
    return where(density == 0.0, 0.0, density * total)


def _corner_curvature(a: Value, b: Value, y: Value, u: Value, v: Value) -> Value:
    """The same in the corner."""
    term, change, bend = y.const(1.0), y.const(0.0), y.const(0.0)
    total, by_a, by_b = y.const(1.0), y.const(0.0), y.const(0.0)
    by_aa, by_ab, by_bb = y.const(0.0), y.const(0.0), y.const(0.0)
    for n in range(1, 20):
        each = y / float(n)
        factor = (float(n) - a) * each
        bend = factor * bend - 2.0 * each * change
        change = factor * change - term * each
        term = term * factor
        share = 1.0 / (b + float(n))
        gain = float(n) * share * share
        total, by_a, by_b = total + b * share * term, by_a + b * share * change, by_b + gain * term
        by_aa, by_ab, by_bb = by_aa + b * share * bend, by_ab + gain * change, by_bb - 2.0 * share * gain * term
    power = (b * y.f("log") + _lgamma_step(a, b) - small_lgamma1p(b)).f("exp")
    score_a, score_b = _digamma_step(a, a + b, b), y.f("log") + _digamma_step(b + 1.0, a + b, a - 1.0)
    tall = _large_trigamma(a + b + float(SHIFT))
    for k in range(SHIFT):
        here = 1.0 / (a + b + float(k))
        tall = tall + here * here
    bend_a, bend_b = _trigamma_step(a, a + b, b), _trigamma_step(b + 1.0, a + b, a - 1.0)
    of_aa = (score_a * score_a + bend_a) * total + 2.0 * score_a * by_a + by_aa
    of_ab = (score_a * score_b + tall) * total + score_a * by_b + score_b * by_a + by_ab
    of_bb = (score_b * score_b + bend_b) * total + 2.0 * score_b * by_b + by_bb
    return -(power * where(u & v, of_aa, where(u | v, of_ab, of_bb)))


def _by_shapes(shapes: str) -> Callable[..., Value]:
    """The program of the derivative by the one or two `shapes`: "a", "b", "aa", "ab" or "bb"."""
    corner_rule, beside_rule = (_corner_slope, _beside_slope) if len(shapes) == 1 else (_corner_curvature, _beside_curvature)

    def program(a: Value, b: Value, x: Value) -> Value:
        fine = (a > 0.0) & (b > 0.0) & (a < math.inf) & (b < math.inf) & (x > 0.0) & (x < 1.0)
        frame = _framed(where(fine, a, 1.0), where(fine, b, 1.0), where(fine, x, 0.5))
        flags = [~frame.swap if shape == "a" else frame.swap for shape in shapes]
        corner, beside = corner_rule(*frame.at_corner(), *flags), beside_rule(*frame.beside(), *flags)
        inner = where(frame.corner, corner, beside)
        out = where(fine, where(frame.swap, -inner, inner), 0.0)
        inside = (x >= 0.0) & (x <= 1.0) & ~((a == math.inf) & (b == math.inf))
        for name, shape in (("a", a), ("b", b)):
            inside = inside & (shape > 0.0 if name in shapes else shape >= 0.0)
        return where(inside, out, math.nan)

    return program


# -- primitives -------------------------------------------------------------------------------------------------------

def _beta_slope(a: Any, b: Any, x: Any) -> Any:
    """The derivative with respect to x, ``x**(a - 1) (1 - x)**(b - 1) / B(a, b)``."""
    size = sub_p.bind(lgamma_p.bind(add_p.bind(a, b)), add_p.bind(lgamma_p.bind(a), lgamma_p.bind(b)))
    powers = add_p.bind(times_log(less_one(a), log_p.bind(x)), times_log(less_one(b), log1p_p.bind(neg_p.bind(x))))
    return exp_p.bind(add_p.bind(powers, size))


def _log1m(x: Any) -> Any:
    return log1p_p.bind(neg_p.bind(x))


def _score(shape: str, a: Any, b: Any, x: Any) -> Any:
    """The derivative of log(dI/dx) by a shape."""
    own, logarithm = (a, log_p.bind(x)) if shape == "a" else (b, _log1m(x))
    return add_p.bind(logarithm, sub_p.bind(digamma_p.bind(add_p.bind(a, b)), digamma_p.bind(own)))


def _score_slope(shapes: str, a: Any, b: Any) -> Any:
    """The second derivative of log(dI/dx) by two shapes."""
    one = literal(a, 1)
    both = polygamma_p.bind(one, add_p.bind(a, b))
    return both if shapes == "ab" else sub_p.bind(both, polygamma_p.bind(one, a if shapes == "aa" else b))


def _slope_by_x(shapes: str) -> Callable[..., Any]:
    """The partial with respect to x of the derivative by shapes: that of dI/dx by them; 0 where dI/dx is 0."""

    def partial(t: Any, z: Any, a: Any, b: Any, x: Any) -> Any:
        slope, factor = _beta_slope(a, b, x), _score(shapes[0], a, b, x)
        if len(shapes) == 2:
            factor = add_p.bind(mul_p.bind(factor, _score(shapes[1], a, b, x)), _score_slope(shapes, a, b))
        return mul_p.bind(t, select_n_p.bind(eq_p.bind(slope, literal(x, 0)), mul_p.bind(slope, factor), literal(x, 0)))

    return partial


def _second(shapes: str) -> Primitive:
    name = f"betainc_grad_{shapes}"
    refused = (no_derivative(name, f"the shape {shape}") for shape in "ab")
    return integral_function(name, _by_shapes(shapes), *refused, _slope_by_x(shapes))


def _along(prim: Primitive) -> Callable[..., Any]:
    return lambda t, z, a, b, x: mul_p.bind(t, prim.bind(a, b, x))


betainc_grad_aa_p, betainc_grad_ab_p, betainc_grad_bb_p = _second("aa"), _second("ab"), _second("bb")
"""The second derivatives of I; third ones exist by x only."""
betainc_grad_a_p: Primitive = integral_function(
    "betainc_grad_a", _by_shapes("a"), _along(betainc_grad_aa_p), _along(betainc_grad_ab_p), _slope_by_x("a"))
"""``betainc_grad_a a b x``: dI/da."""
betainc_grad_b_p: Primitive = integral_function(
    "betainc_grad_b", _by_shapes("b"), _along(betainc_grad_ab_p), _along(betainc_grad_bb_p), _slope_by_x("b"))
"""``betainc_grad_b a b x``: dI/db. Not by the reflection, which would round 1 - x."""
regularized_incomplete_beta_p: Primitive = integral_function(
    "regularized_incomplete_beta", _betainc, _along(betainc_grad_a_p), _along(betainc_grad_b_p),
    lambda t, z, a, b, x: mul_p.bind(t, _beta_slope(a, b, x)))


# -- public functions -------------------------------------------------------------------------------------------------

def betainc(a: Any, b: Any, x: Any) -> Any:
    """The regularized incomplete beta function I_x(a, b), the distribution function of a beta variable.

    Operands are floats of equal dtype and shape (rank 0 mixes). nan where a or b is negative or nan, where both are 0 or
    both inf, and where x is outside [0, 1]. Differentiable in all; third derivatives by the shapes raise
    `NotImplementedError`. DLMF 8.17.2.

    >>> betainc(2.0, 3.0, np.array([0.0, 0.5, 1.0]))
    Array([0.    , 0.6875, 1.    ], dtype=float64)
    """
    return apply(regularized_incomplete_beta_p, a, b, x)


def betainc_grad_a(a: Any, b: Any, x: Any) -> Any:
    """The derivative of `betainc` with respect to `a`, which is negative inside; nan also where `a` is 0.

    >>> betainc_grad_a(2.0, 3.0, np.array([0.0, 0.5]))
    Array([ 0.        , -0.19528869], dtype=float64)
    """
    return apply(betainc_grad_a_p, a, b, x)


def betainc_grad_b(a: Any, b: Any, x: Any) -> Any:
    """The derivative of `betainc` with respect to `b`, which is positive inside; nan also where `b` is 0.

    >>> betainc_grad_b(2.0, 3.0, np.array([0.0, 0.5]))
    Array([0.        , 0.15410849], dtype=float64)
    """
    return apply(betainc_grad_b_p, a, b, x)
