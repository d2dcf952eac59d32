"""The Pareto distribution: density ``b y**(-b - 1)`` for ``y = (x - loc) / scale >= 1``; ``b > 0``.

``b log(y)`` is exponential, so every probability is that of `expon` there. Operands, dtypes and errors as
`functrans.scipy.stats` says. Johnson, Kotz, Balakrishnan, "Continuous Univariate Distributions" 1 (1994), chapter 20.
"""

from __future__ import annotations

from typing import Any

from functrans.nn.activations import log1mexp
from functrans.numpy.elementary import exp, expm1, log, log1p
from functrans.scipy.stats.families import Continuous

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]

_FAMILY = Continuous("pareto", lower=1.0, valid=lambda b: b > 0)
_logpdf, _pdf = _FAMILY.densities(lambda y, b: log(b) - (b + 1) * log(y))
_cdf = _FAMILY.function("cdf", lambda y, b: -expm1(-b * log(y)))
_sf = _FAMILY.function("sf", lambda y, b: exp(-b * log(y)))
_logcdf = _FAMILY.function("logcdf", lambda y, b: log1mexp(b * log(y)))
_logsf = _FAMILY.function("logsf", lambda y, b: -b * log(y))
_ppf = _FAMILY.quantile("ppf", lambda q, b: exp(-log1p(-q) / b))


def logpdf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the density.

    >>> print(logpdf(1.0, 1.0), logpdf(0.5, 1.0))
    0.0 -inf
    """
    return _logpdf(x, b, loc, scale)


def pdf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The density, ``b y**(-b - 1) / scale``.

    >>> print(pdf(2.0, 1.0))
    0.25
    """
    return _pdf(x, b, loc, scale)


def cdf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The distribution function, ``1 - y**-b``.

    >>> print(cdf(2.0, 2.0))
    0.75
    """
    return _cdf(x, b, loc, scale)


def logcdf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the distribution function.

    >>> print(f"{logcdf(1e10, 3.0):.3g}")
    -1e-30
    """
    return _logcdf(x, b, loc, scale)


def sf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The survival function, ``y**-b``.

    >>> print(sf(2.0, 2.0))
    0.25
    """
    return _sf(x, b, loc, scale)


def logsf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the survival function, ``-b log(y)``.

    >>> print(f"{logsf(2.0, 2000.0):.6f}")
    -1386.294361
    """
    return _logsf(x, b, loc, scale)


def ppf(q: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The quantile function, ``loc + scale (1 - q)**(-1 / b)``; nan where q is no probability.

    >>> print(ppf(0.0, 2.0), f"{ppf(0.75, 2.0):.6f}")
    1.0 2.000000
    """
    return _ppf(q, b, loc, scale)
