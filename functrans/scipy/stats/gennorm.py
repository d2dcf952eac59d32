"""The generalized normal distribution: density ``beta exp(-|x|**beta) / (2 gamma(1 / beta))``; ``beta > 0``.

Its power ``|x|**beta`` is a gamma variable of shape ``1 / beta``. Operands, dtypes and errors as `functrans.scipy.stats` says.
S. Nadarajah, "A generalized normal distribution" (2005).
"""

from __future__ import annotations

from typing import Any

from functrans.numpy.choice import where
from functrans.numpy.elementary import log
from functrans.numpy.ufuncs import absolute
from functrans.scipy.special import gammaincc, gammaln
from functrans.scipy.stats.families import Continuous

__all__ = ["cdf", "logpdf", "pdf"]


def _power(y: Any, beta: Any) -> Any:
    """``|y|**beta``, whose derivatives at 0 are 0."""
    return where(y == 0, 0, where(y == 0, 1, absolute(y)) ** beta)


def _left(y: Any, beta: Any) -> Any:
    tail = gammaincc(1 / beta, _power(y, beta)) / 2
    return where(y < 0, tail, 1 - tail)


_FAMILY = Continuous("gennorm", valid=lambda beta: beta > 0)
_logpdf, _pdf = _FAMILY.densities(lambda y, beta: log(beta / 2) - gammaln(1 / beta) - _power(y, beta))
_cdf = _FAMILY.function("cdf", _left)


def logpdf(x: Any, beta: Any) -> Any:
    """The logarithm of the density.

    >>> print(f"{logpdf(2.0, 1.0):.6f}")
    -2.693147
    """
    return _logpdf(x, beta, 0, 1)


def pdf(x: Any, beta: Any) -> Any:
    """The density.

    >>> print(f"{pdf(0.0, 1.0):.6f}")
    0.500000
    """
    return _pdf(x, beta, 0, 1)


def cdf(x: Any, beta: Any) -> Any:
    """The distribution function: half the upper incomplete gamma function of ``1 / beta`` and ``|x|**beta`` left of 0.

    >>> print(cdf(0.0, 1.0), f"{cdf(-50.0, 1.0):.6g}")
    0.5 9.64375e-23
    """
    return _cdf(x, beta, 0, 1)
