"""Logarithms that distributions share, without cancellation, overflow, or nan in derivatives."""

from __future__ import annotations

import math
from typing import Any

from functrans.numpy.choice import where
from functrans.numpy.elementary import log, log1p
from functrans.numpy.ufuncs import absolute

__all__ = ["log1p_square", "log_power", "log_power1m", "log_probability"]


def log1p_square(z: Any) -> Any:
    """``log(1 + z**2)``, where the square overflows too: from 1 on by ``2 log|z| + log(1 + 1 / z**2)``.

    >>> print(f"{log1p_square(1e200):.6f}")
    921.034037
    """
    far = absolute(z) > 1
    large, small = where(far, absolute(z), 2.0), where(far, 0.0, z)
    inverse = 1 / large
    return where(far, 2 * log(large) + log1p(inverse * inverse), log1p(small * small))


def log_probability(direct: Any, p: Any, complement: Any) -> Any:
    """``log(p)`` where `direct`, elsewhere ``log(1 - complement)``; -inf with derivative 0 where p is 0.

    Each is to be good where it is asked for; that is without cancellation, if that is where it is small.

    >>> print(f"{log_probability(False, 1.0, 1e-20):.3g}")
    -1e-20
    """
    nothing = direct & (p == 0)
    logarithm = where(nothing, -math.inf, log(where(nothing | ~direct, 0.5, p)))
    return where(direct, logarithm, log1p(-where(direct, 0.5, complement)))


def log_power(p: Any, exponent: Any) -> Any:
    """``exponent * log(p)``, 0 where the exponent is 0; at p = 0 with derivative 0.

    >>> print(log_power(0.0, 0.0), log_power(0.0, 2.0))
    0.0 -inf
    """
    return where(p == 0, _limit(exponent), exponent * log(where(p == 0, 1, p)))


def log_power1m(p: Any, exponent: Any) -> Any:
    """``exponent * log(1 - p)``, 0 where the exponent is 0; at p = 1 with derivative 0.

    >>> print(log_power1m(1.0, 0.0), log_power1m(1.0, 2.0))
    0.0 -inf
    """
    return where(p == 1, _limit(exponent), exponent * log1p(-where(p == 1, 0, p)))


def _limit(exponent: Any) -> Any:
    """``exponent * log(0)``."""
    return where(exponent == 0, 0, where(exponent > 0, -math.inf, math.inf))
