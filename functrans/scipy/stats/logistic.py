"""The logistic distribution: distribution function ``1 / (1 + exp(-y))`` with ``y = (x - loc) / scale``.

Operands, dtypes and errors as `functrans.scipy.stats` says. Johnson, Kotz, Balakrishnan, "Continuous Univariate Distributions" 2
(1995), chapter 23.
"""

from __future__ import annotations

from typing import Any

from functrans.nn.activations import log_sigmoid
from functrans.scipy.special import expit, logit
from functrans.scipy.stats.families import Continuous

__all__ = ["cdf", "isf", "logpdf", "pdf", "ppf", "sf"]

_FAMILY = Continuous("logistic")
_logpdf, _pdf = _FAMILY.densities(lambda y: log_sigmoid(y) + log_sigmoid(-y), (1.0, -1.0))
_cdf = _FAMILY.function("cdf", expit)
_sf = _FAMILY.function("sf", lambda y: expit(-y))
_ppf = _FAMILY.quantile("ppf", logit)
_isf = _FAMILY.quantile("isf", lambda q: -logit(q))


def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the density.

    >>> print(logpdf(0.0, scale=0.25), logpdf(1000.0))
    0.0 -1000.0
    """
    return _logpdf(x, loc, scale)


def pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The density, ``exp(-y) / (scale (1 + exp(-y))**2)``.

    >>> print(pdf(0.0))
    0.25
    """
    return _pdf(x, loc, scale)


def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The distribution function, ``1 / (1 + exp(-y))``.

    >>> print(cdf(0.0), f"{cdf(-50.0):.6g}")
    0.5 1.92875e-22
    """
    return _cdf(x, loc, scale)


def sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The survival function, ``1 / (1 + exp(y))``.

    >>> print(sf(0.0), f"{sf(50.0):.6g}")
    0.5 1.92875e-22
    """
    return _sf(x, loc, scale)


def ppf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The quantile function of the probability x, ``loc + scale log(x / (1 - x))``; nan where x is no probability.

    >>> print(ppf(0.5, loc=3.0), f"{ppf(1e-20):.6f}")
    3.0 -46.051702
    """
    return _ppf(x, loc, scale)


def isf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The inverse of the survival function at the probability x; nan where x is no probability.

    >>> print(isf(0.5, loc=3.0), f"{isf(1e-20):.6f}")
    3.0 46.051702
    """
    return _isf(x, loc, scale)
