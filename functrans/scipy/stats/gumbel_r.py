"""The right-skewed Gumbel distribution: distribution function ``exp(-exp(-y))`` with ``y = (x - loc) / scale``.

Operands, dtypes and errors as `functrans.scipy.stats` says. Johnson, Kotz, Balakrishnan, "Continuous Univariate Distributions" 2
(1995), chapter 22.
"""

from __future__ import annotations

import math
from typing import Any

from functrans.scipy.stats import gumbel
from functrans.scipy.stats.families import Continuous

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]

_FAMILY = Continuous("gumbel_r")
_logpdf = _FAMILY.function("logpdf", gumbel.logpdf, (math.inf, -1.0))
_pdf = _FAMILY.function("pdf", gumbel.logpdf_near)
_cdf = _FAMILY.function("cdf", gumbel.cdf)
_sf = _FAMILY.function("sf", gumbel.sf)
_logcdf = _FAMILY.function("logcdf", gumbel.logcdf, (math.inf, 0.0))
_logsf = _FAMILY.function("logsf", gumbel.logsf, (0.0, -1.0))
_ppf = _FAMILY.quantile("ppf", gumbel.ppf)


def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the density, ``-y - exp(-y) - log(scale)``.

    >>> print(logpdf(0.0))
    -1.0
    """
    return _logpdf(x, loc, scale)


def pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The density, ``exp(-y - exp(-y)) / scale``.

    >>> print(f"{pdf(0.0):.6f}")
    0.367879
    """
    return _pdf(x, loc, scale)


def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The distribution function, ``exp(-exp(-y))``.

    >>> print(f"{cdf(0.0):.6f}")
    0.367879
    """
    return _cdf(x, loc, scale)


def logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the distribution function, ``-exp(-y)``.

    >>> print(logcdf(0.0))
    -1.0
    """
    return _logcdf(x, loc, scale)


def sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The survival function, ``1 - exp(-exp(-y))``.

    >>> print(f"{sf(50.0):.3g}")
    1.93e-22
    """
    return _sf(x, loc, scale)


def logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the survival function.

    >>> print(logsf(1000.0))
    -1000.0
    """
    return _logsf(x, loc, scale)


def ppf(p: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The quantile function, ``loc - scale log(-log(p))``; nan where p is no probability.

    >>> print(f"{ppf(0.5):.6f}")
    0.366513
    """
    return _ppf(p, loc, scale)
