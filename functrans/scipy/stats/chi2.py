"""The chi-squared distribution of `df` degrees of freedom: twice a `gamma` variable of shape ``df / 2``.

Operands, dtypes and errors as `functrans.scipy.stats` says. Johnson, Kotz, Balakrishnan, "Continuous Univariate Distributions" 1
(1994), chapter 18.
"""

from __future__ import annotations

from typing import Any

from functrans.scipy.stats import gamma
from functrans.scipy.stats.families import Function, compiled

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "sf"]


def _of_gamma(method: str, function: Function) -> Function:
    return compiled(f"chi2.{method}", lambda x, df, loc, scale: function(x, df / 2, loc, 2 * scale))


_logpdf, _pdf = _of_gamma("logpdf", gamma.logpdf), _of_gamma("pdf", gamma.pdf)
_cdf, _logcdf = _of_gamma("cdf", gamma.cdf), _of_gamma("logcdf", gamma.logcdf)
_sf, _logsf = _of_gamma("sf", gamma.sf), _of_gamma("logsf", gamma.logsf)


def logpdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the density.

    >>> print(f"{logpdf(2.0, 2.0):.6f}")
    -1.693147
    """
    return _logpdf(x, df, loc, scale)


def pdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The density.

    >>> print(pdf(0.0, 2.0))
    0.5
    """
    return _pdf(x, df, loc, scale)


def cdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The distribution function.

    >>> print(f"{cdf(3.841458820694124, 1.0):.6f}")
    0.950000
    """
    return _cdf(x, df, loc, scale)


def logcdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the distribution function.

    >>> print(f"{logcdf(100.0, 4.0):.6g}")
    -9.83662e-21
    """
    return _logcdf(x, df, loc, scale)


def sf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The survival function.

    >>> print(f"{sf(100.0, 4.0):.6g}")
    9.83662e-21
    """
    return _sf(x, df, loc, scale)


def logsf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the survival function; -inf where that is below the least float.

    >>> print(f"{logsf(100.0, 4.0):.6f}")
    -46.068174
    """
    return _logsf(x, df, loc, scale)
