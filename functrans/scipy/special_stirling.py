"""Quotients of gamma functions and logarithms of densities of large parameters, without the difference of large logarithms.

Stirling's formula takes the large terms out of each gamma function; together they make `deviance`, which is small beside its arguments
where they are near each other. All is made of smooth pieces, so it may be differentiated. C. Loader, "Fast and accurate computation of
binomial probabilities" (2000); DLMF 5.11.1.
"""

from __future__ import annotations

import math
from typing import Any

from functrans.numpy.choice import where
from functrans.numpy.elementary import exp, log, log1p
from functrans.numpy.ufuncs import absolute
from functrans.primitives.special_tables import LOG1P_REST, STIRLING

__all__ = ["SMALLEST", "binomial_terms", "deviance", "gamma_quotient", "log1p_rest", "poisson_terms", "stirling_rest"]

SMALLEST = 10.0
"""From here on the terms of `stirling_rest` suffice."""
_HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)


def _polynomial(x: Any, coefficients: tuple[float, ...]) -> Any:
    total: Any = coefficients[0]
    for c in coefficients[1:]:
        total = total * x + c
    return total


def log1p_rest(u: Any) -> Any:
    """``log(1 + u) - u`` for u > -1, of relative accuracy near 0.

    >>> print(f"{log1p_rest(1e-9):.6g}")
    -5e-19
    """
    near = absolute(u) < 0.3
    return where(near, _near_log1p_rest(where(near, u, 0)), log1p(where(near, 1, u)) - where(near, 1, u))


def _near_log1p_rest(u: Any) -> Any:
    r = u / (u + 2)  # log(1 + u) == 2 atanh(r), and 2 r - u == -u r
    square = r * r
    return r * (2 * square * _polynomial(square, LOG1P_REST) - u)


def stirling_rest(x: Any) -> Any:
    """The logarithm of gamma(x) less ``(x - 1/2) log x - x + log(2 pi) / 2``, for x of `SMALLEST` and above.

    >>> print(f"{stirling_rest(100.0):.9f}")
    0.000833331
    """
    r = 1 / x
    return r * _polynomial(r * r, STIRLING)


def deviance(x: Any, mean: Any) -> Any:
    """``x log(x / mean) + mean - x`` for positive operands; its relative accuracy is that of their difference.

    >>> print(f"{deviance(1e8, 1e8 + 1):.6g}")
    5e-09
    """
    gap = mean - x
    near = absolute(gap) < 0.3 * x
    close = -x * _near_log1p_rest(where(near, gap, 0) / x)
    return where(near, close, x * (log(x) - log(where(near, x, mean))) + gap)


def poisson_terms(k: Any, mean: Any) -> Any:
    """The logarithm of ``mean**k exp(-mean) / gamma(k + 1)``, k of `SMALLEST` and above.

    >>> import functrans.numpy as jnp
    >>> print(f"{jnp.exp(poisson_terms(1e10, 1e10)):.6e}")
    3.989423e-06
    """
    return -stirling_rest(k) - deviance(k, mean) - 0.5 * log(k) - _HALF_LOG_TAU


def binomial_terms(a: Any, b: Any, p: Any, q: Any) -> Any:
    """The logarithm of ``gamma(a + b + 1) / (gamma(a + 1) gamma(b + 1)) p**a q**b`` where p + q = 1; a, b of `SMALLEST` and above.

    >>> import functrans.numpy as jnp
    >>> print(f"{jnp.exp(binomial_terms(5e9, 5e9, 0.5, 0.5)):.6e}")
    7.978846e-06
    """
    n = a + b
    rests = stirling_rest(n) - stirling_rest(a) - stirling_rest(b)
    return rests - deviance(a, n * p) - deviance(b, n * q) - 0.5 * log(a * (b / n)) - _HALF_LOG_TAU


def gamma_quotient(x: Any, m: Any) -> Any:
    """``gamma(x + m) / gamma(x)`` where both arguments are `SMALLEST` and above.

    >>> print(f"{gamma_quotient(1e12, 0.5):.6f}")
    1000000.000000
    """
    above = x + m
    u = m / x
    power = above ** (0.5 * m)  # halved, since it may overflow before the result does
    return power * exp(x * log1p_rest(u) - 0.5 * log1p(u) + (stirling_rest(above) - stirling_rest(x))) * power
