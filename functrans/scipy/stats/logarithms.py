"""Logarithms that distributions share, without cancellation, overflow, or nan in derivatives."""

from __future__ import annotations

import math
from typing import Any

from functrans.numpy.choice import where
from functrans.numpy.elementary import log, log1p
from functrans.numpy.ufuncs import absolute
from functrans.scipy.special import xlog1py, xlogy

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


def log_probability(p: Any, complement: Any) -> Any:
    """``log(p)`` given p and 1 - p, each without cancellation where it is small; -inf with derivative 0 where p is 0.

    >>> print(f"{log_probability(1.0, 1e-20):.3g}")
    -1e-20
    """
    small = p < 0.5
    nothing = p == 0
    logarithm = where(nothing, -math.inf, log(where(small & ~nothing, p, 0.5)))
    return where(small, logarithm, log1p(-where(small, 0.5, complement)))


def log_power(p: Any, exponent: Any) -> Any:
    """``exponent * log(p)``, 0 where the exponent is 0; then with derivative 0 where p is 0, too.

    >>> print(log_power(0.0, 0.0), log_power(0.0, 2.0))
    0.0 -inf
    """
    return xlogy(exponent, where((p == 0) & (exponent == 0), 1, p))


def log_power1m(p: Any, exponent: Any) -> Any:
    """``exponent * log(1 - p)``, 0 where the exponent is 0; then with derivative 0 where p is 1, too.

    >>> print(log_power1m(1.0, 0.0), log_power1m(1.0, 2.0))
    0.0 -inf
    """
    return xlog1py(exponent, -where((p == 1) & (exponent == 0), 0, p))
