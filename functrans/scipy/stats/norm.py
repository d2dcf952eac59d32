"""The normal distribution: density ``exp(-y**2 / 2) / sqrt(2 pi)`` with ``y = (x - loc) / scale``.

The survival function is the distribution function of ``-y``, so that both keep their relative precision in their tails. Operands,
dtypes and errors as `functrans.scipy.stats` says. DLMF 7.
"""

from __future__ import annotations

import math
from typing import Any

from functrans.scipy.special import log_ndtr, ndtr, ndtri
from functrans.scipy.stats.families import Continuous

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]

_FAMILY = Continuous("norm")
_logpdf, _pdf = _FAMILY.densities(lambda y: -0.5 * (y * y) - 0.5 * math.log(2 * math.pi), (math.inf, -math.inf))
_cdf = _FAMILY.function("cdf", ndtr)
_sf = _FAMILY.function("sf", lambda y: ndtr(-y))
_logcdf = _FAMILY.function("logcdf", log_ndtr, (math.inf, 0.0))
_logsf = _FAMILY.function("logsf", lambda y: log_ndtr(-y), (0.0, -math.inf))
_ppf = _FAMILY.quantile("ppf", ndtri)
_isf = _FAMILY.quantile("isf", lambda q: -ndtri(q))


def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the density.

    >>> print(f"{logpdf(0.0):.6f}")
    -0.918939
    """
    return _logpdf(x, loc, scale)


def pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The density, ``exp(-y**2 / 2) / (scale sqrt(2 pi))``.

    >>> print(f"{pdf(0.0):.6f}")
    0.398942
    """
    return _pdf(x, loc, scale)


def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The distribution function.

    >>> print(f"{cdf(1.0):.6f} {cdf(-20.0):.6g}")
    0.841345 2.75362e-89
    """
    return _cdf(x, loc, scale)


def logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the distribution function.

    >>> print(f"{logcdf(-100.0):.6f} {logcdf(20.0):.6g}")
    -5005.524209 -2.75362e-89
    """
    return _logcdf(x, loc, scale)


def sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The survival function, ``1 - cdf``.

    >>> print(f"{sf(1.0):.6f} {sf(20.0):.6g}")
    0.158655 2.75362e-89
    """
    return _sf(x, loc, scale)


def logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the survival function.

    >>> print(f"{logsf(100.0):.6f} {logsf(-20.0):.6g}")
    -5005.524209 -2.75362e-89
    """
    return _logsf(x, loc, scale)


def ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The quantile function, the inverse of `cdf`; nan where q is no probability.

    >>> print(ppf(0.5), f"{ppf(1e-20):.6f}")
    0.0 -9.262340
    """
    return _ppf(q, loc, scale)


def isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The inverse of the survival function; nan where q is no probability.

    >>> print(f"{isf(1e-20):.6f}")
    9.262340
    """
    return _isf(q, loc, scale)
