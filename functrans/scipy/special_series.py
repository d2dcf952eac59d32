"""Power series of the hypergeometric kind, summed with twice the digits; their derivatives with respect to parameters.

A number of twice the digits is a pair of float64, the second what the first lacks (T. J. Dekker, "A floating-point technique for
extending the available precision", 1971; J. R. Shewchuk, "Adaptive precision floating-point arithmetic", 1997).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans.calls.while_loop import while_loop
from functrans.numpy.choice import where
from functrans.numpy.creation import ones_like, zeros_like
from functrans.numpy.reductions import any as any_
from functrans.numpy.ufuncs import absolute, floor
from functrans.primitives.fma import fma_p
from functrans.transforms.api import jvp

__all__ = ["MOST_TERMS", "Double", "at_pole", "difference", "over", "parameter_slopes", "plain_series", "plus", "series"]

Double = tuple[Any, Any]
"""A number and what it lacks."""
MOST_TERMS = 20000
"""After so many terms a sum is given as it stands."""


# -- numbers of twice the digits --------------------------------------------------------------------------------------

def _two_sum(x: Any, y: Any) -> Double:
    """x + y and its error."""
    s = x + y
    part = s - x
    return s, (x - (s - part)) + (y - part)


def _normal(x: Any, y: Any) -> Double:
    """The same for |x| >= |y|; infinities have no error."""
    y = where(absolute(x) < np.inf, y, 0)
    s = x + y
    return s, where(absolute(s) < np.inf, y - (s - x), 0)


def plus(x: Double, y: Double) -> Double:
    """The sum."""
    s, e = _two_sum(x[0], y[0])
    return _normal(s, e + (x[1] + y[1]))


def _times(x: Double, y: Double) -> Double:
    p = x[0] * y[0]
    return _normal(p, fma_p.bind(x[0], y[0], -p) + (x[0] * y[1] + x[1] * y[0]))


def over(x: Double, y: Double) -> Double:
    """The quotient."""
    q = x[0] / y[0]
    rest = fma_p.bind(-q, y[0], x[0]) + (x[1] - q * y[1])
    return _normal(q, rest / y[0])


def difference(x: Any, y: Any) -> Double:
    """x - y and its error."""
    return _two_sum(x, -y)


# -- the series -------------------------------------------------------------------------------------------------------

def series(tops: Sequence[Double], bottoms: Sequence[Double], x: Double) -> Any:
    """The sum over k of ``prod (top)_k / prod (bottom)_k x**k / k!``; inf where a bottom gets 0 before a top does."""
    one = ones_like(x[0])
    zero = zeros_like(one)

    def going(carry: Any) -> Any:
        return any_(~carry[-1]) & (carry[0] < MOST_TERMS)

    def step(carry: Any) -> Any:
        k, term, total, done = carry
        above, below = x, (k + 1 + zero, zero)
        for top in tops:
            above = _times(above, plus(top, (k + zero, zero)))
        for bottom in bottoms:
            below = _times(below, plus(bottom, (k + zero, zero)))
        ended = above[0] == 0
        pole = (below[0] == 0) & ~ended
        ratio = over(above, (where(below[0] == 0, 1, below[0]), below[1]))
        following = _times(term, ratio)
        following = where(done | ended, 0, where(pole, np.inf, following[0])), where(done | ended | pole, 0, following[1])
        total = plus(total, following)
        # What follows is a geometric series at most, once no factor can change sign.
        settled = (absolute(ratio[0]) < 0.95) & (absolute(following[0]) < 1e-19 * absolute(total[0]))
        for factor in (*tops, *bottoms):
            settled = settled & (k + factor[0] > 0)
        done = done | ended | pole | settled | ~(absolute(total[0]) < np.inf)
        return k + 1, following, total, done

    start = (0.0, (one, zero), (one, zero), x[0] != x[0])
    total = while_loop(going, step, start)[2]
    return where(x[0] == x[0], total[0], np.nan)


def plain_series(tops: Sequence[Any], bottoms: Sequence[Any], x: Any) -> Any:
    """The same in single numbers, to be differentiated: it goes on until a bound of terms and derivatives is small."""
    one = ones_like(x)

    def going(carry: Any) -> Any:
        k, _, total, bound = carry
        return any_(bound > 1e-19 * (1 + absolute(total))) & (k < MOST_TERMS)

    def step(carry: Any) -> Any:
        k, term, total, bound = carry
        ratio, growth = x / (k + 1), absolute(x) / (k + 1)
        for top in tops:
            ratio, growth = ratio * (top + k), growth * (absolute(top + k) + 1)
        for bottom in bottoms:
            ratio, growth = ratio / (bottom + k), growth / absolute(bottom + k)
        term = term * ratio
        return k + 1, term, total + term, bound * growth

    return while_loop(going, step, (0.0, one, one, one))[2]


def parameter_slopes(plain: Callable[..., Any], count: int) -> list[Callable[..., Any]]:
    """The partials with respect to the first `count` arguments of `plain`."""

    def partial(position: int) -> Callable[..., Any]:
        def slope(t: Any, z: Any, *args: Any) -> Any:
            def along(v: Any) -> Any:
                return plain(*args[:position], v, *args[position + 1:])

            return t * jvp(along, (args[position],), (ones_like(args[position]),))[1]

        return slope

    return [partial(i) for i in range(count)]


def at_pole(x: Any) -> Any:
    """Whether `x` is 0, -1, -2, ..."""
    return (x <= 0) & (floor(x) == x)
