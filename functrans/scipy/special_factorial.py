"""Factorials, their quotients and the Bernoulli numbers. Real arguments; integers become the default float. DLMF 5.2, 24.2, 26.3."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from functrans.calls.jitted import jit
from functrans.config import options
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.choice import where
from functrans.numpy.creation import asarray
from functrans.numpy.elementary import exp, sin
from functrans.numpy.ufuncs import absolute, floor, minimum
from functrans.numpy.ufuncs import round as round_
from functrans.primitives.special import digamma_p, lgamma_p
from functrans.primitives.special_gamma import gamma_p
from functrans.primitives.structural import convert_element_type
from functrans.scipy.special_gamma import beta, gammasgn
from functrans.scipy.special_operands import real_operands, static_integer, with_derivatives
from functrans.scipy.special_stirling import SMALLEST, gamma_quotient

__all__ = ["bernoulli", "comb", "factorial", "poch"]

_WHOLE = 20
"""Products of up to so many factors are multiplied out."""


def factorial(n: Any, exact: bool = False) -> Any:
    """``gamma(n + 1)``; 0 where `n` is negative.

    Args:
        n: real.
        exact: must be False.

    Raises:
        NotImplementedError: if `exact`, which asks for Python integers.

    >>> factorial(np.array([0, 5]))
    Array([  1., 120.], dtype=float64)
    """
    if exact:
        raise NotImplementedError(f"factorial: exact=True asks for Python integers, which are not array elements, at "
                                  f"{describe(user_source())}. Use math.factorial.")
    return _factorial(*real_operands("factorial", n))


@jit
def _factorial(n: Any) -> Any:
    return where(n < 0, 0, gamma_p.bind(where(n < 0, 0, n) + 1))


def poch(z: Any, m: Any) -> Any:
    """Pochhammer's symbol, the rising factorial ``gamma(z + m) / gamma(z)``; 0 where only the denominator has a pole.

    Arguments broadcast. Differentiable in both (nan where `z` or ``z + m`` is 0, -1, -2, ...).

    >>> poch(2.0, np.array([0.0, 3.0]))
    Array([ 1., 24.], dtype=float64)
    """
    return _poch(*real_operands("poch", z, m))


@with_derivatives(
    lambda t, y, z, m: t * (y * (digamma_p.bind(z + m) - digamma_p.bind(z))), lambda t, y, z, m: t * (y * digamma_p.bind(z + m)))
def _poch(z: Any, m: Any) -> Any:
    whole = (floor(m) == m) & (absolute(m) <= _WHOLE)
    product, below = z * 0 + 1, minimum(m, 0)
    for k in range(_WHOLE):  # z (z + 1) ...; for negative m, that of z + m, inverted
        product = where(k < absolute(m), product * (z + below + k), product)
    product = where(m < 0, where(product == 0, np.inf, 1 / where(product == 0, 1, product)), product)
    # Left of 0 by reflection (DLMF 5.5.3): gamma(1 - z) / gamma(1 - z - m), whose poles, if m is whole, are only a sign.
    left = (z < 0) & (z + m < 0) | (floor(m) == m) & (z <= 0) & (z + m <= 0)
    start, end = where(left, 1 - z - m, z), where(left, 1 - z, z + m)
    odd = floor(m / 2) * 2 != m
    turned = where(floor(m) == m, where(odd, -1, 1), _sin_pi(z) / where(left & (floor(m) != m), _sin_pi(z + m), 1))
    out = _positive_quotient(start, end, m) * where(left, turned, 1)
    at_pole, above_pole = (z <= 0) & (floor(z) == z), (z + m <= 0) & (floor(z + m) == z + m)
    return where(whole, product, where(at_pole & ~above_pole, 0, where(above_pole & ~at_pole, np.inf, out)))


def _sin_pi(x: Any) -> Any:
    rest = x - 2 * round_(x / 2)
    return sin(math.pi * where(absolute(rest) > 0.5, where(rest > 0, 1 - rest, -1 - rest), rest))


def _positive_quotient(start: Any, end: Any, m: Any) -> Any:
    """gamma(end) / gamma(start), where end - start is m but for rounding; poles apart, of any sign."""
    far = (minimum(start, end) >= SMALLEST) & (absolute(m) < 0.5 * start)
    top, bottom = gamma_p.bind(end), gamma_p.bind(start)
    usable = (absolute(top) < np.inf) & (absolute(bottom) < np.inf) & (top != 0) & (bottom != 0)
    by_logarithms = gammasgn(start) * gammasgn(end) * exp(lgamma_p.bind(end) - lgamma_p.bind(start))
    direct = where(usable, top / where(usable, bottom, 1), by_logarithms)
    return where(far, gamma_quotient(where(far, start, SMALLEST), where(far, m, 0)), direct)


def comb(N: Any, k: Any, *, repetition: bool = False) -> Any:
    """The number of ways to choose `k` of `N` things, each once, or with `repetition` any number of times. Arguments broadcast.

    0 where `k` or `N` is negative, or (without repetition) `k` is above `N`. Exact below 2**53 / N for whole numbers of which the smaller
    of `k` and ``N - k`` is at most 20; real numbers are interpolated by the gamma function.

    >>> comb(5, np.array([2, 6]))
    Array([10.,  0.], dtype=float64)
    """
    n, k = real_operands("comb", N, k)
    if repetition:
        return where((n == 0) & (k == 0), 1, _comb(n + k - 1, k))
    return _comb(n, k)


@with_derivatives(
    lambda t, y, n, k: t * (y * (digamma_p.bind(n + 1) - digamma_p.bind(n - k + 1))),
    lambda t, y, n, k: t * (y * (digamma_p.bind(n - k + 1) - digamma_p.bind(k + 1))))
def _comb(n: Any, k: Any) -> Any:
    outside = (k < 0) | (n < 0) | (k > n)
    n, k = where(outside, 0, n), where(outside, 0, k)
    few = where((floor(n) == n) & (n - k < k), n - k, k)
    whole = (floor(few) == few) & (few <= _WHOLE)
    product = n * 0 + 1
    for i in range(1, _WHOLE + 1):
        product = where(i <= few, product * (n - few + i) / i, product)
    smooth = 1 / ((n + 1) * beta(n - k + 1, k + 1))
    out = where(outside, 0, where(whole, product, smooth))
    return convert_element_type(out, typeof(n).dtype, typeof(product).weak_type)


def bernoulli(n: Any) -> Any:
    """The Bernoulli numbers B_0, ..., B_n, with ``B_1 == -1/2``, each rounded once.

    Args:
        n: a Python integer, 0 or more.

    Raises:
        TypeError: if `n` is traced or not whole.
        ValueError: if `n` is negative.

    >>> bernoulli(4)
    Array([ 1.        , -0.5       ,  0.16666667,  0.        , -0.03333333], dtype=float64)
    """
    count = static_integer("bernoulli", "n", n)
    return asarray(np.array(_bernoulli_numbers(count)).astype(options().default_float))


def _bernoulli_numbers(n: int) -> list[float]:
    """Exactly, by the tangent numbers (Knuth and Buckholtz, 1967)."""
    half = n // 2
    tangent = [0, 1] + [0] * half
    for k in range(2, half + 1):
        tangent[k] = (k - 1) * tangent[k - 1]
    for k in range(2, half + 1):
        for j in range(k, half + 1):
            tangent[j] = (j - k) * tangent[j - 1] + (j - k + 2) * tangent[j]
    out = [1.0, -0.5][:n + 1] + [0.0] * (n - 1)
    for k in range(1, half + 1):
        size = Fraction(2 * k * tangent[k], 4**k * (4**k - 1))
        out[2 * k] = (-1) ** (k + 1) * (float(size) if size < 2**1024 else math.inf)
    return out
