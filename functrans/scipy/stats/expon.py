"""The exponential distribution: density ``exp(-y)`` for ``y = (x - loc) / scale >= 0``.

Operands, dtypes and errors as `functrans.scipy.stats` says. DLMF 8.2 with a = 1.
"""

from __future__ import annotations

from typing import Any

from functrans.nn.activations import log1mexp
from functrans.numpy.elementary import exp, expm1, log1p
from functrans.scipy.stats.families import Continuous

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]

_FAMILY = Continuous("expon", lower=0.0)
_logpdf, _pdf = _FAMILY.densities(lambda y: -y, (0.0, -1.0))
_cdf = _FAMILY.function("cdf", lambda y: -expm1(-y))
_sf = _FAMILY.function("sf", lambda y: exp(-y))
_logcdf = _FAMILY.function("logcdf", log1mexp)
_logsf = _FAMILY.function("logsf", lambda y: -y, (0.0, -1.0))
_ppf = _FAMILY.quantile("ppf", lambda q: -log1p(-q))


def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the density, ``-y - log(scale)``.

    >>> print(logpdf(2.0), logpdf(-1.0))
    -2.0 -inf
    """
    return _logpdf(x, loc, scale)


def pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The density, ``exp(-y) / scale``.

    >>> print(pdf(0.0, scale=4.0), pdf(-1.0))
    0.25 0.0
    """
    return _pdf(x, loc, scale)


def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The distribution function, ``1 - exp(-y)``.

    >>> print(f"{cdf(1e-20):.3g}")
    1e-20
    """
    return _cdf(x, loc, scale)


def logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the distribution function.

    >>> print(f"{logcdf(50.0):.3g}")
    -1.93e-22
    """
    return _logcdf(x, loc, scale)


def sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The survival function, ``exp(-y)``.

    >>> print(f"{sf(50.0):.3g}")
    1.93e-22
    """
    return _sf(x, loc, scale)


def logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the survival function, ``-y``.

    >>> print(logsf(1000.0))
    -1000.0
    """
    return _logsf(x, loc, scale)


def ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The quantile function, ``loc - scale log(1 - q)``; nan where q is no probability.

    >>> print(f"{ppf(1e-20):.3g}")
    1e-20
    """
    return _ppf(q, loc, scale)
