"""The Bernoulli distribution: 1 with probability p, else 0; ``0 <= p <= 1``.

Operands, dtypes and errors as `functrans.scipy.stats` says.
"""

from __future__ import annotations

from typing import Any

from functrans.numpy.choice import where
from functrans.scipy.stats.families import Lattice, compiled, nan_unless
from functrans.scipy.stats.logarithms import log_power, log_power1m

__all__ = ["cdf", "logpmf", "pmf", "ppf"]


def _is_probability(p: Any) -> Any:
    return (p >= 0) & (p <= 1)


_FAMILY = Lattice("bernoulli", _is_probability, upper=1.0)
_logpmf, _pmf = _FAMILY.masses(lambda k, p: log_power(p, k) + log_power1m(p, 1 - k))
_cdf = _FAMILY.cumulative(lambda k, p: where(k < 1, 1 - p, 1))
_ppf = compiled("bernoulli.ppf", lambda q, p: nan_unless(_is_probability(q) & _is_probability(p), where(q <= 1 - p, 0.0 * q, 1), q, p))


def logpmf(k: Any, p: Any, loc: Any = 0) -> Any:
    """The logarithm of the mass at k.

    >>> print(logpmf(0, 0.0), logpmf(1, 0.0), logpmf(2, 0.5))
    0.0 -inf -inf
    """
    return _logpmf(k, p, loc)


def pmf(k: Any, p: Any, loc: Any = 0) -> Any:
    """The mass at k.

    >>> print(f"{pmf(0, 0.25):.6f} {pmf(1, 0.25):.6f}")
    0.750000 0.250000
    """
    return _pmf(k, p, loc)


def cdf(k: Any, p: Any) -> Any:
    """The distribution function at any real k.

    >>> print(cdf(-0.5, 0.25), cdf(0.5, 0.25), cdf(1, 0.25))
    0.0 0.75 1.0
    """
    return _cdf(k, p, 0)


def ppf(q: Any, p: Any) -> Any:
    """The least of 0 and 1 at which the distribution function is q or more; nan where q is no probability.

    >>> print(ppf(0.75, 0.25), ppf(0.76, 0.25))
    0.0 1.0
    """
    return _ppf(q, p)
