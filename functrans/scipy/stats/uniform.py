"""The uniform distribution on ``[loc, loc + scale]``.

Operands, dtypes and errors as `functrans.scipy.stats` says.
"""

from __future__ import annotations

from typing import Any

from functrans.scipy.stats.families import Continuous

__all__ = ["cdf", "logpdf", "pdf", "ppf"]

_FAMILY = Continuous("uniform", lower=0.0, upper=1.0)
_logpdf, _pdf = _FAMILY.densities(lambda y: 0 * y)
_cdf = _FAMILY.function("cdf", lambda y: y)
_ppf = _FAMILY.quantile("ppf", lambda q: q)


def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the density, ``-log(scale)``.

    >>> print(logpdf(0.5), logpdf(2.0))
    0.0 -inf
    """
    return _logpdf(x, loc, scale)


def pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The density, ``1 / scale``.

    >>> print(pdf(1.0, scale=4.0), pdf(5.0, scale=4.0))
    0.25 0.0
    """
    return _pdf(x, loc, scale)


def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The distribution function, ``(x - loc) / scale`` between 0 and 1.

    >>> print(cdf(1.0, scale=4.0), cdf(5.0, scale=4.0))
    0.25 1.0
    """
    return _cdf(x, loc, scale)


def ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The quantile function, ``loc + scale q``; nan where q is no probability.

    >>> print(ppf(0.25, scale=4.0))
    1.0
    """
    return _ppf(q, loc, scale)
