"""The Cauchy distribution: density ``1 / (pi (1 + y**2))`` with ``y = (x - loc) / scale``.

The angle ``arctan2(1, -y)``, from 0 on the far left to pi on the far right, keeps its relative precision in the left tail; by
symmetry the survival function does in the right one. Operands, dtypes and errors as `functrans.scipy.stats` says. Johnson, Kotz,
Balakrishnan, "Continuous Univariate Distributions" 1 (1994), chapter 16.
"""

from __future__ import annotations

import math
from typing import Any

from functrans.numpy.choice import where
from functrans.numpy.elementary import arctan2, tan
from functrans.numpy.ufuncs import absolute
from functrans.scipy.stats.families import Continuous
from functrans.scipy.stats.logarithms import log1p_square, log_probability

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]


def _left(y: Any) -> Any:
    return arctan2(1.0, -y) / math.pi


def _quantile(q: Any) -> Any:
    """``tan(pi (q - 1/2))``, in the outer quarters by the cotangent of the tail's angle: subtractions are exact in both forms."""
    middle = absolute(q - 0.5) < 0.25
    left = q < 0.5
    tail = where(middle, 0.125, where(left, q, 1 - q))
    outer = 1 / tan(math.pi * tail)
    return where(middle, tan(math.pi * (where(middle, q, 0.5) - 0.5)), where(left, -outer, outer))


_FAMILY = Continuous("cauchy")
_logpdf, _pdf = _FAMILY.densities(lambda y: -math.log(math.pi) - log1p_square(y))
_cdf = _FAMILY.function("cdf", _left)
_sf = _FAMILY.function("sf", lambda y: _left(-y))
_logcdf = _FAMILY.function("logcdf", lambda y: log_probability(y < 0, _left(y), _left(-y)))
_logsf = _FAMILY.function("logsf", lambda y: log_probability(y > 0, _left(-y), _left(y)))
_ppf = _FAMILY.quantile("ppf", _quantile)
_isf = _FAMILY.quantile("isf", lambda q: -_quantile(q))


def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the density.

    >>> print(f"{logpdf(0.0):.6f} {logpdf(1e200):.6f}")
    -1.144730 -922.178767
    """
    return _logpdf(x, loc, scale)


def pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The density, ``1 / (pi scale (1 + y**2))``.

    >>> print(f"{pdf(1.0):.6f}")
    0.159155
    """
    return _pdf(x, loc, scale)


def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The distribution function, ``1/2 + arctan(y) / pi``.

    >>> print(cdf(1.0), f"{cdf(-1e20):.6g}")
    0.75 3.1831e-21
    """
    return _cdf(x, loc, scale)


def logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the distribution function.

    >>> print(f"{logcdf(1e20):.6g}")
    -3.1831e-21
    """
    return _logcdf(x, loc, scale)


def sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The survival function, ``1/2 - arctan(y) / pi``.

    >>> print(sf(1.0), f"{sf(1e20):.6g}")
    0.25 3.1831e-21
    """
    return _sf(x, loc, scale)


def logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the survival function.

    >>> print(f"{logsf(-1e20):.6g}")
    -3.1831e-21
    """
    return _logsf(x, loc, scale)


def ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The quantile function, ``loc + scale tan(pi (q - 1/2))``; nan where q is no probability.

    >>> print(f"{ppf(0.75):.6f} {ppf(1e-20):.6g}")
    1.000000 -3.1831e+19
    """
    return _ppf(q, loc, scale)


def isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The inverse of the survival function; nan where q is no probability.

    >>> print(f"{isf(0.25):.6f} {isf(1e-20):.6g}")
    1.000000 3.1831e+19
    """
    return _isf(q, loc, scale)
