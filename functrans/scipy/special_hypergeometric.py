"""The hypergeometric functions 1F1 (Kummer's) and 2F1 (Gauss's) of real numbers.

The power series are summed with twice the digits (`special_series`), so that neither the many terms nor their cancellation cost any.
1F1 is a series in x >= 0, left of 0 after Kummer's transformation (DLMF 13.2.39), and for
large x the asymptotic one (DLMF 13.7.1). 2F1 is a series up to 3/4; left of 0 Pfaff's transformation leads to [0, 1) (DLMF 15.8.1);
beyond 3/4 the differential equation is followed by Taylor steps that halve the distance from 1, which knows no exceptional
parameters, as the formulas with gamma functions do. At 1 stands Gauss's sum (DLMF 15.4.20).

Derivatives with respect to x are closed forms; those with respect to the parameters are those of the series, in float64.

J. W. Pearson, S. Olver, M. A. Porter, "Numerical methods for the computation of the confluent and Gauss hypergeometric functions" (2017).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans.calls.fori_loop import fori_loop
from functrans.calls.while_loop import while_loop
from functrans.core.trace import typeof
from functrans.numpy.choice import where
from functrans.numpy.creation import ones_like, zeros_like
from functrans.numpy.elementary import exp, log1p
from functrans.numpy.joining import stack
from functrans.numpy.reductions import all as all_
from functrans.numpy.reductions import any as any_
from functrans.numpy.reductions import prod
from functrans.numpy.ufuncs import absolute, floor, maximum
from functrans.numpy.util import broadcast_arrays_internal
from functrans.primitives.special import lgamma_p
from functrans.primitives.special_gamma import gamma_p
from functrans.primitives.structural import convert_element_type
from functrans.scipy.special_gamma import gammasgn
from functrans.scipy.special_operands import real_operands, with_derivatives
from functrans.scipy.special_series import MOST_TERMS, Double, at_pole, difference, over, parameter_slopes, plain_series, plus, series

__all__ = ["hyp1f1", "hyp2f1"]

_DOUBLE = np.dtype(np.float64)


def _narrowed(function: Callable[..., Any], args: Sequence[Any]) -> Any:
    """`function` of the arguments broadcast and in float64, rounded to their dtype."""
    dtype = typeof(args[0]).dtype
    wide = [convert_element_type(x, _DOUBLE) for x in broadcast_arrays_internal(*args)]
    return convert_element_type(function(*wide), dtype)


# -- Kummer's function ------------------------------------------------------------------------------------------------

def hyp1f1(a: Any, b: Any, x: Any) -> Any:
    """Kummer's confluent hypergeometric function, the sum of ``(a)_k / (b)_k * x**k / k!``. Real; arguments broadcast.

    inf where `b` is 0, -1, -2, ... and the series does not end before. In float64, for parameters of at most 30 in size, the relative
    error is some 1e-15, and where the function oscillates (a < 0 < x) some 1e-14 of the neighbouring extremes. Differentiable in all
    arguments.

    >>> hyp1f1(1.0, 2.0, np.array([0.0, 3.0]))
    Array([1.        , 6.36184564], dtype=float64)
    """
    return _narrowed(_hyp1f1, real_operands("hyp1f1", a, b, x))


def _plain_hyp1f1(a: Any, b: Any, x: Any) -> Any:
    left = x < 0
    total = plain_series([where(left, b - a, a)], [b], absolute(x))
    return where(left, exp(where(left, x, 0)) * total, total)


@with_derivatives(*parameter_slopes(_plain_hyp1f1, 2), lambda t, z, a, b, x: t * (a / b * hyp1f1(a + 1, b + 1, x)))
def _hyp1f1(a: Any, b: Any, x: Any) -> Any:
    zero = zeros_like(a)
    left = (x < 0) & ~at_pole(a)
    other = difference(b, a)
    top = where(left, other[0], a), where(left, other[1], zero)
    y = where(left, -x, x)
    far, large = _asymptotic_hyp1f1(top, b, y)
    near = series([top], [(b, zero)], (where(far, 0, y), zero))
    # Exponentials are taken in halves: they may overflow or vanish before the product does.
    fall, growth = exp(0.5 * where(left & ~far, x, 0)), exp(0.5 * where(far & ~left, y, 0))
    out = where(far, large * growth * growth, near * fall * fall)
    return where((x == np.inf) & far, gammasgn(a) * gammasgn(b) * np.inf, where((x == 0) & ~at_pole(b), 1, out))


def _asymptotic_hyp1f1(top: Double, b: Any, x: Any) -> tuple[Any, Any]:
    """Whether the series in 1 / x serves, and what it gives but for the factor exp(x)."""
    a = top[0]
    usable = (x > 50) & ~at_pole(a) & ~at_pole(b)
    safe = where(usable, x, 50)
    one = ones_like(safe)

    def step(k: Any, carry: Any) -> Any:
        term, least, total = carry
        following = term * ((b - a + k) * (1 - a + k) / (k + 1) / safe)
        falling = (absolute(following) < least) | (following == 0)
        term = where(falling, following, 0 * term + np.inf)  # from the least term on nothing is added
        least = where(falling, absolute(following), least)
        return term, least, total + where(falling, following, 0)

    _, least, total = fori_loop(0, 40, step, (one, one, one))
    usable = usable & (least < 1e-17 * absolute(total))
    above, below = gamma_p.bind(b), gamma_p.bind(a)
    direct = (absolute(above) < np.inf) & (absolute(below) < np.inf) & (above != 0) & (below != 0)
    by_logarithms = gammasgn(a) * gammasgn(b) * exp(lgamma_p.bind(b) - lgamma_p.bind(a))
    quotient = where(direct, above / where(direct, below, 1), by_logarithms)
    return usable, quotient * safe ** (a - b) * total


# -- Gauss's function -------------------------------------------------------------------------------------------------

_NEAR = 0.75


def hyp2f1(a: Any, b: Any, c: Any, x: Any) -> Any:
    """Gauss's hypergeometric function, the sum of ``(a)_k (b)_k / (c)_k * x**k / k!``. Real; arguments broadcast.

    Continued to all ``x < 1``; at 1 the limit, and inf beyond, except for what is defined everywhere: polynomials (`a` or `b` is 0, -1,
    -2, ...) and whole powers of 1 - x (`a` or `b` equals `c`, the other is whole). inf where `c` is 0, -1, -2, ... and the series does
    not end before. In float64, for parameters of at most 10 in size, the relative error is some 1e-14 beside the zeros. Differentiable
    in all arguments.

    >>> hyp2f1(1.0, 2.0, 3.0, np.array([-2.0, 0.5]))
    Array([0.45069386, 1.54517744], dtype=float64)
    """
    return _narrowed(_hyp2f1, real_operands("hyp2f1", a, b, c, x))


def _continued(a: Any, b: Any, c: Any, w: Any, value: Any, slope: Any, least: int = 0) -> Any:
    """The solution of the hypergeometric equation at 1 - w, 0 < w <= 1/2, from its value and slope at 1/2.

    A step has at least `least` terms: the derivatives of a polynomial with respect to its parameters are no polynomials.
    """
    zero = zeros_like(value)

    def step(carry: Any) -> Any:
        at, value, slope = carry
        to = maximum(0.5 * at, w)
        h, x = at - to, 1 - at

        def going(inner: Any) -> Any:
            k, before, now, total, _ = inner
            moving = absolute(before) + absolute(now) > 1e-19 * absolute(total)
            return any_((moving | (k < least + absolute(a)) | (k < least + absolute(b))) & (h > 0)) & (k < MOST_TERMS)

        def term(inner: Any) -> Any:
            k, before, now, total, ascent = inner  # the terms of powers k and k + 1 of h
            total, ascent = total + now, ascent + (k + 1) * now
            linear = (2 * at - 1) * k + (c - a - b - 1) + (a + b + 1) * at
            following = ((k + a) * (k + b) * h * h * before - linear * (k + 1) * h * now) / (x * at * (k + 1) * (k + 2))
            return k + 1, now, following, total, ascent

        first = slope * h
        total, ascent = while_loop(going, term, (0.0, value, first, value, zero))[3:]
        moved = h > 0
        return where(moved, to, at), where(moved, total, value), where(moved, ascent / where(moved, h, 1), slope)

    def going(carry: Any) -> Any:
        return any_(carry[0] > w)

    return while_loop(going, step, (zero + 0.5, value, slope))[1]


def _transformed(a: Any, b: Any, c: Any, x: Any, left: Any) -> tuple[Any, Any, Double, Double, Any]:
    """By Pfaff where `left`: (the first and second parameter, the argument, 1 less it, the factor)."""
    low, high = where(a < b, a, b), where(a < b, b, a)
    other = difference(c, high)
    gap = difference(ones_like(x), where(left, x, 0))
    z = over((where(left, -x, x), zeros_like(x)), gap)
    w = where(left, 1 / gap[0], 1 - x)
    scale = exp(-low * log1p(-where(left, x, 0)))
    return low, (where(left, other[0], high), where(left, other[1], 0)), z, w, scale


def _plain_hyp2f1(a: Any, b: Any, c: Any, x: Any) -> Any:
    first, (second, _), (z, _), w, scale = _transformed(a, b, c, x, x < 0)
    far = z > _NEAR
    y = where(far, 0.5, z)
    value = plain_series([first, second], [c], y)
    slope = plain_series([first + 1, second + 1], [c + 1], where(far, 0.5, 0)) * (first * second / c)
    beyond = _continued(first, second, c, where(far, maximum(w, 1e-30), 0.5), value, slope, 80)
    return where(x > 1, np.nan, scale * where(far, beyond, value))


@with_derivatives(
    *parameter_slopes(_plain_hyp2f1, 3), lambda t, z, a, b, c, x: t * (a * b / c * hyp2f1(a + 1, b + 1, c + 1, x)))
def _hyp2f1(a: Any, b: Any, c: Any, x: Any) -> Any:
    zero = zeros_like(a)
    ends = at_pole(a) | at_pole(b)
    first, second, z, w, scale = _transformed(a, b, c, x, (x < 0) & ~ends)
    outside = (x >= 1) & ~ends
    far = (z[0] > _NEAR) & ~ends & ~outside
    top = (first, zero)
    y = where(outside, 0, where(far, 0.5, z[0])), where(far | outside, 0, z[1])
    value = series([top, second], [(c, zero)], y)
    half = where(far, 0.5, 0), zero
    raised = [plus(p, (zero + 1, zero)) for p in (top, second, (c, zero))]
    slope = series(raised[:2], raised[2:], half) * (first * second[0] / c)
    beyond = _continued(first, second[0], c, where(far, w, 0.5), value, slope)
    out = scale * where(far & (absolute(value) < np.inf), beyond, value)
    out = where(outside, where(x == 1, _at_one(a, b, c), _beyond_one(a, b, c, where(outside & (x > 1), x, 2))), out)
    return where((a == a) & (b == b) & (c == c) & (x == x), out, np.nan)


def _beyond_one(a: Any, b: Any, c: Any, x: Any) -> Any:
    """``(1 - x)**-a`` where b equals c, or so with a and b exchanged, if the power is whole (DLMF 15.4.6); else inf."""
    exponent = where(b == c, a, b)
    whole = ((a == c) | (b == c)) & (floor(exponent) == exponent) & ~at_pole(c)
    return where(whole, (1 - x) ** -where(whole, exponent, 1), np.inf)


def _at_one(a: Any, b: Any, c: Any) -> Any:
    """gamma(c) gamma(c - a - b) / (gamma(c - a) gamma(c - b)) where c > a + b, else inf."""
    parts = stack([c, c - a - b, c - a, c - b])
    values, signs, logarithms = gamma_p.bind(parts), gammasgn(parts), lgamma_p.bind(parts)
    usable = all_((absolute(values) < np.inf) & (values != 0), 0)
    safe = where(usable, values, 1)
    by_logarithms = prod(signs, 0) * exp(logarithms[0] + logarithms[1] - logarithms[2] - logarithms[3])
    out = where(usable, safe[0] * safe[1] / (safe[2] * safe[3]), by_logarithms)
    out = where(at_pole(c - a) | at_pole(c - b), 0, out)
    return where((c - a - b > 0) & ~at_pole(c), out, np.inf)
