"""The gamma distribution: density ``y**(a - 1) exp(-y) / gamma(a)`` for ``y = (x - loc) / scale >= 0``; ``a > 0``.

Operands, dtypes and errors as `functrans.scipy.stats` says. DLMF 8.2.
"""

from __future__ import annotations

import math
from typing import Any

from functrans.numpy.choice import where
from functrans.numpy.elementary import log
from functrans.scipy.special import gammainc, gammaincc, gammaln
from functrans.scipy.special_stirling import SMALLEST, poisson_terms
from functrans.scipy.stats.families import Continuous
from functrans.scipy.stats.logarithms import log_power, log_probability

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "sf"]


def _parts(y: Any, a: Any) -> tuple[Any, Any, Any]:
    """Whether y is left of the shape, and the probability left of it where it is, right of it where it is not."""
    left = y < a
    return left, gammainc(a, where(left, y, a)), gammaincc(a, where(left, a, y))


def _log_left(y: Any, a: Any) -> Any:
    left, lower, upper = _parts(y, a)
    return log_probability(left, lower, upper)


def _log_right(y: Any, a: Any) -> Any:
    left, lower, upper = _parts(y, a)
    return log_probability(~left, upper, lower)


def _log_density(y: Any, a: Any) -> Any:
    """Of a large shape by terms that do not cancel, as the logarithms would."""
    large = a >= SMALLEST  # asked of the shape alone, so that gammaln is computed once for all y
    inside = large & (y > 0)
    u, c = where(inside, y, SMALLEST), where(large, a, SMALLEST)
    by_terms = poisson_terms(c, u) + log(c) - log(u)
    y, a = where(large, 1.0, y), where(large, 1.0, a)
    return where(large, where(inside, by_terms, -math.inf), log_power(y, a - 1) - y - gammaln(a))


_FAMILY = Continuous("gamma", lower=0.0, valid=lambda a: a > 0, steep=True)
_logpdf, _pdf = _FAMILY.densities(_log_density, (0.0, -1.0))
_cdf = _FAMILY.function("cdf", lambda y, a: gammainc(a, y))
_sf = _FAMILY.function("sf", lambda y, a: gammaincc(a, y))
_logcdf = _FAMILY.function("logcdf", _log_left)
_logsf = _FAMILY.function("logsf", _log_right, (0.0, -1.0))


def logpdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the density.

    >>> print(logpdf(2.0, 1.0), logpdf(-1.0, 1.0))
    -2.0 -inf
    """
    return _logpdf(x, a, loc, scale)


def pdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The density.

    >>> print(f"{pdf(1.0, 3.0):.6f}")
    0.183940
    """
    return _pdf(x, a, loc, scale)


def cdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The distribution function, the regularized lower incomplete gamma function of a and y.

    >>> print(f"{cdf(1.0, 2.0):.6f}")
    0.264241
    """
    return _cdf(x, a, loc, scale)


def logcdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the distribution function.

    >>> print(f"{logcdf(50.0, 2.0):.6g}")
    -9.83662e-21
    """
    return _logcdf(x, a, loc, scale)


def sf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The survival function, the regularized upper incomplete gamma function of a and y.

    >>> print(f"{sf(50.0, 2.0):.6g}")
    9.83662e-21
    """
    return _sf(x, a, loc, scale)


def logsf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the survival function; -inf where that is below the least float.

    >>> print(f"{logsf(50.0, 2.0):.6f}")
    -46.068174
    """
    return _logsf(x, a, loc, scale)
