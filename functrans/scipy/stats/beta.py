"""The beta distribution: density ``y**(a - 1) (1 - y)**(b - 1) / B(a, b)`` for ``y = (x - loc) / scale`` in [0, 1]; ``a, b > 0``.

The survival function is the distribution function of ``1 - y`` with the shapes exchanged. All are differentiable in everything,
probabilities at most twice in the shapes. Operands, dtypes and errors as `functrans.scipy.stats` says. DLMF 8.17.
"""

from __future__ import annotations

import math
from typing import Any

from functrans.numpy.choice import where
from functrans.numpy.elementary import log, log1p
from functrans.numpy.ufuncs import minimum
from functrans.scipy.special import betainc, betaln
from functrans.scipy.special_stirling import SMALLEST, binomial_terms
from functrans.scipy.stats.families import Continuous
from functrans.scipy.stats.logarithms import log_power, log_power1m, log_probability

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "sf"]


def _left(y: Any, a: Any, b: Any) -> Any:
    return betainc(a, b, y)


def _right(y: Any, a: Any, b: Any) -> Any:
    return betainc(b, a, 1 - y)


def _smaller(y: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """Whether y is left of the mean, and the probability on its side: one incomplete beta function, the shapes exchanged on the right."""
    left = (a + b) * y < a
    return left, betainc(where(left, a, b), where(left, b, a), where(left, y, 1 - y))


def _log_left(y: Any, a: Any, b: Any) -> Any:
    left, smaller = _smaller(y, a, b)
    return log_probability(left, smaller, smaller)


def _log_right(y: Any, a: Any, b: Any) -> Any:
    left, smaller = _smaller(y, a, b)
    return log_probability(~left, smaller, smaller)


def _log_density(y: Any, a: Any, b: Any) -> Any:
    """Of large shapes by the terms of a binomial mass, where the logarithms would cancel.

    Which are large is asked of the shapes alone: what depends on nothing else is then computed once for all y.
    """
    large = minimum(a, b) >= SMALLEST
    inside = large & (y > 0) & (y < 1)
    u, c, d = where(inside, y, 0.5), where(large, a, SMALLEST), where(large, b, SMALLEST)
    by_terms = binomial_terms(c, d, u, 1 - u) + log(c * (d / (c + d))) - log(u) - log1p(-u)
    y, c, d = where(large, 0.5, y), where(large, 1.0, a), where(large, 1.0, b)
    by_logarithms = log_power(y, c - 1) + log_power1m(y, d - 1) - betaln(c, d)
    return where(large, where(inside, by_terms, -math.inf), by_logarithms)


_FAMILY = Continuous("beta", lower=0.0, upper=1.0, valid=lambda a, b: (a > 0) & (b > 0), steep=True)
_logpdf, _pdf = _FAMILY.densities(_log_density)
_cdf = _FAMILY.function("cdf", _left)
_sf = _FAMILY.function("sf", _right)
_logcdf = _FAMILY.function("logcdf", _log_left)
_logsf = _FAMILY.function("logsf", _log_right)


def logpdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the density.

    >>> print(f"{logpdf(0.5, 2.0, 2.0):.6f}", logpdf(2.0, 2.0, 2.0))
    0.405465 -inf
    """
    return _logpdf(x, a, b, loc, scale)


def pdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The density.

    >>> print(f"{pdf(0.5, 2.0, 2.0):.6f}")
    1.500000
    """
    return _pdf(x, a, b, loc, scale)


def cdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The distribution function, the regularized incomplete beta function of y.

    >>> print(f"{cdf(0.5, 2.0, 3.0):.6f}")
    0.687500
    """
    return _cdf(x, a, b, loc, scale)


def logcdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the distribution function.

    >>> print(f"{logcdf(1e-10, 2.0, 1.0):.6f}")
    -46.051702
    """
    return _logcdf(x, a, b, loc, scale)


def sf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The survival function.

    >>> print(f"{sf(0.5, 2.0, 3.0):.6f}")
    0.312500
    """
    return _sf(x, a, b, loc, scale)


def logsf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the survival function.

    >>> print(f"{logsf(0.5, 1.0, 100.0):.6f}")
    -69.314718
    """
    return _logsf(x, a, b, loc, scale)
