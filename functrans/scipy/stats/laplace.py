"""The Laplace distribution: density ``exp(-|y|) / 2`` with ``y = (x - loc) / scale``.

Operands, dtypes and errors as `functrans.scipy.stats` says. Johnson, Kotz, Balakrishnan, "Continuous Univariate Distributions" 2
(1995), chapter 24.
"""

from __future__ import annotations

import math
from typing import Any

from functrans.numpy.choice import where
from functrans.numpy.elementary import exp
from functrans.numpy.ufuncs import absolute
from functrans.scipy.stats.families import Continuous

__all__ = ["cdf", "logpdf", "pdf"]


def _left(y: Any) -> Any:
    tail = exp(where(y < 0, y, -y)) / 2
    return where(y < 0, tail, 1 - tail)


_FAMILY = Continuous("laplace")
_logpdf, _pdf = _FAMILY.densities(lambda y: -absolute(y) - math.log(2), (1.0, -1.0))
_cdf = _FAMILY.function("cdf", _left)


def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the density, ``-|y| - log(2 scale)``.

    >>> print(logpdf(0.0, scale=0.5))
    0.0
    """
    return _logpdf(x, loc, scale)


def pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The density, ``exp(-|y|) / (2 scale)``.

    >>> print(pdf(0.0))
    0.5
    """
    return _pdf(x, loc, scale)


def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The distribution function, ``exp(y) / 2`` left of 0 and ``1 - exp(-y) / 2`` right of it.

    >>> print(cdf(0.0), f"{cdf(-50.0):.3g}")
    0.5 9.64e-23
    """
    return _cdf(x, loc, scale)
